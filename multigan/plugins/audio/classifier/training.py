"""Training a classifier of sounds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

from multigan.errors import DataError
from multigan.plugins.audio.classifier.augment import varied
from multigan.plugins.audio.classifier.network import Classifier
from multigan.plugins.audio.classifier.recipe import SoundClassifierRecipe
from multigan.plugins.audio.data.clips import open_clips
from multigan.training.classification import ClassifierTraining
from multigan.training.phases import Batch, Noise, Preview

SHOWN = 16
CHUNK = 250  # sounds at once when evaluating


class SoundClassifierTraining(ClassifierTraining):
    """Learns the labels of sounds that are varied a little every time they are heard.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such sounds, or none is held out, or they have no classes.
    """

    shown = "waveform"

    def __init__(self, recipe: SoundClassifierRecipe) -> None:
        self.recipe, data, model = recipe, recipe.data, recipe.model
        self.sounds = open_clips(data)
        classes = self.sounds.classes
        if len(classes) < 2:
            found = classes[0] if classes else "none"
            raise DataError(f"{data.source}: a classifier needs two classes; data.labels: {found}")
        # Measured at fixed places, so that two evaluations differ by the network alone.
        self.held_out = open_clips(data.model_copy(update={"crop": "centre"}), "validation")
        network = Classifier(classes=len(classes), rate=data.rate, **model.model_dump())
        super().__init__(network, train=self.sounds, classes=classes, steps=recipe.steps.training)

    def varied(self, x_B: Tensor, noise: Noise) -> Tensor:
        """Sounds (B, T), see `multigan.plugins.audio.classifier.augment`."""
        return varied(x_B, noise, self.recipe.augment)

    def held_out_batches(self) -> Iterator[Batch]:
        """The held-out sounds."""
        for part in torch.arange(len(self.held_out)).split(CHUNK):
            yield _batch(self.held_out, part.tolist())

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier sees: spectrograms of varied sounds, low frequencies below."""
        numbers = torch.linspace(0, len(self.sounds) - 1, SHOWN).round().int().tolist()
        x_BT = _batch(self.sounds, numbers)["waveform"]
        shown_BT = self.varied(x_BT.to(noise.generator.device), noise)
        pictures_BML = networks["classifier"].spectrogram(shown_BT)  # type: ignore[operator]
        return Preview(images=pictures_BML.flip(1)[:, None].float().cpu())

    def facts(self) -> dict[str, Any]:
        """The sounds that it takes."""
        data = self.recipe.data
        return {"rate": data.rate, "length": data.length, "trim": data.trim}


def _batch(clips: Dataset[dict[str, Tensor]], numbers: Sequence[int]) -> dict[str, Tensor]:
    return default_collate([clips[number] for number in numbers])
