"""Means and deviations that networks keep, so that all numbers of a frame are of unit size."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 0.05  # of the usual deviation: what hardly varies is not blown up to unit size


@torch.no_grad()
def fit_scale(mean_C: Tensor, std_C: Tensor, rows_TC: Tensor) -> None:
    """Fills a network's buffers.

    Args:
        mean_C: is overwritten.
        std_C: is overwritten; never below a share of the deviations' root mean square.
        rows_TC: (..., C).
    """
    rows = rows_TC.flatten(0, -2).double()
    std = rows.std(dim=0)
    mean_C.copy_(rows.mean(0))
    std_C.copy_(std.clamp(min=SMALLEST * float(std.square().mean().sqrt())))
