"""Films, whatever their file is: frames with their times, read and written one after the other.

Videos go through PyAV (`multigan.data.video`, `multigan.data.video_writer`), animated GIF, WebP and
PNG through Pillow (`multigan.data.animation`). Importing this module costs numpy and PIL only.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

import numpy as np
from PIL import Image

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
SMALLEST_SIDE = 256  # of a video by `write_film`, in pixels: players blur what they have to enlarge


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

    def frames(self) -> Iterator[Frame]:
        """The frames, decoded as they are asked for; a damaged film gives those that are whole."""
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


def is_film(path: Path) -> bool:
    """Whether a file is a video by its name, or an animation by its content."""
    suffix = path.suffix.lower()
    if suffix in ANIMATIONS and path.is_file():
        from multigan.data.animation import is_animated

        return is_animated(path)
    return suffix in READABLE_VIDEOS


def open_film(path: Path) -> FilmReader:
    """Opens a film.

    Raises:
        DataError: No such file, or not a film that can be read.
    """
    if path.suffix.lower() in ANIMATIONS:
        from multigan.data.animation import AnimationReader

        return AnimationReader(path)
    from multigan.data.video import VideoReader

    return VideoReader(path)


def create_film(path: Path, film: Film) -> AbstractContextManager[FilmWriter]:
    """Writes a film frame by frame; at the end of the ``with`` it is there, whole or not at all.

    Raises:
        DataError: Another suffix, a sound that the kind of file cannot hold, no frame, or the file
            cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix in ANIMATIONS:
        from multigan.data.animation import animation_writer

        return animation_writer(path, film)
    if suffix in VIDEOS:
        from multigan.data.video_writer import video_writer

        return video_writer(path, film)
    raise DataError(f"{path}: cannot write this kind of film; use {' '.join(FILMS)}")


def write_film(images: Sequence[Image.Image], path: Path, *, rate: int = 20) -> Path:
    """Writes pictures as a film, complete or not at all.

    A video has the colours of ordinary players; small pictures are enlarged by a whole number, and
    transparent ones stand on white. Animations repeat for ever and keep every pixel that their
    format can.

    Args:
        images: at least one, of one size.
        path: its suffix says which kind.
        rate: pictures a second.

    Raises:
        DataError: another suffix, no picture, or the file cannot be written.
    """
    if path.suffix.lower() not in FILMS:
        raise DataError(f"{path}: cannot write this kind of film; use {' '.join(FILMS)}")
    if not images:
        raise DataError(f"{path}: a film of no pictures; give at least one")
    width, height = images[0].size
    video = path.suffix.lower() in VIDEOS
    scale = max(1, -(-SMALLEST_SIDE // min(width, height))) if video else 1
    size = (width * scale, height * scale)
    transparent = images[0].mode == "RGBA" and not video
    tick = Fraction(1, rate)
    film = Film(*size, rate=Fraction(rate), tick=tick, transparent=transparent)
    with create_film(path, film) as writer:
        for number, image in enumerate(images):
            shown = image if transparent else _on_white(image)
            pixels = np.asarray(shown.resize(size, Image.Resampling.NEAREST))
            alpha = pixels[:, :, 3] if transparent else None
            writer.write(Frame(pixels[:, :, :3], alpha, time=number * tick, duration=tick))
    return path


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


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
