"""Sounds as clips of one length: what every method of this plugin learns from.

A sound is decoded once, at the rate of the recipe and without the silence around it, and kept in
memory as far as ``data.memory`` goes. From long ones only the part that is needed is ever read.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.audio import read_sound, sound_info, trim_silence
from multigan.errors import DataError
from multigan.plugins.audio.data.sources import Source, find_sounds
from multigan.plugins.audio.recipe import SoundData

LONG = 30.0  # seconds; longer sounds are read in parts
SILENT = 1e-3  # peak of a clip of nothing, -60 dB
ATTEMPTS = 8  # to find a part of a long sound that is not silent
PEAK = 0.95
MOST_GAIN = 100.0  # of normalisation: what is fainter is noise


class Clips(Dataset[dict[str, Tensor]]):
    """Parts of sounds, taken at random.

    Args:
        source: where they come from.
        data: rate, length, and what is done to them.

    Attributes:
        names: of the sounds.
        classes: names of the classes; empty without labels.
        rate: samples a second.
    """

    def __init__(self, source: Source, data: SoundData) -> None:
        self.source, self.data = source, data
        self.names, self.classes, self.rate = source.names, source.classes, data.rate
        self.skipped: set[int] = set()
        self._kept: dict[int, np.ndarray] = {}
        self._room = data.memory * 1e9
        self._long: dict[int, float] = {}

    def __len__(self) -> int:
        """Number of sounds, unreadable ones included."""
        return len(self.source.names)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``waveform``, float32 (length,), and ``label``, int64, 0 where there are no classes.

        Raises:
            DataError: the sound cannot be read; with ``on_error: skip`` the next one that can is
                given instead, and only if there is none this is raised.
        """
        for step in range(len(self)):
            number = (index + step) % len(self)
            if number in self.skipped:
                continue
            try:
                clip = torch.from_numpy(self._clip(number))
                return {"waveform": clip, "label": torch.tensor(self.source.labels[number])}
            except DataError as error:
                if self.data.on_error == "raise":
                    message = f"{error}; or leave such files out with data.on_error=skip"
                    raise DataError(message) from error
                self.skipped.add(number)
                warnings.warn(f"left out: {error}", stacklevel=2)
        raise DataError(f"{self.names[index]}: neither this sound nor any other can be read")

    def _clip(self, index: int) -> np.ndarray:
        whole = self._whole(index)
        if whole is None:
            clip = self._part(index)
        else:
            clip = _cropped(whole, self.data.length, place=self._place())
        if self.data.normalise:
            peak = float(np.abs(clip).max())
            clip = clip * min(MOST_GAIN, PEAK / max(peak, 1e-9))
        return _padded(clip, self.data.length)

    def _whole(self, index: int) -> np.ndarray | None:
        """The sound; None if it is too long to be kept whole."""
        if index in self._kept:
            return self._kept[index]
        if index in self._long:
            return None
        if self.source.make is not None:
            sound = self.source.make(index)
        else:
            path, rate = self.names[index], self.rate
            duration = sound_info(path).duration
            if duration > LONG:
                self._long[index] = duration
                return None
            sound = read_sound(path, rate=rate).samples
            sound = trim_silence(sound, rate) if self.data.trim else sound
        if self._room >= sound.nbytes:
            self._room -= sound.nbytes
            self._kept[index] = sound
        return sound

    def _part(self, index: int) -> np.ndarray:
        """Some of a long sound, not of its silence if that can be helped."""
        wanted = self.data.length / self.rate
        for attempt in range(ATTEMPTS):
            start = max(0.0, self._long[index] - wanted) * self._place()
            try:
                part = read_sound(self.names[index], rate=self.rate, start=start, duration=wanted)
            except DataError:
                if attempt == ATTEMPTS - 1:
                    raise
                self._long[index] = start  # cut short: the header promises more than there is
                continue
            if not self.data.trim or np.abs(part.samples).max() >= SILENT:
                break
        return part.samples[: self.data.length]

    def _place(self) -> float:
        """Where in the part that is to spare a clip begins, from 0 to 1."""
        return float(torch.rand(()))


class FixedClips(Clips):
    """The middles of sounds: the same every time, so that whole batches can be given out."""

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """``waveform`` (B, length) and ``label`` (B,)."""
        samples = [self[int(index)] for index in indices]
        return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}

    def _place(self) -> float:
        return 0.5


def centred(samples: np.ndarray, length: int) -> np.ndarray:
    """The middle of a sound, float32 (length,); a shorter one is followed by silence."""
    return _padded(_cropped(samples, length, place=0.5), length)


def open_clips(data: SoundData, split: str = "train") -> Clips:
    """Opens what ``data.source`` names.

    Args:
        data: the section of the recipe.
        split: "train" or "validation", see `find_sounds`.

    Returns:
        Clips; with ``crop: centre`` and of built-in sounds `FixedClips`.

    Raises:
        DataError: there are no such sounds, or no labels, or nothing is held out.
    """
    source = find_sounds(data, split)
    fixed = data.crop == "centre" or source.make is not None
    return FixedClips(source, data) if fixed else Clips(source, data)


def _cropped(samples: np.ndarray, length: int, *, place: float) -> np.ndarray:
    first = round(max(0, len(samples) - length) * place)
    return samples[first : first + length]


def _padded(samples: np.ndarray, length: int) -> np.ndarray:
    padded = np.zeros(length, dtype=np.float32)
    padded[: len(samples)] = samples
    return padded
