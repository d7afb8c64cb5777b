"""Scores of generated sounds while a generator is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.metrics.frechet import FeatureStatistics, frechet_distance
from multigan.plugins.audio.data.clips import open_clips
from multigan.plugins.audio.generation.data import some_waveforms
from multigan.plugins.audio.generation.recipe import SoundGANRecipe
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.recipe import MelConfig

CHUNK = 100


class Evaluation:
    """Compares generated sounds with held-out ones.

    Args:
        recipe: names the data, the judge and the number of sounds.
        classes: names of the classes; empty without.
    """

    def __init__(self, recipe: SoundGANRecipe, *, classes: tuple[str, ...]) -> None:
        self.recipe, self.classes = recipe, classes
        self.log_mel = LogMel(MelConfig(rate=recipe.data.rate))
        held_out = open_clips(recipe.data, "validation")
        self.real = self._statistics(
            some_waveforms(held_out, recipe.evaluate.samples, seed=recipe.seed)
        )

    def __call__(self, waveforms_NT: Tensor, labels_N: Tensor | None) -> dict[str, float]:
        """Scores of sounds on the CPU and of the classes that they were asked for."""
        fake = self._statistics(waveforms_NT)
        distance = frechet_distance(
            fake.mean, fake.covariance, self.real.mean, self.real.covariance
        )
        return {"frechet-mel": distance}

    def _statistics(self, waveforms_NT: Tensor) -> FeatureStatistics:
        statistics = FeatureStatistics()
        for some_BT in waveforms_NT.split(CHUNK):
            statistics.update(mel_features(self.log_mel(some_BT)))
        return statistics


def mel_features(mels_BML: Tensor) -> Tensor:
    """(B, 2 M): mean and deviation of each band over time, of log-mel spectrograms."""
    return torch.cat([mels_BML.mean(2), mels_BML.std(2)], dim=1)
