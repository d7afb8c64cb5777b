"""One film, whatever it is stored as: how many frames it has, and some of them by number.

Films are decoded one frame after the other, from near the first one that is wanted on, and never
kept whole here; frame folders, film strips, sprite sheets and scenes are opened at the frames that
are asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import closing
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from multigan.data.files import reason
from multigan.data.film import open_film
from multigan.data.media import Picture, read_image, to_picture
from multigan.data.pixels import over_white
from multigan.data.scenes import Scene, render
from multigan.errors import DataError

USUAL_RATE = 10.0  # frames a second of what does not say


class Reel(Protocol):
    """A film. What it is called is for messages.

    Attributes:
        name: where it is stored.
        label: its class; empty where it has none.
        group: what is held out together with it, such as all films of one character.
        loops_from: the frame that follows the last one when the film is repeated.
    """

    name: str
    label: str
    group: str
    loops_from: int

    def rate(self) -> float:
        """Frames a second.

        Raises:
            DataError: it cannot be read.
        """
        ...

    def count(self) -> int:
        """Number of frames.

        Raises:
            DataError: it cannot be read.
        """
        ...

    def read(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """Frames by number, ascending, uint8 (height, width, 3), transparent ones on white.

        Raises:
            DataError: they cannot be read.
        """
        ...


class FilmReel:
    """A video or an animation.

    Args:
        path: the file.
        label: its class.
        even: frames a second that it is brought to by its times; 0 takes its frames as they are.
    """

    loops_from = 0

    def __init__(self, path: Path, label: str, *, even: float = 0.0) -> None:
        self.path, self.label, self.even = path, label, even
        self.name = self.group = str(path)
        self._times: list[Fraction] = []
        self._shown: list[int] = []  # which of its frames stand for those that are counted

    def rate(self) -> float:
        """As brought to, or as the file says."""
        if self.even:
            return self.even
        with closing(open_film(self.path)) as reader:
            return float(reader.film.rate)

    def count(self) -> int:
        """Decodes the film once: what files say about their length is often wrong."""
        if not self._shown:
            with closing(open_film(self.path)) as reader:
                *self._times, end = reader.moments()
            self._shown = list(range(len(self._times)))
            if self.even:
                self._shown = at_rate(self._times, end, Fraction(self.even).limit_denominator(1000))
        return len(self._shown)

    def read(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """Decodes from near the first one on; numbers may repeat."""
        self.count()
        wanted = [self._shown[number] for number in numbers]
        found = self._found(wanted, entered=True)
        if len(found) < len(set(wanted)):  # a damaged film may be another one from the middle on
            found = self._found(wanted, entered=False)
        if missing := sorted(set(wanted) - set(found)):
            raise DataError(f"{self.path}: frame {missing[0]} cannot be decoded any more")
        return [found[number] for number in wanted]

    def _found(self, wanted: Sequence[int], *, entered: bool) -> dict[int, np.ndarray]:
        """Frames by number."""
        ascending = all(a < b for a, b in pairwise(self._times))
        first = wanted[0] if entered and ascending else 0
        found = {}
        with closing(open_film(self.path)) as reader:
            start = self._times[first] if first else Fraction(0)
            for number, frame in enumerate(reader.frames(start=start), start=first):
                if number in wanted:
                    found[number] = over_white(frame.rgb, frame.alpha)
                if number >= wanted[-1]:
                    break
        return found


class PictureReel:
    """A folder of frames.

    Args:
        paths: one picture a frame, in order.
        label: its class.
    """

    loops_from = 0

    def __init__(self, paths: Sequence[Path], label: str) -> None:
        self.paths, self.label = paths, label
        self.name = self.group = str(paths[0].parent)

    def rate(self) -> float:
        """Nobody says; 10."""
        return USUAL_RATE

    def count(self) -> int:
        """Number of pictures."""
        return len(self.paths)

    def read(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """Opens these pictures; all have the size of the first."""
        frames = []
        for number in numbers:
            picture = read_image(self.paths[number])
            frames.append(over_white(picture.rgb, picture.alpha))
            if frames[-1].shape != frames[0].shape:
                sizes = " and ".join(f"{f.shape[1]}x{f.shape[0]}" for f in (frames[0], frames[-1]))
                raise DataError(f"{self.paths[number]}: frames of one clip are {sizes} pixels")
        return frames


class StripReel:
    """A film strip: square frames side by side in one picture.

    Args:
        path: the picture.
        label: its class.
    """

    loops_from = 0

    def __init__(self, path: Path, label: str) -> None:
        self.path, self.label = path, label
        self.name = self.group = str(path)

    def rate(self) -> float:
        """Nobody says; 10."""
        return USUAL_RATE

    def count(self) -> int:
        """How often its height goes into its width."""
        pixels = _opened(self.path).rgb
        if pixels.shape[1] % pixels.shape[0]:
            size = f"{pixels.shape[1]}x{pixels.shape[0]}"
            raise DataError(f"{self.path}: {size} pixels are no row of square frames")
        return pixels.shape[1] // pixels.shape[0]

    def read(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """Cuts them out."""
        strip = _opened(self.path)
        pixels = over_white(strip.rgb, strip.alpha)
        side = pixels.shape[0]
        return [pixels[:, side * n : side * (n + 1)] for n in numbers]


class SheetReel:
    """One row of a sprite sheet.

    Args:
        path: the sheet.
        label: the row's class.
        row: counted from the top.
        frames: how many the row has, from the left.
        cell: side of a frame in pixels.
        loops_from: its first frame that is shown again when the row is repeated.
        fps: frames a second.
    """

    def __init__(
        self,
        path: Path,
        label: str,
        *,
        row: int,
        frames: int,
        cell: int,
        loops_from: int = 0,
        fps: float = USUAL_RATE,
    ) -> None:
        self.path, self.label, self.fps = path, label, fps
        self.row, self.frames, self.cell, self.loops_from = row, frames, cell, loops_from
        self.name = f"{path}, row {row}"
        self.group = str(path)

    def rate(self) -> float:
        """As the layout says."""
        return self.fps

    def count(self) -> int:
        """As the layout says."""
        return self.frames

    def read(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """Cuts them out."""
        cell = self.cell
        try:
            # Only the row is converted: whole sheets would take ten times as long.
            with Image.open(self.path) as sheet:
                width, height = sheet.size
                row = sheet.crop((0, cell * self.row, cell * self.frames, cell * (self.row + 1)))
        except Exception as error:  # damaged files raise almost anything
            raise DataError(f"{self.name}: cannot be read ({reason(error)})") from error
        if height < (self.row + 1) * cell or width < self.frames * cell:
            raise DataError(
                f"{self.name}: the sheet of {width}x{height} pixels is smaller than its layout"
            )
        picture = to_picture(row)
        pixels = over_white(picture.rgb, picture.alpha)
        return [pixels[:, cell * n : cell * (n + 1)] for n in numbers]


class SceneReel:
    """A scene of the built-in world, which moves once from its beginning to its end.

    Args:
        scene: what moves.
        label: its class.
        frames: in how many frames.
        size: side of the picture.
    """

    loops_from = 0

    def __init__(self, name: str, scene: Scene, label: str, *, frames: int, size: int) -> None:
        self.name = self.group = name
        self.scene, self.label, self.frames, self.size = scene, label, frames, size

    def rate(self) -> float:
        """Nobody says; 10."""
        return USUAL_RATE

    def count(self) -> int:
        """As given."""
        return self.frames

    def read(self, numbers: Sequence[int]) -> list[np.ndarray]:
        """Draws them."""
        return [render(self.scene, self.size, time=n / (self.frames - 1)) for n in numbers]


def at_rate(times: Sequence[Fraction], end: Fraction, rate: Fraction) -> list[int]:
    """Which frame a player shows at every tick of a clock, however unevenly the frames come.

    Args:
        times: when each frame is shown, in seconds.
        end: when the last one ends.
        rate: ticks a second.
    """
    return [max(0, bisect_right(times, tick / rate) - 1) for tick in range(ceil(end * rate))]


@lru_cache(maxsize=8)
def _opened(path: Path) -> Picture:
    """Several reels, or several reads of one, share a picture."""
    return read_image(path)
