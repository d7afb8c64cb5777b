"""Windows of films for a network to learn from.

A film is decoded when a clip of it is asked for. As far as ``data.memory`` goes its frames are then
kept, shrunk to the size that is trained on; beyond that it is decoded anew up to the window's end.

Shape suffixes: T frames, C channels, H and W pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.source import Images
from multigan.data.transforms import image_transform, to_float, to_uint8
from multigan.errors import DataError
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.clips.reels import USUAL_RATE, Reel
from multigan.plugins.video.clips.sources import open_reels


class Clips(Dataset[dict[str, Tensor]]):
    """Clips as ``{"video": (T, 3, H, W) in [-1, 1], "times": (T,), "label": ()}``.

    ``times`` says where in the course of the motion the frames stand, counted in frames of a clip:
    from 0 on where clips are cut anywhere, from the film's first frame with ``data.within``.

    Args:
        reels: films, see `open_reels`.
        config: window, size and what unusable films do.
        classes: names of the classes; empty gives no labels.
        sparse: frames of each clip that are shown, evenly spread; 0 shows all.
        portraits: adds ``"portrait"``, a random frame (3, H, W) of the film, or of another film of
            the same group: of a character.
    """

    def __init__(
        self,
        reels: Sequence[Reel],
        config: VideoData,
        *,
        classes: Sequence[str] = (),
        sparse: int = 0,
        portraits: bool = False,
    ) -> None:
        self.reels, self.config, self.sparse = reels, config, sparse
        self._company: dict[str, list[int]] = defaultdict(list)
        if portraits:
            for number, reel in enumerate(reels):
                self._company[reel.group].append(number)
        self.classes = tuple(classes)
        self._kept: dict[int, Tensor] = {}
        self._room = config.memory * 1e9
        self._fit = image_transform(config.size, crop="centre", flip=False)
        # Skips unusable films as pictures are skipped; what stands in brings its own class.
        load: Callable[[int], Any] = self._load
        names = [reel.name for reel in reels]
        self._readable = Images(names, load, on_error=config.on_error)

    def __len__(self) -> int:
        """Number of films."""
        return len(self.reels)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """A random window of one film; of another one where unusable films are skipped."""
        return self._readable[index]

    def plain(self, index: int) -> dict[str, Tensor]:
        """The beginning of one film, all frames of the clip, nothing varied.

        Raises:
            DataError: it cannot be read.
        """
        return self._cut(index, 0, torch.arange(self.config.frames))

    def frames(self, index: int, numbers_T: Tensor) -> Tensor:
        """Frames of one film by number, (T, 3, H, W) in [-1, 1].

        Raises:
            DataError: it cannot be read.
        """
        return to_float(self._frames(index, numbers_T))

    def rate(self) -> float:
        """Clip frames a second, of the first film that can be read."""
        for reel in self.reels:
            try:
                return reel.rate() / self.config.stride
            except DataError:
                continue  # told when a clip of it is asked for
        return USUAL_RATE

    def _load(self, index: int) -> dict[str, Tensor]:
        sample = self._cut(index, self._first(self._usable(index)), self._shown())
        if company := self._company.get(self.reels[index].group):
            other = company[int(torch.randint(len(company), ()))]
            place = torch.randint(self._usable(other), (1,))
            sample["portrait"] = self.frames(other, place)[0]
        if self.config.flip and torch.rand(()) < 0.5:
            for name in {"video", "portrait"} & set(sample):
                sample[name] = sample[name].flip(-1)
        return sample

    def _cut(self, index: int, first: int, shown_T: Tensor) -> dict[str, Tensor]:
        """The window that begins at `first`, counted as `_first` counts."""
        reel, config = self.reels[index], self.config
        if config.within:
            times_T = first + shown_T
            numbers_T = config.stride * times_T
        else:  # anywhere, also between the frames that a stride picks
            times_T = shown_T
            numbers_T = first + config.stride * shown_T
        numbers_T = _repeated(numbers_T, self._usable(index), reel, config.short)
        sample = {"video": self.frames(index, numbers_T), "times": times_T}
        if self.classes:
            sample["label"] = torch.tensor(self.classes.index(reel.label))
        return sample

    def _usable(self, index: int) -> int:
        """How many frames a film has, if that is enough."""
        reel = self.reels[index]
        count, needed = reel.count(), self.config.span
        if count < 2:
            raise DataError(f"{reel.name}: {count} frame is no film")
        if count < needed and self.config.short == "refuse":
            raise DataError(
                f"{reel.name}: {count} frames, but a clip needs {needed}; lower data.frames or "
                "data.stride, or say data.short=loop or hold"
            )
        return count

    def _first(self, count: int) -> int:
        """Where the window begins: in clip frames with ``within``, in film frames without."""
        config = self.config
        if config.within:
            return int(torch.randint(config.within - config.frames + 1, ()))
        room = count if config.short == "loop" else max(1, count - config.span + 1)
        return int(torch.randint(room, ()))

    def _shown(self) -> Tensor:
        """Which frames of a clip are shown: all, or every so-manieth from a random one on."""
        frames = self.config.frames
        if not self.sparse:
            return torch.arange(frames)
        step = frames // self.sparse
        offset = torch.randint(frames - step * (self.sparse - 1), ())
        return offset + step * torch.arange(self.sparse)

    def _frames(self, index: int, numbers: Tensor) -> Tensor:
        """uint8 (T, 3, H, W)."""
        kept, reel = self._kept.get(index), self.reels[index]
        if kept is not None:
            return kept[numbers]
        size = reel.count() * 3 * self.config.size**2
        if self._room >= size:
            self._room -= size
            self._kept[index] = self._shrunk(reel.read(range(reel.count())))
            return self._kept[index][numbers]
        # In ascending order, since films are decoded so.
        wanted, places = torch.unique(numbers, return_inverse=True)
        return self._shrunk(reel.read(wanted.tolist()))[places]

    def _shrunk(self, frames: Sequence[np.ndarray]) -> Tensor:
        return torch.stack([to_uint8(self._fit(frame)) for frame in frames])


def open_clips(
    config: VideoData,
    *,
    labelled: bool,
    split: str = "train",
    sparse: int = 0,
    portraits: bool = False,
) -> Clips:
    """Opens what ``data.source`` names.

    Args:
        config: the section of the recipe.
        labelled: whether classes are needed.
        split: "train" or "validation", see `open_reels`.
        sparse: see `Clips`.
        portraits: likewise.

    Raises:
        DataError: there are no such films, or they have no classes.
    """
    reels = open_reels(config, split=split)
    classes = tuple(sorted({reel.label for reel in reels}))
    if labelled and (len(classes) < 2 or "" in classes):
        raise DataError(
            f"{config.source}: its films have no classes; put them into one folder a class"
        )
    return Clips(
        reels, config, classes=classes if labelled else (), sparse=sparse, portraits=portraits
    )


def _repeated(numbers: Tensor, count: int, reel: Reel, short: str) -> Tensor:
    """Frame numbers beyond the end of a film: its last frame, or those of the next round."""
    if short != "loop":
        return numbers.clamp(max=count - 1)
    period = count - reel.loops_from
    beyond = reel.loops_from + (numbers - reel.loops_from) % period
    return torch.where(numbers < count, numbers, beyond)
