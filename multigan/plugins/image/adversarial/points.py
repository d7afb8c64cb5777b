"""25 Gaussians on a grid: the classical test of which modes a GAN leaves out.

The centres lie 0.4 apart in [-0.8, 0.8]^2, the deviation is 0.01: the proportion of 40 that PacGAN
(Lin et al. 2018) and others use. A point is a picture of one pixel with two channels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

SIDE = 5
SPACING = 0.4
DEVIATION = 0.01
HEAT_MAP = 96  # pixels


class Gaussians(Dataset[dict[str, Tensor]]):
    """A fixed sample of the 25 Gaussians, in memory.

    Args:
        count: points.
        seed: of the sample.
    """

    def __init__(self, count: int, *, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        which = torch.randint(SIDE * SIDE, (count,), generator=generator)
        scatter = torch.randn(count, 2, generator=generator)
        self.points = (centres()[which] + DEVIATION * scatter)[:, :, None, None]

    def __len__(self) -> int:
        """Number of points."""
        return len(self.points)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One point, (2, 1, 1)."""
        return {"image": self.points[index]}

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Points by number, (B, 2, 1, 1)."""
        return {"image": self.points[indices]}


def centres() -> Tensor:
    """The means of the Gaussians, (25, 2)."""
    line = SPACING * (torch.arange(SIDE) - (SIDE - 1) / 2)
    return torch.cartesian_prod(line, line)


def coverage(points_B2: Tensor) -> dict[str, float]:
    """How many of the 25 modes are found, and how many points are good.

    A point is good within three deviations of the nearest centre; a mode is found with one good
    point at least (the count of Srivastava et al. 2017).

    Args:
        points_B2: generated points.
    """
    distance_B, nearest_B = torch.cdist(points_B2, centres().to(points_B2)).min(dim=1)
    good_B = distance_B <= 3 * DEVIATION
    return {
        "modes": float(len(nearest_B[good_B].unique())),
        "good-points": float(good_B.float().mean()),
    }


def heat_map(points_B2: Tensor) -> Tensor:
    """Points as a picture (1, 1, H, W) in [0, 1] of [-1, 1]^2; bright is many."""
    edges = torch.linspace(-1.0, 1.0, HEAT_MAP + 1)
    counts_HW, _ = torch.histogramdd(points_B2.float().cpu(), [edges, edges])
    return (counts_HW / counts_HW.max().clamp(min=1)).sqrt()[None, None]
