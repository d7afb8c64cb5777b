"""Keeping a photo's colours: only lightness is painted (Gatys et al. 2017).

Lightness and colours are split in OKLab. Pictures are RGB in [-1, 1]; shape suffixes: C channels,
H and W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.translation.cartoon.oklab import oklab_to_rgb, rgb_to_oklab

FAINTEST = 0.05  # deviation of lightness below which a picture counts as having this one


def greys(photo_1CHW: Tensor, style_1CHW: Tensor) -> tuple[Tensor, Tensor]:
    """Both pictures in grey, the style made as bright and as rich in contrast as the photo.

    Otherwise a dark painting would darken the photo, whose colours do not go with that.
    """
    light, light_style = _lab(photo_1CHW)[:, :1], _lab(style_1CHW)[:, :1]
    deviation, deviation_style = (
        picture.std(correction=0).clamp_min(FAINTEST) for picture in (light, light_style)
    )
    matched = (light_style - light_style.mean()) * (deviation / deviation_style) + light.mean()
    return _grey(light), _grey(matched.clamp(0, 1))


def with_lightness(photo_1CHW: Tensor, light_1CHW: Tensor) -> Tensor:
    """The colours of a photo in the lightness of another picture, as far as sRGB has them."""
    return _rgb(torch.cat([_lab(light_1CHW)[:, :1], _lab(photo_1CHW)[:, 1:]], dim=1))


def _grey(light: Tensor) -> Tensor:
    neutral = torch.zeros_like(light)
    return _rgb(torch.cat([light, neutral, neutral], dim=1))


def _lab(x_1CHW: Tensor) -> Tensor:
    return rgb_to_oklab(x_1CHW.add(1).div(2))


def _rgb(lab_1CHW: Tensor) -> Tensor:
    return oklab_to_rgb(lab_1CHW).mul(2).sub(1)
