"""Peak signal-to-noise ratio: mean squared error, told in decibels."""

from __future__ import annotations

import torch
from torch import Tensor


def psnr(pictures: Tensor, references: Tensor, *, peak: float = 1.0) -> Tensor:
    """10 log10(peak^2 / mean squared error) of each picture, over all channels and pixels.

    Published numbers of super-resolution are often those of the luma channel with the border cut
    off, which are about 1 to 2 dB higher.

    Args:
        pictures: (B, C, H, W) in [0, peak].
        references: of the same shape.
        peak: the largest possible value.

    Returns:
        (B,), float64; infinite where the two are equal.

    Raises:
        ValueError: shapes differ.
    """
    if pictures.shape != references.shape:
        raise ValueError(f"shapes {tuple(pictures.shape)} and {tuple(references.shape)} differ")
    error = (pictures.double() - references.double()).square().flatten(1).mean(1)
    return 10 * torch.log10(peak**2 / error)
