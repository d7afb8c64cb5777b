"""Animated GIF, WebP and PNG through Pillow: frames with their durations, loops and transparency.

Frames are read one after the other. Written ones are kept until the end, because Pillow wants to
see all of an animation at once; those of a GIF as one byte a pixel.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from multigan.data.files import reason
from multigan.data.frames import ANIMATIONS, Film, Frame, whole_file
from multigan.data.pixels import upright_pixels
from multigan.errors import DataError

TICK = Fraction(1, 1000)
_UNSAID = 100  # milliseconds that a frame is shown whose file does not say how long
_GIF_TICK = 10  # milliseconds; no player shows a frame for less than two of them
_CLEAR = 255  # the colour of a GIF's palette that stands for transparency


def is_animated(path: Path) -> bool:
    """Whether a picture file has several frames; False for what is no picture."""
    try:
        with Image.open(path, formats=list(ANIMATIONS.values())) as image:
            return getattr(image, "is_animated", False)
    except Exception:  # damaged files raise almost anything; reading it as a picture will say what
        return False


class AnimationReader:
    """An open animation.

    Args:
        path: A GIF, WebP or PNG file.

    Attributes:
        film: Size, number of frames, how often it plays.
        problems: After reading, a line for each thing that was wrong.

    Raises:
        DataError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        try:
            self._image = Image.open(path, formats=list(ANIMATIONS.values()))
            self.film = self._describe(self._image)
        except FileNotFoundError:
            raise DataError(f"{path}: no such file; check the path") from None
        except Exception as error:  # hostile headers raise almost anything
            raise DataError(f"{path}: the animation is damaged ({reason(error)})") from error

    def frames(self, *, start: Fraction = Fraction(0)) -> Iterator[Frame]:
        """Frames as a player composes them, which needs all that come before."""
        return (frame for frame in self._composed() if frame.time >= start)

    def moments(self) -> list[Fraction]:
        """When each frame is shown, in seconds, and when the last one ends."""
        shown = [(frame.time, frame.time + frame.duration) for frame in self._composed()]
        return [time for time, _ in shown] + [end for _, end in shown[-1:]]

    def _composed(self) -> Iterator[Frame]:
        time, expected = Fraction(0), self.film.num_frames
        for number in itertools.count():
            if number == expected:
                return
            try:
                self._image.seek(number)
                self._image.load()
                rgb, alpha, _ = upright_pixels(self._image)
            except Exception as error:
                if number == 0:
                    why = f"no frame of it can be decoded ({reason(error)})"
                    raise DataError(f"{self.path}: {why}; copy or export it again") from error
                of = "" if expected is None else f" of {expected}"
                self.problems = [
                    f"{self.path}: damaged or cut short; {number}{of} frames could be decoded"
                ]
                return
            shown = self._image.info.get("duration", _UNSAID) * TICK
            yield Frame(rgb, alpha, time=time, duration=shown)
            time += shown

    def close(self) -> None:
        """Lets go of the file."""
        self._image.close()

    def _describe(self, image: ImageFile.ImageFile) -> Film:
        loop = image.info.get("loop")
        if image.format == "GIF":
            # A GIF counts repetitions after the first play, and plays once if it says nothing.
            plays = 1 if loop is None else loop + 1 if loop else 0
        else:
            plays = loop or 0
        seconds = image.info.get("duration", _UNSAID) * TICK
        return Film(
            *image.size,
            rate=1 / seconds if seconds else Fraction(10),
            tick=TICK,
            num_frames=_count(image),
            plays=plays,
            transparent=image.has_transparency_data,
        )


@contextmanager
def animation_writer(path: Path, film: Film) -> Iterator[AnimationWriter]:
    """Opens an animation for writing; see `multigan.data.film.create_film`."""
    with whole_file(path) as partial:
        writer = AnimationWriter(path, film)
        yield writer
        writer.save(partial)


class AnimationWriter:
    """Collects frames and writes them at the end.

    Args:
        path: Its suffix says which kind.
        film: Says how often it plays.
    """

    def __init__(self, path: Path, film: Film) -> None:
        self.path, self.film = path, film
        self.format = ANIMATIONS[path.suffix.lower()]
        self.problems: list[str] = []
        self._images: list[Image.Image] = []
        self._times: list[Fraction] = []
        self._end = Fraction(0)
        self._transparent = False

    def write(self, frame: Frame) -> None:
        """Appends a frame."""
        self._end = frame.time + frame.duration
        if self.format == "GIF":
            tick = _GIF_TICK * TICK
            if self._times and round(frame.time / tick) < round(self._times[-1] / tick) + 2:
                return
        self._transparent |= frame.alpha is not None
        self._times.append(frame.time)
        self._images.append(_paletted(frame) if self.format == "GIF" else _plain(frame))

    def save(self, path: Path) -> None:
        """Writes everything."""
        if not self._images:
            raise DataError(f"{self.path}: a film of no frames; give at least one")
        first, *rest = self._images
        options: dict[str, Any] = {"duration": self._durations()}
        if self.format == "GIF":
            # Frames with holes must not show the frame before through them.
            options |= {"disposal": 2 if self._transparent else 0, "optimize": False}
        if self.format == "WEBP":
            options |= {"quality": 90, "method": 4}
        if self.format != "GIF":
            options["loop"] = self.film.plays
        elif self.film.plays != 1:
            options["loop"] = max(0, self.film.plays - 1)
        first.save(path, self.format, save_all=True, append_images=rest, **options)

    def _durations(self) -> list[int]:
        """Milliseconds; rounded times, not rounded durations, so that errors do not add up."""
        tick = _GIF_TICK if self.format == "GIF" else 1
        ends = [round(time / (tick * TICK)) for time in (*self._times, self._end)]
        return [tick * max(after - before, 0) for before, after in itertools.pairwise(ends)]


def _count(image: ImageFile.ImageFile) -> int | None:
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # it is cut short; as many as can be read will be
        return None


def _plain(frame: Frame) -> Image.Image:
    if frame.alpha is None:
        return Image.fromarray(frame.rgb)
    return Image.fromarray(np.dstack([frame.rgb, frame.alpha]))


def _paletted(frame: Frame) -> Image.Image:
    """The best 256 colours without dithering, whose dots would dance from frame to frame."""
    image = Image.fromarray(frame.rgb)
    colours = 256 if frame.alpha is None else _CLEAR
    drawn = image.quantize(colours, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    if frame.alpha is not None:
        clear = Image.fromarray(np.where(frame.alpha < 128, 255, 0).astype(np.uint8))
        drawn.paste(_CLEAR, mask=clear)
        drawn.info["transparency"] = _CLEAR
    return drawn
