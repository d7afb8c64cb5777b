"""CIELAB (D65) from RGB and back, for pictures that get new colours and keep their lightness.

Shape suffixes: B pictures, 1 or 3 channels, H and W pixels. RGB is sRGB in [0, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

# Linear sRGB to XYZ, each row divided by its sum: white has X = Y = Z = 1.
_TO_XYZ = torch.tensor(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
     [0.0193339, 0.1191920, 0.9503041]], dtype=torch.float64,
)  # fmt: skip
_TO_XYZ = _TO_XYZ / _TO_XYZ.sum(1, keepdim=True)
_FROM_XYZ = torch.linalg.inv(_TO_XYZ)
_KNEE = 6 / 29  # below it the cube root is continued by a straight line


def lightness(rgb_B3HW: Tensor) -> Tensor:
    """L* of every pixel, (B, 1, H, W), 0 to 100."""
    return rgb_to_lab(rgb_B3HW)[:, :1]


def grey(rgb_B3HW: Tensor) -> Tensor:
    """The same lightness without any colour, (B, 3, H, W)."""
    luminance_B1HW = _mixed(_linear(rgb_B3HW), _TO_XYZ)[:, 1:2]
    return _companded(luminance_B1HW.clamp(0, 1)).expand(-1, 3, -1, -1)


def rgb_to_lab(rgb_B3HW: Tensor) -> Tensor:
    """L* in 0 to 100, a* and b* in about -110 to 110."""
    f_B3HW = _root(_mixed(_linear(rgb_B3HW), _TO_XYZ))
    x, y, z = f_B3HW.split(1, dim=1)
    return torch.cat([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab_B3HW: Tensor) -> Tensor:
    """sRGB in [0, 1] of exactly this lightness.

    A colour that no screen can show at its lightness is mixed with grey of the same luminance, in
    linear light, until it can: mixing keeps the luminance, where clipping would change it.
    """
    light, a, b = lab_B3HW.split(1, dim=1)
    y = (light + 16) / 116
    xyz_B3HW = _cubed(torch.cat([y + a / 500, y, y - b / 200], dim=1))
    luminance_B1HW = xyz_B3HW[:, 1:2].clamp(0, 1)
    colour_B3HW = _mixed(xyz_B3HW, _FROM_XYZ) - luminance_B1HW  # its luminance is zero
    # How much of each channel's way to the border it goes; below 1 where it would leave the cube.
    room_B3HW = torch.where(colour_B3HW > 0, 1 - luminance_B1HW, luminance_B1HW)
    share_B1HW = (room_B3HW / colour_B3HW.abs().clamp_min(1e-6)).amin(1, keepdim=True).clamp(max=1)
    return _companded((luminance_B1HW + share_B1HW * colour_B3HW).clamp(0, 1))


def _mixed(x_B3HW: Tensor, matrix: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix.to(x_B3HW), x_B3HW)


def _linear(rgb: Tensor) -> Tensor:
    curve = ((rgb.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4
    return torch.where(rgb <= 0.04045, rgb / 12.92, curve)


def _companded(linear: Tensor) -> Tensor:
    # The clamp keeps the unused branch away from zero, where its slope is infinite.
    curve = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curve)


def _root(t: Tensor) -> Tensor:
    return torch.where(t > _KNEE**3, t.clamp_min(_KNEE**3) ** (1 / 3), t / (3 * _KNEE**2) + 4 / 29)


def _cubed(f: Tensor) -> Tensor:
    return torch.where(f > _KNEE, f**3, 3 * _KNEE**2 * (f - 4 / 29))
