"""Pictures of users as a generator makes them: its size, its colours, in [-1, 1].

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from multigan.data.media import Picture, read_image, to_picture
from multigan.data.pixels import over_white
from multigan.data.transforms import image_transform
from multigan.errors import DataError

Given = str | os.PathLike[str] | Image.Image | Picture

LUMA = (0.299, 0.587, 0.114)


def as_made(given: Given | Sequence[Given] | Tensor, *, like_CHW: Tensor, colours: str) -> Tensor:
    """Brings pictures into the form of one that the generator has made.

    Args:
        given: files or PIL images of any size, of which the middle square is taken; or a tensor
            (B, C, H, W) in [0, 1] of the generator's own size, as `ImageOutput.tensor` is.
        like_CHW: one of the generator's pictures.
        colours: "grey", "rgb", or "rgba", in which colours are times alpha.

    Returns:
        (B, C, H, W) in [-1, 1].

    Raises:
        DataError: a file that cannot be read, no picture at all, or a tensor of another shape.
    """
    if isinstance(given, Tensor):
        if given.shape[1:] != like_CHW.shape or not given.is_floating_point():
            sizes = ", ".join(map(str, like_CHW.shape))
            raise DataError(f"a tensor must be float (N, {sizes}) in [0, 1] for this model")
        return given.float() * 2 - 1
    several = [given] if isinstance(given, str | os.PathLike | Image.Image | Picture) else given
    if not several:
        raise DataError("no picture: give one at least")
    fit = image_transform(like_CHW.shape[-1], crop="centre", flip=False)
    return torch.stack([fit(_coloured(_picture(each), colours)) for each in several])


def _picture(given: Given) -> Picture:
    if isinstance(given, Picture):
        return given
    return to_picture(given) if isinstance(given, Image.Image) else read_image(Path(given))


def _coloured(picture: Picture, colours: str) -> Tensor:
    """uint8 (C, H, W)."""
    if colours == "rgba":
        opaque = np.full(picture.rgb.shape[:2], 255, np.uint8)
        alpha_HW1 = (opaque if picture.alpha is None else picture.alpha)[:, :, None]
        rgb = np.rint(picture.rgb * (alpha_HW1 / 255)).astype(np.uint8)
        pixels = np.concatenate([rgb, alpha_HW1], axis=2)
    else:
        pixels = over_white(picture.rgb, picture.alpha)
    if colours == "grey":
        pixels = np.rint(pixels @ np.array(LUMA))[:, :, None].astype(np.uint8)
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
