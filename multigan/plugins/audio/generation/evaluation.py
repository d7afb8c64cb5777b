"""Scores of generated sounds while a generator is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.data.audio import Sound
from multigan.errors import DataError
from multigan.metrics.frechet import FeatureStatistics, frechet_distance
from multigan.plugins.audio.data.clips import open_clips
from multigan.plugins.audio.generation.data import some_clips
from multigan.plugins.audio.generation.encoding import Spectrograms
from multigan.plugins.audio.generation.labels import first_part
from multigan.plugins.audio.generation.recipe import SoundGANRecipe
from multigan.plugins.audio.judge import open_judge
from multigan.plugins.audio.recipe import MelConfig
from multigan.plugins.audio.scores import SoundSet, compare

CHUNK = 100
AUDIBLE = 60.0  # decibels below a full tone; what is fainter makes no difference
TOLD = ("frechet", "recall", "inception-score", "classes", "label-agreement")


class Evaluation:
    """Compares generated sounds with held-out ones, by their spectra and by a classifier.

    Args:
        recipe: names the data, the judge and the number of sounds.
        classes: names of the classes; empty without.

    Raises:
        MultiganError: no sounds are held out, or there is no such judge.
    """

    def __init__(self, recipe: SoundGANRecipe, *, classes: tuple[str, ...]) -> None:
        self.classes, name = classes, recipe.evaluate.judge
        self.rate = recipe.data.rate
        self.spectra = Spectrograms(MelConfig(rate=self.rate), range_db=AUDIBLE)
        held_out = open_clips(recipe.data, "validation")
        if len(held_out) < 2:
            raise DataError(f"{recipe.data.source}: scores need two held-out sounds at least")
        real = some_clips(held_out, recipe.evaluate.samples, seed=recipe.seed)
        self.real = self._statistics(real["waveform"])
        self.judge = open_judge(name) if name else None
        self.heard = self._heard(real["waveform"], real["label"] if classes else None)

    def __call__(self, waveforms_NT: Tensor, labels_N: Tensor | None) -> dict[str, float]:
        """Scores of sounds, and of whether they are what was asked for."""
        waveforms_NT = waveforms_NT.cpu()
        fake, real = self._statistics(waveforms_NT), self.real
        distance = frechet_distance(fake.mean, fake.covariance, real.mean, real.covariance)
        scores = {"frechet-mel": distance}
        heard = self._heard(waveforms_NT, labels_N)
        if heard is not None and self.heard is not None and self.judge is not None:
            found = compare(heard, self.heard, self.judge)
            wanted = [f"{metric}-{self.judge.name}" for metric in TOLD]
            scores |= {name: found[name] for name in wanted if name in found}
        return scores

    def _statistics(self, waveforms_NT: Tensor) -> FeatureStatistics:
        statistics = FeatureStatistics()
        for some_BT in waveforms_NT.split(CHUNK):
            statistics.update(mel_features(self.spectra.mels(some_BT)))
        return statistics

    def _heard(self, waveforms_NT: Tensor, labels_N: Tensor | None) -> SoundSet | None:
        if self.judge is None:
            return None
        known = self.judge.classes
        parts = [name if name in known else first_part(name) for name in self.classes]
        numbers = [known.index(part) if part in known else -1 for part in parts]
        asked_N = torch.full((len(waveforms_NT),), -1)
        if labels_N is not None:
            asked_N = torch.tensor(numbers)[labels_N.cpu()]
        sounds = [Sound(samples_T.numpy(), self.rate) for samples_T in waveforms_NT]
        heard = self.judge.pipe(sounds)
        return SoundSet(
            source="",
            available=len(sounds),
            features=heard.features,
            probabilities=heard.probabilities,
            asked=asked_N,
            sanity={},
            unreadable=(),
            names=known,
        )


def mel_features(mels_BML: Tensor) -> Tensor:
    """(B, 2 M): mean and deviation of each band over time, of log-mel spectrograms."""
    return torch.cat([mels_BML.mean(2), mels_BML.std(2)], dim=1)
