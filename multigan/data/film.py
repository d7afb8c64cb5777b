"""Films, whatever their file is: frames with their times, read and written one after the other.

Videos go through PyAV (`multigan.data.video`, `multigan.data.video_writer`), animated GIF, WebP and
PNG through Pillow (`multigan.data.animation`). Importing this module costs numpy and PIL only.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from multigan.data.frames import (
    ANIMATIONS,
    FILMS,
    READABLE_VIDEOS,
    VIDEOS,
    Film,
    FilmReader,
    FilmWriter,
    Frame,
)
from multigan.errors import DataError

SMALLEST_SIDE = 256  # of a video by `write_film`, in pixels: players blur what they have to enlarge


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


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
