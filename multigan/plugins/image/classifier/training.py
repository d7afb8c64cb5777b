"""Training a classifier: no adversary, so one network and one phase; the rest is the trainer's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.data.transforms import to_float
from multigan.plugins.image.classifier.network import Classifier
from multigan.plugins.image.classifier.recipe import ClassifierAugment, ClassifierRecipe
from multigan.plugins.image.idx import read_pictures
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 64
CHUNK = 500  # pictures at once when evaluating


class ClassifierTraining:
    """Learns the labels of small pictures that are moved a little every time they are seen."""

    def __init__(self, recipe: ClassifierRecipe) -> None:
        self.recipe = recipe
        self.train = Labelled(*read_pictures(recipe.data.source, split="train"))
        self.held_out = Labelled(*read_pictures(recipe.data.source, split="validation"))
        self.classes = int(self.train.labels.max()) + 1
        network = Classifier(
            classes=self.classes, width=recipe.model.width, features=recipe.model.features
        )
        self.networks = nn.ModuleDict({"classifier": network})
        self.memory = nn.ModuleDict()
        self.groups = {"classifier": ("classifier",)}
        self.averaged = ("classifier",)

    def stages(self) -> tuple[Stage, ...]:
        """Cross-entropy, nothing else."""
        phase = Phase("classifier", "classifier", self.classifier)
        return (Stage("training", self.recipe.steps.training, (phase,)),)

    def classifier(self, batch: Batch, step: Step) -> Losses:
        """Cross-entropy on moved pictures."""
        x_BCHW = moved(batch["image"], step.noise, self.recipe.augment)
        logits_BK = self.networks["classifier"](x_BCHW)
        return {"cross-entropy": F.cross_entropy(logits_BK, batch["label"])}

    def dataset(self) -> Dataset[Any]:
        """The first five sixths of the data."""
        return self.train

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier is shown: moved pictures."""
        x_BCHW = self.train.batch(torch.arange(min(SHOWN, len(self.train))))["image"]
        shown = moved(x_BCHW.to(noise.generator.device), noise, self.recipe.augment)
        return Preview(images=shown.add(1).div(2).cpu())

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Accuracy on the held-out sixth."""
        right = 0
        for part in torch.arange(len(self.held_out)).split(CHUNK):
            batch = self.held_out.batch(part)
            logits_BK = networks["classifier"](batch["image"].to(noise.generator.device))
            right += int((logits_BK.argmax(1).cpu() == batch["label"]).sum())
        return {"accuracy": right / len(self.held_out)}

    def model(self) -> dict[str, Any]:
        """The classifier, and the size of picture that it knows."""
        return {"networks": ["classifier"], "size": self.train.images.shape[2]}


class Labelled(Dataset[dict[str, Tensor]]):
    """Pictures in memory with their labels.

    Args:
        images: uint8 (N, C, H, W).
        labels: int64 (N,).
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One picture (C, H, W) in [-1, 1] and its label."""
        return {"image": to_float(self.images[index]), "label": self.labels[index]}

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Pictures (B, C, H, W) in [-1, 1] and labels (B,)."""
        return {"image": to_float(self.images[indices]), "label": self.labels[indices]}


def moved(x_BCHW: Tensor, noise: Noise, config: ClassifierAugment) -> Tensor:
    """Turns, scales, shears and shifts every picture at random; black comes in from outside.

    Args:
        x_BCHW: in [-1, 1], -1 is black.
        noise: where the amounts come from.
        config: how large they may be.
    """
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
