"""Structural similarity: means, contrasts and correlation of small windows (Wang et al. 2004)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d

WINDOW = 11  # pixels, with a deviation of 1.5: the authors' choice
DEVIATION = 1.5


def ssim(pictures: Tensor, references: Tensor, *, peak: float = 1.0) -> Tensor:
    """Mean SSIM of each picture, 1 where the two are equal.

    The authors' constants (0.01 and 0.03) and Gaussian window, at the places where the window lies
    wholly inside; the mean over channels.

    Args:
        pictures: (B, C, H, W) in [0, peak], both sides at least 11.
        references: of the same shape.
        peak: the largest possible value.

    Returns:
        (B,), float64.

    Raises:
        ValueError: shapes differ, or the pictures are smaller than the window.
    """
    if pictures.shape != references.shape:
        raise ValueError(f"shapes {tuple(pictures.shape)} and {tuple(references.shape)} differ")
    if min(pictures.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {WINDOW} pixels a side")
    x, y = pictures.double(), references.double()
    mean_x, mean_y = _smooth(x), _smooth(y)
    # Rounding can make a variance of nothing negative.
    variance_x = (_smooth(x * x) - mean_x.square()).clamp_min(0)
    variance_y = (_smooth(y * y) - mean_y.square()).clamp_min(0)
    covariance = _smooth(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    brightness = (2 * mean_x * mean_y + c1) / (mean_x.square() + mean_y.square() + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return (brightness * structure).flatten(1).mean(1)


def _smooth(x: Tensor) -> Tensor:
    place = torch.arange(WINDOW, dtype=x.dtype, device=x.device) - WINDOW // 2
    weights = torch.exp(-place.square() / (2 * DEVIATION**2))
    weights = (weights / weights.sum()).expand(x.shape[1], 1, 1, WINDOW)
    across = conv2d(x, weights, groups=x.shape[1])
    return conv2d(across, weights.transpose(2, 3), groups=x.shape[1])
