"""Training a classifier of pictures, and how they are varied for it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.plugins.image.adversarial.data import CHANNELS
from multigan.plugins.image.classifier.data import Labelled, open_labelled
from multigan.plugins.image.classifier.network import Classifier
from multigan.plugins.image.classifier.recipe import ClassifierAugment, PictureClassifierRecipe
from multigan.training.classification import ClassifierTraining
from multigan.training.phases import Batch, Noise, Preview

SHOWN = 64
CHUNK = 500  # pictures at once when evaluating


class PictureClassifierTraining(ClassifierTraining):
    """Learns the labels of small pictures that are moved a little every time they are seen.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such pictures, or they have no labels.
    """

    shown = "image"

    def __init__(self, recipe: PictureClassifierRecipe) -> None:
        self.recipe = recipe
        self.pictures, self.held_out = open_labelled(recipe.data)
        network = Classifier(
            classes=len(self.pictures.classes),
            channels=CHANNELS[recipe.data.colours],
            width=recipe.model.width,
            features=recipe.model.features,
        )
        super().__init__(
            network,
            train=self.pictures,
            classes=self.pictures.classes,
            steps=recipe.steps.training,
        )

    def varied(self, x_B: Tensor, noise: Noise) -> Tensor:
        """Pictures (B, C, H, W), moved."""
        return moved(x_B, noise, self.recipe.augment)

    def held_out_batches(self) -> Iterable[Batch]:
        """The held-out pictures."""
        return in_batches(self.held_out)

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier is shown: moved pictures."""
        x_BCHW = self.pictures.batch(torch.arange(min(SHOWN, len(self.pictures))))["image"]
        shown_BCHW = self.varied(x_BCHW.to(noise.generator.device), noise)
        return Preview(images=shown_BCHW.add(1).div(2).cpu())

    def facts(self) -> dict[str, Any]:
        """The pictures that it takes."""
        return {"size": self.recipe.data.size, "colours": self.recipe.data.colours}


def in_batches(data: Labelled) -> Iterator[Batch]:
    """All pictures, in order."""
    return (data.batch(part) for part in torch.arange(len(data)).split(CHUNK))


def moved(x_BCHW: Tensor, noise: Noise, config: ClassifierAugment) -> Tensor:
    """Turns, scales, shears and shifts every picture at random; black comes in from outside.

    Args:
        x_BCHW: in [-1, 1], -1 is black.
        noise: where the amounts come from.
        config: how large they may be.
    """
    if not any(config.model_dump().values()):
        return x_BCHW
    turn, wide, high, shear, right, down = (noise.uniform(len(x_BCHW), 6) * 2 - 1).unbind(1)
    angle = turn * math.radians(config.rotation)
    cos, sin = angle.cos(), angle.sin()
    wide, high = 1 + wide * config.scale, 1 + high * config.scale
    shear = shear * config.shear
    rows = [
        torch.stack([wide * cos, wide * (shear * cos - sin), 2 * config.shift * right], dim=1),
        torch.stack([high * sin, high * (shear * sin + cos), 2 * config.shift * down], dim=1),
    ]
    # Resampled in fp32: half precision cannot tell neighbouring places apart.
    with torch.autocast(x_BCHW.device.type, enabled=False):
        grid = F.affine_grid(torch.stack(rows, dim=1), list(x_BCHW.shape), align_corners=False)
        return F.grid_sample(x_BCHW + 1, grid, align_corners=False) - 1
