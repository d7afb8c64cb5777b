"""Means and deviations that networks keep, so that all numbers of a frame are of unit size."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST = 0.05  # of the usual deviation: what hardly varies is not blown up to unit size


def scale_of(rows_TC: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation (C,) of rows (..., C).

    No deviation is below a share of the deviations' root mean square.
    """
    rows = rows_TC.flatten(0, -2)
    std = rows.std(dim=0)
    return rows.mean(0), std.clamp(min=SMALLEST * float(std.square().mean().sqrt()))


def spread(total: int, most: int) -> Tensor:
    """At most so many numbers below a total, at equal distances."""
    return torch.linspace(0, total - 1, min(most, total)).long()
