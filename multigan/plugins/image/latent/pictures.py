"""Pictures of users as a generator makes them: its size, its colours, in [-1, 1].

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from multigan.data.inputs import ImageInput, read_pictures
from multigan.data.media import Picture
from multigan.data.pixels import over_white
from multigan.data.transforms import image_transform
from multigan.errors import DataError
from multigan.plugins.image.adversarial.data import in_colours


def as_made(given: ImageInput | Sequence[ImageInput], *, like_CHW: Tensor, colours: str) -> Tensor:
    """Brings pictures into the form of one that the generator has made.

    Args:
        given: what `multigan.data.inputs.read_pictures` reads, of any size, of which the middle
            square is taken; or a tensor (B, C, H, W) in [0, 1] of the generator's own size, as
            `ImageOutput.tensor` is.
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
    pictures = read_pictures(given)
    if not pictures:
        raise DataError("no picture: give one at least")
    fit = image_transform(like_CHW.shape[-1], crop="centre", flip=False)
    return torch.stack([fit(in_colours(_pixels(each, colours), colours)) for each in pictures])


def _pixels(picture: Picture, colours: str) -> np.ndarray:
    """uint8 (H, W, 3), or (H, W, 4) where the generator makes transparency and there is some."""
    if colours != "rgba":
        return over_white(picture.rgb, picture.alpha)
    return picture.rgb if picture.alpha is None else np.dstack([picture.rgb, picture.alpha])
