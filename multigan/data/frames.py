"""Films as frames with their times, and the names of files that hold them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np

from multigan.data.files import reason
from multigan.errors import DataError

VIDEOS = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
ANIMATIONS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
FILMS = (*VIDEOS, *ANIMATIONS)  # what can be written
# Read only: formats that players have left behind, or that are made for something else.
OLD_VIDEOS = (
    ".avi", ".mpg", ".mpeg", ".m2v", ".ts", ".mts", ".m2ts", ".vob", ".wmv", ".asf", ".flv", ".3gp",
    ".ogv",
)  # fmt: skip
READABLE_VIDEOS = (*VIDEOS, *OLD_VIDEOS)


@dataclass(frozen=True)
class Frame:
    """One picture of a film.

    Attributes:
        rgb: uint8, (height, width, 3), upright.
        alpha: uint8, (height, width), 255 = opaque; None without transparency.
        time: When it is shown, in seconds.
        duration: How long, in seconds; the time of the next frame has the last word.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    time: Fraction = Fraction(0)
    duration: Fraction = Fraction(0)


@dataclass(frozen=True)
class Film:
    """What is known of a film beside its frames.

    Attributes:
        width: Of the upright frames, in pixels.
        height: Likewise.
        rate: Frames a second; the average where it varies.
        tick: Seconds of which all times are multiples.
        num_frames: How many, as far as the file says.
        pixel_aspect: Width of a pixel divided by its height.
        plays: How often an animation plays, 0 = for ever.
        transparent: Whether a frame may have alpha.
        colour: FFmpeg's numbers for matrix, primaries and transfer curve; 2 = not said.
        metadata: Title, date, place and the like.
        sound: The file whose sound belongs to it.
    """

    width: int
    height: int
    rate: Fraction
    tick: Fraction
    num_frames: int | None = None
    pixel_aspect: Fraction = Fraction(1)
    plays: int = 0
    transparent: bool = False
    colour: tuple[int, int, int] = (2, 2, 2)
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    sound: Path | None = None


class FilmReader(Protocol):
    """An open film; `problems` holds a line for each thing that was wrong once it has been read."""

    film: Film
    problems: list[str]

    def frames(self, *, start: Fraction = Fraction(0)) -> Iterator[Frame]:
        """The frames, decoded as they are asked for; a damaged film gives those that are whole.

        Args:
            start: seconds; frames before it are left out, and passed over as fast as the file lets.
        """
        ...

    def moments(self) -> list[Fraction]:
        """When each frame is shown, in seconds, and when the last one ends; nothing is kept."""
        ...

    def close(self) -> None:
        """Lets go of the file."""
        ...


class FilmWriter(Protocol):
    """A film being written; `problems` holds what could not be taken over."""

    problems: list[str]

    def write(self, frame: Frame) -> None:
        """Appends a frame."""
        ...


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, which takes its place at the end; an error leaves nothing.

    Raises:
        DataError: The folder is missing or cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(path))  # a link keeps pointing where it did
    if not target.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist; create it first")
    if target.exists() and not target.is_file():
        raise DataError(f"{path}: exists and is not a file; choose another name")
    partial = target.with_name(f".{secrets.token_hex(8)}{path.suffix.lower()}")
    try:
        yield partial
        os.replace(partial, target)
    except OSError as error:  # PyAV's errors of this kind are OSErrors too
        raise DataError(f"{path}: cannot be written ({reason(error)})") from error
    finally:
        partial.unlink(missing_ok=True)
