"""Writing pictures one after the other as a film: .mp4, .gif, .webp or an animated .png."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from multigan.data.files import reason
from multigan.errors import DataError

ANIMATIONS = {".gif": "GIF", ".webp": "WEBP", ".png": "PNG"}
FILMS = (".mp4", *ANIMATIONS)
SMALLEST_SIDE = 256  # of an .mp4, in pixels: players blur what they have to enlarge


def write_film(images: Sequence[Image.Image], path: Path, *, rate: int = 20) -> Path:
    """Writes a film, complete or not at all.

    An .mp4 is H.264 with the colours of ordinary players; small pictures are enlarged by a whole
    number, and transparent ones stand on white. Animations repeat for ever and keep every pixel
    that their format can.

    Args:
        images: at least one, of one size.
        path: its suffix says which kind.
        rate: pictures a second.

    Raises:
        DataError: another suffix, no picture, or the file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in FILMS:
        raise DataError(f"{path}: cannot write this kind of film; use {' '.join(FILMS)}")
    if not images:
        raise DataError(f"{path}: a film of no pictures; give at least one")
    partial = path.with_name(f".{path.stem}.partial{suffix}")
    try:
        if suffix == ".mp4":
            _encode(images, partial, rate)
        else:
            first, *rest = images
            first.save(
                partial, ANIMATIONS[suffix], save_all=True, append_images=rest,
                duration=round(1000 / rate), loop=0,
            )  # fmt: skip
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({reason(error)})") from error
    return path


def _encode(images: Sequence[Image.Image], path: Path, rate: int) -> None:
    import av

    width, height = images[0].size
    scale = max(1, -(-SMALLEST_SIDE // min(width, height)))
    # Colours are stored for two by two pixels: sides have to be even.
    size = (width * scale + width * scale % 2, height * scale + height * scale % 2)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("h264", rate=Fraction(rate))
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "16"}
        for image in images:
            rgb = _on_white(image).resize((width * scale, height * scale), Image.Resampling.NEAREST)
            padded = np.zeros((size[1], size[0], 3), np.uint8)
            padded[: height * scale, : width * scale] = np.asarray(rgb)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(padded, format="rgb24")))
        container.mux(stream.encode())


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode != "RGBA":
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
