"""Training a clip classifier: no adversary, so one network and one phase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.data.augment import diff_augment_clips
from multigan.errors import DataError
from multigan.plugins.video.classifier.recipe import ClassifierAugment, ClassifierRecipe
from multigan.plugins.video.clips.dataset import Clips, open_clips
from multigan.plugins.video.networks.classifier import ClipClassifier
from multigan.plugins.video.writing import preview_of
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 8
CHUNK = 32  # clips at once when evaluating
LOOKED_AT = 1000  # held-out clips


class ClassifierTraining:
    """Learns the classes of clips that are varied a little every time they are seen."""

    def __init__(self, recipe: ClassifierRecipe) -> None:
        self.recipe = recipe
        self.train = open_clips(recipe.data, labelled=True)
        self.held_out: Clips | None = None
        if recipe.data.held_out:
            found = open_clips(recipe.data, labelled=True, split="validation")
            if unknown := sorted(set(found.classes) - set(self.train.classes)):
                raise DataError(f"{recipe.data.source}: no clip of '{unknown[0]}' to train on")
            self.held_out = Clips(found.reels, recipe.data, classes=self.train.classes)
        network = ClipClassifier(
            classes=len(self.train.classes),
            size=recipe.data.size,
            width=recipe.model.width,
            features=recipe.model.features,
            convolution=recipe.model.convolution,
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
        """Cross-entropy on varied clips."""
        x_BTCHW = varied(batch["video"], step.noise, self.recipe.augment)
        logits_BK = self.networks["classifier"](x_BTCHW)
        return {"cross-entropy": F.cross_entropy(logits_BK.float(), batch["label"])}

    def dataset(self) -> Dataset[Any]:
        """All but the held-out clips."""
        return self.train

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier is shown."""
        some = [self.train[i]["video"] for i in range(min(SHOWN, len(self.train)))]
        x_BTCHW = torch.stack(some).to(noise.generator.device)
        return preview_of(varied(x_BTCHW, noise, self.recipe.augment).cpu(), rate=self.train.rate())

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Share of held-out clips that are named right."""
        if self.held_out is None:
            return {}
        # Spread over all classes, however the films are sorted.
        numbers = torch.randperm(len(self.held_out), generator=torch.Generator().manual_seed(0))
        numbers, right = numbers[:LOOKED_AT], 0
        for part in numbers.split(CHUNK):
            samples = [self.held_out.plain(int(i)) for i in part]
            video = torch.stack([sample["video"] for sample in samples])
            logits_BK = networks["classifier"](video.to(noise.generator.device))
            label_B = torch.stack([sample["label"] for sample in samples])
            right += int((logits_BK.argmax(1).cpu() == label_B).sum())
        return {"accuracy": right / len(numbers)}

    def model(self) -> dict[str, Any]:
        """The classifier, what it calls its classes, and the clips that it takes."""
        data = self.recipe.data
        return {
            "networks": ["classifier"],
            "classes": list(self.train.classes),
            "size": data.size,
            "frames": data.frames,
            "stride": data.stride,
        }


def varied(x_BTCHW: Tensor, noise: Noise, config: ClassifierAugment) -> Tensor:
    """Clips in other colours, at another place, and with noise, all frames of one alike."""
    policy = [name for name in ("colour", "translation") if getattr(config, name)]
    x_BTCHW = diff_augment_clips(x_BTCHW, noise, policy=policy)
    return x_BTCHW + config.noise * noise.normal(*x_BTCHW.shape)
