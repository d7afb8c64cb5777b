"""Training a classifier of clips, and how they are varied for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import default_collate

from multigan.data.augment import diff_augment_clips
from multigan.errors import DataError
from multigan.plugins.video.classifier.recipe import ClipClassifierRecipe
from multigan.plugins.video.clips.dataset import Clips, open_clips
from multigan.plugins.video.networks.classifier import ClipClassifier
from multigan.plugins.video.writing import preview_of
from multigan.training.classification import ClassifierTraining
from multigan.training.phases import Batch, Noise, Preview

SHOWN = 8
CHUNK = 32  # clips at once when evaluating
LOOKED_AT = 1000  # held-out clips


class ClipClassifierTraining(ClassifierTraining):
    """Learns the classes of clips that are varied a little every time they are seen.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such clips, they have no classes, or held-out ones have others.
    """

    shown = "video"

    def __init__(self, recipe: ClipClassifierRecipe) -> None:
        self.recipe = recipe
        self.clips = open_clips(recipe.data, labelled=True)
        self.held_out: Clips | None = None
        if recipe.data.held_out:
            found = open_clips(recipe.data, labelled=True, split="validation")
            if unknown := sorted(set(found.classes) - set(self.clips.classes)):
                raise DataError(f"{recipe.data.source}: no clip of '{unknown[0]}' to train on")
            self.held_out = Clips(found.reels, recipe.data, classes=self.clips.classes)
        network = ClipClassifier(
            classes=len(self.clips.classes),
            size=recipe.data.size,
            width=recipe.model.width,
            features=recipe.model.features,
            convolution=recipe.model.convolution,
        )
        super().__init__(
            network, train=self.clips, classes=self.clips.classes, steps=recipe.steps.training
        )

    def varied(self, x_B: Tensor, noise: Noise) -> Tensor:
        """Clips (B, T, C, H, W) in other colours, elsewhere, with noise: all frames alike."""
        config = self.recipe.augment
        policy = [name for name in ("colour", "translation") if getattr(config, name)]
        x_BTCHW = diff_augment_clips(x_B, noise, policy=policy)
        return x_BTCHW + config.noise * noise.normal(*x_BTCHW.shape)

    def held_out_batches(self) -> Iterator[Batch]:
        """The beginnings of held-out films, spread over all classes however they are sorted."""
        clips = self.held_out
        if clips is None:
            return
        numbers = torch.randperm(len(clips), generator=torch.Generator().manual_seed(0))
        for part in numbers[:LOOKED_AT].split(CHUNK):
            yield default_collate([clips.plain(int(i)) for i in part])

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier is shown."""
        some = [self.clips[i]["video"] for i in range(min(SHOWN, len(self.clips)))]
        x_BTCHW = torch.stack(some).to(noise.generator.device)
        return preview_of(self.varied(x_BTCHW, noise).cpu(), rate=self.clips.rate())

    def facts(self) -> dict[str, Any]:
        """The clips that it takes."""
        data = self.recipe.data
        return {"size": data.size, "frames": data.frames, "stride": data.stride}
