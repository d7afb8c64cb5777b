"""Sounds as clips of one length: what every method of this plugin learns from.

A sound is decoded once, at the rate of the recipe and without the silence around it, and kept in
memory as far as ``data.memory`` goes. From long ones only the part that is needed is ever read.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.audio import list_sounds, read_sound, sound_info, trim_silence
from multigan.data.files import natural_key
from multigan.data.source import SPLIT_FOLDERS
from multigan.errors import DataError, suggestion
from multigan.plugins.audio.data.synthetic import KINDS, synthesise
from multigan.plugins.audio.recipe import SYNTHETIC, SoundData

LONG = 30.0  # seconds; longer sounds are read in parts
SILENT = 1e-3  # peak of a clip of nothing, -60 dB
ATTEMPTS = 8  # to find a part of a long sound that is not silent
PEAK = 0.95
MOST_GAIN = 100.0  # of normalisation: what is fainter is noise


@dataclass(frozen=True)
class Source:
    """Where sounds come from.

    Attributes:
        names: one for each sound; paths of files.
        labels: the number of each one's class; all 0 where there are none.
        classes: their names.
        make: gives the sound of a number, float32 (T,); None: the names are files.
    """

    names: Sequence[str]
    labels: Sequence[int]
    classes: tuple[str, ...]
    make: Callable[[int], np.ndarray] | None = None


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

    What is held out, and so makes up the validation part, are the files that match
    ``data.held_out``; else those of a folder validation beside one called train; else an evenly
    spread share of every class. No file is in both parts.

    Args:
        data: the section of the recipe.
        split: "train" or "validation".

    Returns:
        Clips; with ``crop: centre`` and of built-in sounds `FixedClips`.

    Raises:
        DataError: there are no such sounds, or no labels, or nothing is held out.
    """
    if split not in SPLIT_FOLDERS:
        raise ValueError(f"unknown split '{split}'; choose one of: {', '.join(SPLIT_FOLDERS)}")
    if data.source.startswith("builtin:"):
        return FixedClips(_synthetic(data, split), data)
    source = _files(data, split)
    return FixedClips(source, data) if data.crop == "centre" else Clips(source, data)


def _cropped(samples: np.ndarray, length: int, *, place: float) -> np.ndarray:
    first = round(max(0, len(samples) - length) * place)
    return samples[first : first + length]


def _padded(samples: np.ndarray, length: int) -> np.ndarray:
    padded = np.zeros(length, dtype=np.float32)
    padded[: len(samples)] = samples
    return padded


def _synthetic(data: SoundData, split: str) -> Source:
    if data.source != SYNTHETIC:
        hint = suggestion(data.source, [SYNTHETIC])
        raise DataError(f"{data.source}: no such built-in sounds{hint}")
    if data.labels not in ("none", "folder"):
        raise DataError(f"{SYNTHETIC} has no file names; say data.labels=folder, or none")

    def make(index: int) -> np.ndarray:
        return synthesise(index, rate=data.rate, length=data.length, split=split)[0]

    # There is no end of them; a tenth as many is enough to measure with.
    numbers = range(data.builtin_size if split == "train" else max(1, data.builtin_size // 10))
    labelled = data.labels == "folder"
    return Source(
        names=[f"{SYNTHETIC}/{split}/{number}" for number in numbers],
        labels=[number % len(KINDS) if labelled else 0 for number in numbers],
        classes=KINDS if labelled else (),
        make=make,
    )


def _files(data: SoundData, split: str) -> Source:
    root = Path(data.source)
    if not root.exists():
        raise DataError(f"{root}: no such file or folder; check data.source")
    folders = {
        part: next((root / name for name in names if (root / name).is_dir()), None)
        for part, names in SPLIT_FOLDERS.items()
    }
    if not data.held_out and folders["train"] and folders["validation"]:
        # Classes are numbered by the training part, or the two would not fit together.
        classes = _named(list_sounds(folders["train"]), folders["train"], data)[1]
        chosen = folders[split]
        assert chosen is not None
        paths = list_sounds(chosen)
        names, own = _named(paths, chosen, data)
        if unknown := sorted(set(own) - set(classes)):
            raise DataError(f"{chosen}: no training sound of the class '{unknown[0]}'")
    else:
        paths = [root] if root.is_file() else list_sounds(root)
        names, classes = _named(paths, root, data)
        wanted = split == "validation"
        kept = [i for i, held in enumerate(_held_out(paths, names, data)) if held == wanted]
        paths, names = [paths[i] for i in kept], [names[i] for i in kept]
        if not paths:
            raise DataError(f"{root}: {_nothing(data, wanted)}")
    labels = [classes.index(name) if classes else 0 for name in names]
    return Source([str(path) for path in paths], labels, classes)


def _named(paths: Sequence[Path], root: Path, data: SoundData) -> tuple[list[str], tuple[str, ...]]:
    """The class of each file, and all of them in natural order."""
    if data.labels == "none":
        return [""] * len(paths), ()
    names = []
    for path in paths:
        if data.labels == "folder":
            inside = path.relative_to(root).parts
            if len(inside) < 2:
                raise DataError(
                    f"{path}: lies in no folder of a class; move it into one, or set data.labels"
                )
            names.append(inside[0])
        else:
            found = re.search(data.labels, path.name)
            if found is None or not found[1]:
                raise DataError(f"{path}: data.labels '{data.labels}' finds no class in its name")
            names.append(found[1])
    return names, tuple(sorted(set(names), key=natural_key))


def _held_out(paths: Sequence[Path], names: Sequence[str], data: SoundData) -> list[bool]:
    if data.held_out:
        return [re.search(data.held_out, path.name) is not None for path in paths]
    # Evenly spread in natural order: a share of every speaker, take or album that names begin with.
    totals = {name: names.count(name) for name in set(names)}
    seen = dict.fromkeys(totals, 0)
    held = []
    for name in names:
        place, every = seen[name], round(totals[name] * data.share_held_out)
        seen[name] += 1
        # The k-th of n is the last of its stretch.
        held.append((place + 1) * every // totals[name] > place * every // totals[name])
    return held


def _nothing(data: SoundData, wanted: bool) -> str:
    if data.held_out:
        what = "no" if wanted else "every"
        return f"{what} file name matches data.held_out '{data.held_out}'"
    if wanted:
        return "too few sounds to hold some out; add some, or a folder validation beside train"
    return "data.share_held_out leaves no sound to train on"
