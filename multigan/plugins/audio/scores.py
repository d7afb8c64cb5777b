"""Scores of generated sounds against real ones.

Features, verdicts and class probabilities are a classifier's, and its name is part of every score:
"frechet-spoken-digits". Sanity numbers need no classifier: they find what a score can hide, such as
silence, clipping and a whistle.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from multigan.data.audio import Sound, list_sounds, read_sound
from multigan.errors import DataError
from multigan.metrics.frechet import FeatureStatistics, frechet_distance
from multigan.metrics.inception_score import inception_score
from multigan.metrics.kernel import kernel_distance
from multigan.metrics.prdc import prdc
from multigan.plugins.audio.judge import Judge

NEIGHBOURS = 5
SPLITS = 10
SMALLEST_SPLIT = 100  # sounds; fewer and the score of a part says nothing
CHUNK = 250  # clips that are held at once
LONGEST = 60.0  # seconds of a sound that are looked at

SILENT = 1e-3  # peak, -60 dB
FULL_SCALE = 0.999
CLIPPED = 0.005  # share of samples at full scale
ONE_FREQUENCY = 0.9  # share of the energy within a hundredth of the spectrum


@dataclass(frozen=True)
class SoundSet:
    """What was heard in a folder.

    Attributes:
        source: the folder.
        available: sounds in it.
        features: (N, D) of those that were heard, in random order.
        probabilities: (N, K), the classifier's.
        asked: for each sound, the number of the class that its name asks for, -1 for none.
        sanity: means and shares over the sounds, see `sanity`.
        unreadable: one line for each sound that was left out.
        names: of the classes.
    """

    source: str
    available: int
    features: Tensor
    probabilities: Tensor
    asked: Tensor
    sanity: dict[str, float]
    unreadable: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Sounds that were heard."""
        return len(self.features)

    @property
    def labelled(self) -> int:
        """Sounds whose names ask for a class that the classifier knows."""
        return int((self.asked >= 0).sum())

    @property
    def classes(self) -> dict[str, int]:
        """How many sounds were taken for each class."""
        counts = torch.bincount(self.probabilities.argmax(1), minlength=len(self.names)).tolist()
        return dict(zip(self.names, counts, strict=True))


def listen(folder: Path, judge: Judge, *, labels: str, limit: int | None = None) -> SoundSet:
    """Hears all sounds of a folder; one that cannot be read is left out.

    Args:
        folder: sounds of any formats and rates, also in folders below.
        judge: who listens.
        labels: regular expression; its group in a file's name is the class asked for.
        limit: at most so many, drawn with seed 0.

    Raises:
        DataError: no folder, or no sound in it that can be read.
    """
    paths = list_sounds(folder)
    available = len(paths)
    # In random order: names sort by class, and parts of the Inception score must not.
    random.Random(0).shuffle(paths)
    paths = paths[:limit]
    asked, unreadable, checks = [], [], []
    features, probabilities = [], []
    for start in range(0, len(paths), CHUNK):
        waves = []
        for path in paths[start : start + CHUNK]:
            try:
                sound = read_sound(path, duration=LONGEST)
            except DataError as error:
                unreadable.append(str(error))
                continue
            waves.append(judge.pipe.prepare(sound))
            checks.append(sanity(sound))
            found = re.search(labels, path.name)
            known = found is not None and found[1] in judge.classes
            asked.append(judge.classes.index(found[1]) if found is not None and known else -1)
        if waves:
            heard = judge.pipe.hear(torch.stack(waves))
            features.append(heard.features)
            probabilities.append(heard.probabilities)
    if not features:
        raise DataError(f"{folder}: none of its {len(paths)} sounds can be read: {unreadable[0]}")
    return SoundSet(
        source=str(folder),
        available=available,
        features=torch.cat(features),
        probabilities=torch.cat(probabilities),
        asked=torch.tensor(asked),
        sanity={name: float(np.mean([check[name] for check in checks])) for name in checks[0]},
        unreadable=tuple(unreadable),
        names=judge.classes,
    )


def sanity(sound: Sound) -> dict[str, float]:
    """What is plainly wrong with a sound, as numbers whose mean over a folder is a share.

    seconds        its length
    loudness       root of its mean square, in decibels of full scale, at least -120
    silent         1 if it never exceeds -60 dB
    clipped        1 if half a percent of its samples are at full scale
    one-frequency  1 if nine tenths of its energy lie within a hundredth of the spectrum
    """
    samples = sound.samples.astype(np.float64)
    peak, power = float(np.abs(samples).max()), float(np.square(samples).mean())
    return {
        "seconds": sound.duration,
        "loudness": 10 * float(np.log10(max(power, 1e-12))),
        "silent": float(peak < SILENT),
        "clipped": float((np.abs(samples) >= FULL_SCALE).mean() > CLIPPED),
        "one-frequency": float(peak >= SILENT and _narrowest(samples) > ONE_FREQUENCY),
    }


def compare(samples: SoundSet, references: SoundSet, judge: Judge) -> dict[str, float]:
    """Scores by name.

    Raises:
        DataError: there are too few sounds.
    """
    smallest = min(samples.count, references.count)
    if smallest <= NEIGHBOURS:
        raise DataError(f"{smallest} sounds are too few: scores need {NEIGHBOURS + 1} on each side")
    scores: dict[str, float] = {}
    a, b = FeatureStatistics(), FeatureStatistics()
    a.update(samples.features)
    b.update(references.features)
    scores["frechet"] = frechet_distance(a.mean, a.covariance, b.mean, b.covariance)
    generator = torch.Generator().manual_seed(0)
    scores["kernel"], scores["kernel-std"] = kernel_distance(
        samples.features, references.features, generator=generator
    )
    found = prdc(samples.features, references.features, neighbours=NEIGHBOURS)
    for name in ("precision", "recall", "density", "coverage"):
        scores[name] = getattr(found, name)
    for name, given in (("", samples), ("-references", references)):
        splits = min(SPLITS, max(1, given.count // SMALLEST_SPLIT))
        mean, deviation = inception_score(given.probabilities, splits=splits)
        scores[f"inception-score{name}"], scores[f"inception-score{name}-std"] = mean, deviation
    scores["classes"] = float(sum(count > 0 for count in samples.classes.values()))
    for name, given in (("", samples), ("-references", references)):
        if given.labelled:
            scores[f"label-agreement{name}"] = agreement(given)
    return {_named(name, judge.name): value for name, value in scores.items()}


def agreement(given: SoundSet) -> float:
    """Share of the sounds that are taken for the class that their names ask for."""
    labelled = given.asked >= 0
    right = given.probabilities.argmax(1)[labelled] == given.asked[labelled]
    return float(right.double().mean())


def _named(score: str, judge: str) -> str:
    """The judge's name behind the metric's, before what the number says about it."""
    for ending in ("-references-std", "-references", "-std"):
        if score.endswith(ending):
            return f"{score.removesuffix(ending)}-{judge}{ending}"
    return f"{score}-{judge}"


def _narrowest(samples: np.ndarray) -> float:
    """The largest share of the energy that lies within a hundredth of the spectrum."""
    energy = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)))))
    width = max(3, round(0.01 * len(energy)))
    total = energy.sum()
    sums = np.cumsum(np.concatenate([[0.0], energy]))
    return float((sums[width:] - sums[:-width]).max() / total) if len(energy) > width else 1.0
