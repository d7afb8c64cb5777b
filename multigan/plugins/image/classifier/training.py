"""Training a classifier: no adversary, so one network and one phase; the rest is the trainer's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.plugins.image.adversarial.data import CHANNELS
from multigan.plugins.image.classifier.data import Labelled, open_labelled
from multigan.plugins.image.classifier.network import Classifier
from multigan.plugins.image.classifier.recipe import ClassifierAugment, ClassifierRecipe
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 64
CHUNK = 500  # pictures at once when evaluating


class ClassifierTraining:
    """Learns the labels of small pictures that are moved a little every time they are seen."""

    def __init__(self, recipe: ClassifierRecipe) -> None:
        self.recipe = recipe
        self.train, self.held_out = open_labelled(recipe.data)
        network = Classifier(
            classes=len(self.train.classes),
            channels=CHANNELS[recipe.data.colours],
            width=recipe.model.width,
            features=recipe.model.features,
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
        """All but the held-out pictures."""
        return self.train

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier is shown: moved pictures."""
        x_BCHW = self.train.batch(torch.arange(min(SHOWN, len(self.train))))["image"]
        shown = moved(x_BCHW.to(noise.generator.device), noise, self.recipe.augment)
        return Preview(images=shown.add(1).div(2).cpu())

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Accuracy on the held-out pictures."""
        device = noise.generator.device
        return {"accuracy": accuracy(networks["classifier"], self.held_out, device=device)}

    def model(self) -> dict[str, Any]:
        """The classifier, what it calls its classes, and the pictures that it takes."""
        return {
            "networks": ["classifier"],
            "classes": list(self.train.classes),
            "size": self.recipe.data.size,
            "colours": self.recipe.data.colours,
        }


@torch.no_grad()
def accuracy(classifier: nn.Module, data: Labelled, *, device: torch.device) -> float:
    """Share of pictures that a classifier names right."""
    right = 0
    for part in torch.arange(len(data)).split(CHUNK):
        batch = data.batch(part)
        logits_BK = classifier(batch["image"].to(device))
        right += int((logits_BK.argmax(1).cpu() == batch["label"]).sum())
    return right / len(data)


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
