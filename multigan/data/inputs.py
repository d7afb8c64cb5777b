"""What users hand to a pipeline as a picture: a file, or what other libraries make of one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from multigan.data.media import Picture, read_image, to_picture
from multigan.errors import DataError

ImageInput = str | os.PathLike[str] | Image.Image | np.ndarray | Tensor | Picture


def read_pictures(images: ImageInput | Sequence[ImageInput]) -> list[Picture]:
    """One input or several as pictures.

    Args:
        images: paths, PIL images, uint8 arrays (H, W[, 3 or 4]), float tensors (1 or 3, H, W) or
            (N, 1 or 3, H, W) in [0, 1], or a list of these.

    Raises:
        DataError: something that is not a picture.
    """
    listed: Sequence[Any] = images if isinstance(images, list | tuple) else [images]
    return [picture for image in listed for picture in _pictures(image)]


def _pictures(image: ImageInput) -> list[Picture]:
    """One input; only a batched tensor makes several pictures."""
    if isinstance(image, Picture):
        return [image]
    if isinstance(image, str | os.PathLike):
        return [read_image(Path(image))]
    if isinstance(image, Image.Image):
        return [to_picture(image)]
    if isinstance(image, Tensor):
        if image.dim() == 4:
            return [picture for single in image for picture in _pictures(single)]
        if image.dim() != 3 or image.shape[0] not in (1, 3) or not image.is_floating_point():
            shape = tuple(image.shape)
            raise DataError(f"a tensor must be float (1 or 3, H, W) in [0, 1]; this one is {shape}")
        pixels = image.detach().float().cpu().mul(255).round().clamp(0, 255).byte().numpy()
        return [
            Picture(rgb=np.ascontiguousarray(pixels.transpose(1, 2, 0).repeat(4 - len(pixels), 2)))
        ]
    if isinstance(image, np.ndarray) and image.dtype == np.uint8:
        return [to_picture(Image.fromarray(image))]
    raise DataError(f"cannot read a picture from {type(image).__name__}")
