"""``builtin:sounds``: plucked strings, drums and tones, a world of sounds that needs no file.

Every sound is made from its number: the same number, rate and split give the same sound, there is
no end of them, and the kinds come in turn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

KINDS = ("pluck", "kick", "snare", "hat", "tone")
SPLITS = ("train", "validation")
PEAK = 0.9
FADE = 0.01  # seconds at the end of a sound: a cut would click


def synthesise(
    index: int, *, rate: int, length: int, split: str = "train"
) -> tuple[np.ndarray, int]:
    """One sound.

    Args:
        index: its number, from 0 on without end.
        rate: samples a second.
        length: samples.
        split: "train" or "validation"; they share no sound.

    Returns:
        float32 (length,) with a peak of about 0.9, and the number of its kind in `KINDS`.
    """
    rng = np.random.default_rng((SPLITS.index(split), index))
    kind = index % len(KINDS)
    sound = _MAKERS[kind](rng, rate, length)
    fade = min(length, max(1, round(FADE * rate)))
    sound[length - fade :] *= np.linspace(1, 0, fade)
    sound *= PEAK * rng.uniform(0.7, 1.0) / max(1e-9, np.abs(sound).max())
    return sound.astype(np.float32), kind


def _pluck(rng: np.random.Generator, rate: int, length: int) -> np.ndarray:
    """A string: noise that goes round in a loop and is smoothed (Karplus and Strong 1983)."""
    period = max(4, round(rate / _pitch(rng, 80, 600)))
    damping = rng.uniform(0.990, 0.999)
    string = rng.uniform(-1, 1, period)
    last, rounds = string[-1], []
    for _ in range(-(-length // period)):
        rounds.append(string)
        before = np.concatenate([[last], string[:-1]])
        last, string = string[-1], damping * 0.5 * (string + before)
    return np.concatenate(rounds)[:length]


def _kick(rng: np.random.Generator, rate: int, length: int) -> np.ndarray:
    """A sine that falls into the bass."""
    time = np.arange(length) / rate
    low, high, fall = rng.uniform(40, 70), rng.uniform(120, 300), rng.uniform(0.02, 0.06)
    phase = 2 * np.pi * (low * time + (high - low) * fall * (1 - np.exp(-time / fall)))
    return np.sin(phase) * np.exp(-time / rng.uniform(0.08, 0.25))


def _snare(rng: np.random.Generator, rate: int, length: int) -> np.ndarray:
    """Noise over a short tone."""
    time = np.arange(length) / rate
    tone = np.sin(2 * np.pi * rng.uniform(150, 250) * time) * np.exp(-time / 0.05)
    noise = rng.normal(size=length) * np.exp(-time / rng.uniform(0.06, 0.18))
    return tone + rng.uniform(0.3, 0.6) * noise


def _hat(rng: np.random.Generator, rate: int, length: int) -> np.ndarray:
    """Noise without its low half, closed or open."""
    time = np.arange(length) / rate
    noise = np.diff(rng.normal(size=length + 2), n=2)  # a slope of 12 dB an octave
    return noise * np.exp(-time / rng.choice([rng.uniform(0.01, 0.03), rng.uniform(0.1, 0.3)]))


def _tone(rng: np.random.Generator, rate: int, length: int) -> np.ndarray:
    """A held note of a few harmonics with a soft beginning and end."""
    time = np.arange(length) / rate
    pitch, slope = _pitch(rng, 110, 880), rng.uniform(0.8, 2.5)
    overtones = [n for n in range(1, 9) if n * pitch < 0.45 * rate]
    sound = sum(np.sin(2 * np.pi * n * pitch * time) / n**slope for n in overtones)
    duration = rng.uniform(0.3, 1.0) * length / rate
    return sound * np.clip(np.minimum(time / 0.03, (duration - time) / 0.1), 0, 1)


def _pitch(rng: np.random.Generator, low: float, high: float) -> float:
    """Hertz; as likely in every octave."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


_MAKERS: tuple[Callable[[np.random.Generator, int, int], np.ndarray], ...] = (
    _pluck, _kick, _snare, _hat, _tone,
)  # fmt: skip
