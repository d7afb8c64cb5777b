"""The kernel distance of two sets of features: KID's estimator (Bińkowski et al. 2018).

The squared maximum mean discrepancy with the kernel (x.y / D + 1)^3, unbiased: where both sets come
from one distribution it is 0 on average, whatever their number, and single values may be negative.
It is called KID only with the features of the Inception network of FID.
"""

from __future__ import annotations

import torch
from torch import Tensor


def kernel_distance(
    features: Tensor,
    references: Tensor,
    *,
    generator: torch.Generator,
    subsets: int = 100,
    subset_size: int = 1000,
) -> tuple[float, float]:
    """Mean and spread of the squared MMD over random subsets of both sets, as published.

    Args:
        features: (N, D).
        references: (M, D).
        generator: of the subsets, on the CPU.
        subsets: how many, drawn without replacement each.
        subset_size: samples in each; fewer where a set is smaller.

    Returns:
        Mean and (population) standard deviation over the subsets.

    Raises:
        ValueError: fewer than two samples, or D differs.
    """
    size = min(subset_size, len(features), len(references))
    if size == len(features) == len(references):
        subsets = 1  # all subsets would be the same
    values = torch.stack(
        [
            squared_mmd(_subset(features, size, generator), _subset(references, size, generator))
            for _ in range(subsets)
        ]
    )
    return float(values.mean()), float(values.std(correction=0))


def squared_mmd(features: Tensor, references: Tensor) -> Tensor:
    """Unbiased estimate of the squared MMD with the cubic kernel (Gretton et al. 2012, eq. 3).

    Args:
        features: (N, D).
        references: (M, D).

    Returns:
        Scalar, float64.

    Raises:
        ValueError: fewer than two samples in a set, or D differs.
    """
    if features.dim() != 2 or references.dim() != 2 or features.shape[1] != references.shape[1]:
        shapes = f"{tuple(features.shape)} and {tuple(references.shape)}"
        raise ValueError(f"both sets must be (N, D) with the same D, not {shapes}")
    N, M = len(features), len(references)
    if min(N, M) < 2:
        raise ValueError(f"needs at least two samples of each set, not {N} and {M}")
    x, y = features.double(), references.double()
    # A sample's likeness to itself would bias the means: the diagonals are left out.
    within_x = (_kernel(x, x).sum() - _kernel_with_itself(x).sum()) / (N * (N - 1))
    within_y = (_kernel(y, y).sum() - _kernel_with_itself(y).sum()) / (M * (M - 1))
    return within_x + within_y - 2 * _kernel(x, y).mean()


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def _kernel_with_itself(x: Tensor) -> Tensor:
    return (x.square().mean(1) + 1) ** 3


def _subset(features: Tensor, size: int, generator: torch.Generator) -> Tensor:
    chosen = torch.randperm(len(features), generator=generator)[:size]
    return features[chosen.to(features.device)]
