"""Whose colours a painted photo has (after Gatys et al. 2016b, Preserving Color).

Either the style's: the photo is recoloured before it is painted, so that its content does not ask
for colours which the style has not. Or the photo's own: then only lightness is painted.

Pictures are RGB in [-1, 1]. Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.translation.drawing.abstractions.oklab import oklab_to_rgb, rgb_to_oklab

FAINTEST = 0.05  # deviation below which lightness or colours count as having none to stretch


def recoloured(photos_BCHW: Tensor, style_1CHW: Tensor) -> Tensor:
    """Each photo with the mean and covariance of the style's colours, cut off at [-1, 1].

    Of all linear maps that do it this one moves colours least: optimal transport between two normal
    distributions (Pitie and Kokaram 2007).
    """
    # Outside autocast: half precision has too few digits for roots of matrices.
    with torch.autocast(photos_BCHW.device.type, enabled=False):
        mean, covariance = _statistics(photos_BCHW)
        mean_style, covariance_style = _statistics(style_1CHW)
        root, inverse = _power(covariance, 0.5), _power(covariance, -0.5)
        transport = inverse @ _power(root @ covariance_style @ root, 0.5) @ inverse
        moved = transport @ (photos_BCHW.float().flatten(2) - mean) + mean_style
        return moved.clamp(-1, 1).view_as(photos_BCHW)


def palette(style_1CHW: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (3,) of a style's colours and the root (3, 3) of their covariance.

    They give white noise the colours of the style.
    """
    mean, covariance = _statistics(style_1CHW)
    return mean[0, :, 0], _power(covariance, 0.5)[0]


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


def _statistics(x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (B, 3, 1) and covariance (B, 3, 3) of the colours of each picture."""
    colours = x_BCHW.float().flatten(2)
    mean = colours.mean(2, keepdim=True)
    covariance = (colours - mean) @ (colours - mean).mT / colours.shape[2]
    # A grey photo has no colours to stretch: what little there is must not become a lot.
    return mean, covariance + FAINTEST**2 * torch.eye(3, device=x_BCHW.device)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(1e-12)[:, None] ** exponent) @ vectors.mT


def _grey(light: Tensor) -> Tensor:
    neutral = torch.zeros_like(light)
    return _rgb(torch.cat([light, neutral, neutral], dim=1))


def _lab(x_1CHW: Tensor) -> Tensor:
    return rgb_to_oklab(x_1CHW.add(1).div(2))


def _rgb(lab_1CHW: Tensor) -> Tensor:
    return oklab_to_rgb(lab_1CHW).mul(2).sub(1)
