"""How a camera moved between two frames, as a shift of the whole picture, and undoing it."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

FURTHEST = 0.25  # of the shorter side; pictures that share less have little to compare
_ROUNDS = 3  # of refinement; each gains about a decimal
_BORDER = 4  # pixels at the edge, half size, that a shift makes up
_LEAST = 0.1  # pixels; a smaller shift cannot be seen, and resampling for it would blur


def camera_shift(before_11HW: Tensor, after_11HW: Tensor) -> tuple[float, float]:
    """Finds (dy, dx) such that ``shifted(before, dy, dx)`` is as near to `after` as can be.

    Phase correlation (Kuglin and Hines 1975) finds whole pixels however far they are, then
    Lucas and Kanade's (1981) least squares the fraction, with weights that let things which move
    by themselves count little. Both look at the picture in half its size.

    Args:
        before_11HW: A frame in grey levels, 0 to 255.
        after_11HW: A later one.

    Returns:
        Pixels down and to the right; zeros where no shift makes the frames more alike.
    """
    before, after = F.avg_pool2d(before_11HW, 2), F.avg_pool2d(after_11HW, 2)
    if min(before.shape[-2:]) < 8 * _BORDER:
        return 0.0, 0.0
    dy, dx = (float(d) for d in _whole_shift(before[0, 0], after[0, 0]))
    furthest = FURTHEST * min(before.shape[-2:])
    for _ in range(_ROUNDS):
        if max(abs(dy), abs(dx)) > furthest:
            return 0.0, 0.0
        more_y, more_x = _fraction(shifted(before, dy, dx)[0, 0], after[0, 0])
        dy, dx = dy + more_y, dx + more_x
    if not max(abs(dy), abs(dx)) <= furthest or 2.0 * max(abs(dy), abs(dx)) < _LEAST:
        return 0.0, 0.0
    moved = (shifted(before, dy, dx) - after).abs().median()
    return (2.0 * dy, 2.0 * dx) if moved < (before - after).abs().median() else (0.0, 0.0)


def shifted(x_BCHW: Tensor, dy: float, dx: float) -> Tensor:
    """Moves pictures down by dy and to the right by dx pixels; edges are repeated.

    Fractions are interpolated with cubic kernels (Keys 1981), because the blur of linear ones adds
    up when a picture is moved again and again.
    """
    channels = x_BCHW.shape[1]
    (down, taps_y), (right, taps_x) = _taps(dy), _taps(dx)
    padded = F.pad(x_BCHW, (2 + right, 1 - right, 2 + down, 1 - down), mode="replicate")
    kernel = torch.outer(taps_y, taps_x).to(x_BCHW).expand(channels, 1, 4, 4)
    return F.conv2d(padded, kernel, groups=channels)


def _taps(d: float) -> tuple[int, Tensor]:
    """Whole pixels, and the weights of the four neighbours for the rest."""
    whole = math.floor(d)
    t = d - whole
    distances = torch.tensor([2.0 - t, 1.0 - t, t, 1.0 + t])
    near = (1.5 * distances - 2.5) * distances**2 + 1.0
    far = ((-0.5 * distances + 2.5) * distances - 4.0) * distances + 2.0
    return whole, torch.where(distances <= 1.0, near, far)


def _whole_shift(before_HW: Tensor, after_HW: Tensor) -> tuple[int, int]:
    height, width = before_HW.shape
    fade = torch.outer(torch.hann_window(height), torch.hann_window(width)).to(before_HW)
    spectra = [torch.fft.rfft2((x - x.mean()) * fade) for x in (before_HW, after_HW)]
    cross = spectra[1] * spectra[0].conj()
    cross = cross / (cross.abs() + 1e-3 * cross.abs().mean() + 1e-6)
    peak = int(torch.fft.irfft2(cross, s=(height, width)).argmax())
    y, x = divmod(peak, width)
    return (y - height if y > height // 2 else y), (x - width if x > width // 2 else x)


def _fraction(moved_HW: Tensor, after_HW: Tensor) -> tuple[float, float]:
    inner = slice(_BORDER, -_BORDER)
    slope_y = ((moved_HW[2:] - moved_HW[:-2]) / 2)[_BORDER - 1 : 1 - _BORDER, inner]
    slope_x = ((moved_HW[:, 2:] - moved_HW[:, :-2]) / 2)[inner, _BORDER - 1 : 1 - _BORDER]
    error = (after_HW - moved_HW)[inner, inner]
    weight = 1.0 / (1.0 + (error / (3.0 * error.abs().median() + 0.5)) ** 2)
    slopes = torch.stack([slope_y, slope_x]).flatten(1)
    weighted = slopes * weight.flatten()
    square = weighted @ slopes.T
    square += 1e-3 * square.trace().clamp(min=1.0) * torch.eye(2).to(square)
    step = torch.linalg.solve(square, weighted @ error.flatten())
    return -float(step[0]), -float(step[1])
