"""OKLab: a colour space in which equal distances look equally large (Ottosson 2020).

The matrices are those of the author's article, https://bottosson.github.io/posts/oklab/. Lightness
L is 0 for black and 1 for white; a (green to red) and b (blue to yellow) stay within about +-0.35.
"""

from __future__ import annotations

import torch
from torch import Tensor

CHROMA_WEIGHT = 2.0  # a and b count double where colours are compared

_CONES_OF_RGB = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_LAB_OF_CONES = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)


def rgb_to_oklab(rgb: Tensor) -> Tensor:
    """sRGB in [0, 1] to OKLab, both (B, 3, H, W)."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp_min(0) + 0.055) / 1.055) ** 2.4)
    cones = _mix(linear, torch.tensor(_CONES_OF_RGB)).clamp_min(0) ** (1 / 3)
    return _mix(cones, torch.tensor(_LAB_OF_CONES))


def oklab_to_rgb(lab: Tensor) -> Tensor:
    """OKLab to sRGB, both (B, 3, H, W); colours that sRGB has not are cut off at [0, 1]."""
    cones = _mix(lab, torch.linalg.inv(torch.tensor(_LAB_OF_CONES))) ** 3
    linear = _mix(cones, torch.linalg.inv(torch.tensor(_CONES_OF_RGB))).clamp(0, 1)
    curved = 1.055 * linear.clamp_min(1e-8) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, linear * 12.92, curved)


def _mix(channels: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("oc,bchw->bohw", matrix.to(channels), channels)
