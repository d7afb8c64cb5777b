"""Precision, recall, density and coverage: is each sample real, is each real thing sampled?

All four ask who lies in whose ball; the ball of a point reaches to its k-th nearest neighbour in
its own set.

precision   share of samples in the ball of a reference     (Kynkäänniemi et al. 2019)
recall      share of references in the ball of a sample
density     balls of references around a sample, over k     (Naeem et al. 2020; can exceed 1)
coverage    share of references with a sample in their ball

They depend on k and on both numbers of samples: state them. Distances are computed in chunks, so
memory grows with the number of samples and not with its square.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

CHUNK = 500  # rows of the distance matrix at once
_EXACT = 1e-12  # squared distances below this share of the squared norms are rounding


@dataclass(frozen=True)
class PRDC:
    """The four numbers."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(features: Tensor, references: Tensor, *, neighbours: int = 5) -> PRDC:
    """Compares samples with references.

    Args:
        features: (N, D) of the samples.
        references: (M, D) of real data.
        neighbours: k. Kynkäänniemi et al. take 3, Naeem et al. 5 for all four.

    Raises:
        ValueError: D differs, or a set has no k-th neighbour.
    """
    if features.dim() != 2 or references.dim() != 2 or features.shape[1] != references.shape[1]:
        shapes = f"{tuple(features.shape)} and {tuple(references.shape)}"
        raise ValueError(f"both sets must be (N, D) with the same D, not {shapes}")
    if not 1 <= neighbours < min(len(features), len(references)):
        sizes = f"{len(features)} and {len(references)}"
        raise ValueError(f"{neighbours} neighbours need more samples than that, not {sizes}")
    references = references.double()
    centre = references.mean(0)  # differences of small numbers keep more digits
    references, features = references - centre, features.double() - centre
    radii_N = _radii(features, neighbours)
    radii_M = _radii(references, neighbours)
    inside_N = []
    covered_M = torch.zeros_like(radii_M, dtype=torch.bool)
    recalled_M = covered_M.clone()
    for start, squared_nM in _chunks(features, references):
        in_reference_nM = squared_nM <= radii_M
        inside_N.append(in_reference_nM.sum(1))
        covered_M |= in_reference_nM.any(0)
        recalled_M |= (squared_nM <= radii_N[start : start + len(squared_nM), None]).any(0)
    balls_N = torch.cat(inside_N).double()
    return PRDC(
        precision=float((balls_N > 0).double().mean()),
        recall=float(recalled_M.double().mean()),
        density=float(balls_N.mean() / neighbours),
        coverage=float(covered_M.double().mean()),
    )


def _radii(points: Tensor, neighbours: int) -> Tensor:
    """Squared distance of each point to its k-th nearest other point."""
    radii = []
    for start, squared_nN in _chunks(points, points):
        squared_nN.diagonal(start).fill_(torch.inf)  # a point is not its own neighbour
        radii.append(squared_nN.kthvalue(neighbours, dim=1).values)
    return torch.cat(radii)


def _chunks(a: Tensor, b: Tensor) -> Iterator[tuple[int, Tensor]]:
    """(first row, squared distances) of some rows of a to all of b."""
    norms_M = b.square().sum(1)
    for start in range(0, len(a), CHUNK):
        part = a[start : start + CHUNK]
        norms_nM = part.square().sum(1)[:, None] + norms_M
        squared_nM = norms_nM - 2 * part @ b.T
        # Copies must be found at distance 0: their balls may have no radius.
        yield start, squared_nM.masked_fill_(squared_nM < _EXACT * norms_nM, 0.0)
