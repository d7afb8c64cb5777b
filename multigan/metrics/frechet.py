"""The Fréchet distance between two sets of features, from statistics that are gathered in a stream.

Each set is taken for a normal distribution; the distance of two such, squared, is

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2))

(Dowson and Landau 1982; Heusel et al. 2017). It is called FID only with the features of one certain
Inception network, see `multigan.plugins.image.features.inception`. Its value depends on the number
of samples (fewer look worse), so state both numbers beside it.
"""

from __future__ import annotations

import torch
from torch import Tensor


class FeatureStatistics:
    """Mean and covariance of any number of features, in float64 and constant memory.

    Batches are centred before they are squared and joined by the formula of Chan et al. (1983), so
    that a large common offset costs no digits.

    Attributes:
        count: how many samples were seen.
    """

    def __init__(self) -> None:
        self.count = 0
        self._mean = torch.zeros(0, dtype=torch.float64)
        self._scatter = torch.zeros(0, 0, dtype=torch.float64)  # sum of (x - mean)(x - mean)^T

    def update(self, features: Tensor) -> None:
        """Adds a batch.

        Args:
            features: (N, D), any N.

        Raises:
            ValueError: not two-dimensional, another D than before, or not finite.
        """
        if features.dim() != 2:
            raise ValueError(f"features must be (N, D), not {tuple(features.shape)}")
        if not len(features):
            return
        features = _double(features)
        if not features.isfinite().all():
            raise ValueError("features hold NaN or infinite numbers")
        mean = features.mean(0)
        centred = features - mean
        self._join(len(features), mean, centred.T @ centred)

    def merge(self, other: FeatureStatistics) -> None:
        """Adds what another one has seen: parts may be gathered by several processes."""
        if other.count:
            self._join(other.count, other._mean, other._scatter)

    @property
    def mean(self) -> Tensor:
        """(D,), float64."""
        self._need(1)
        return self._mean

    @property
    def covariance(self) -> Tensor:
        """(D, D), float64, unbiased (divided by N - 1)."""
        self._need(2)
        return self._scatter / (self.count - 1)

    def _join(self, count: int, mean: Tensor, scatter: Tensor) -> None:
        if not self.count:
            self.count, self._mean, self._scatter = count, mean.clone(), scatter.clone()
            return
        if mean.shape != self._mean.shape:
            raise ValueError(f"{len(mean)} features a sample, but {len(self._mean)} before")
        total = self.count + count
        apart = mean.to(self._mean.device) - self._mean
        between = torch.outer(apart, apart) * (self.count * count / total)
        self._scatter = self._scatter + scatter.to(self._scatter.device) + between
        self._mean = self._mean + apart * (count / total)
        self.count = total

    def _need(self, samples: int) -> None:
        if self.count < samples:
            raise ValueError(f"needs at least {samples} samples, and has seen {self.count}")


def frechet_distance(mean1: Tensor, cov1: Tensor, mean2: Tensor, cov2: Tensor) -> float:
    """The (squared) Fréchet distance of two normal distributions.

    Covariances may be singular, as they are with fewer samples than features. With C = L L^T the
    trace of (C1 C2)^(1/2) is the sum of the singular values of L1^T L2: no root of a product, whose
    rounding others mend with an offset on the diagonal, has to be taken.

    Args:
        mean1: (D,).
        cov1: (D, D), symmetric, no negative eigenvalues.
        mean2: (D,).
        cov2: (D, D).

    Returns:
        Value >= 0.

    Raises:
        ValueError: shapes do not match, or a number is not finite.
    """
    D = len(mean1)
    if mean2.shape != (D,) or cov1.shape != (D, D) or cov2.shape != (D, D):
        shapes = [tuple(each.shape) for each in (mean1, cov1, mean2, cov2)]
        raise ValueError(f"means (D,) and covariances (D, D) must match, not {shapes}")
    first, second, c1, c2 = (_double(each) for each in (mean1, mean2, cov1, cov2))
    if not all(bool(each.isfinite().all()) for each in (first, second, c1, c2)):
        raise ValueError("means and covariances must be finite")
    second, c2 = second.to(first.device), c2.to(c1.device)
    shared = torch.linalg.svdvals(_factor(c1).T @ _factor(c2)).sum()
    distance = (first - second).square().sum() + c1.trace() + c2.trace() - 2 * shared
    return max(0.0, float(distance))


def _factor(covariance: Tensor) -> Tensor:
    """L (D, rank) with L L^T = covariance."""
    values, vectors = torch.linalg.eigh(covariance)
    # What rounding leaves of zero eigenvalues: their roots, 1e-8, would add up over many features.
    noise = len(values) * torch.finfo(values.dtype).eps * values[-1].clamp(min=0)
    kept = values > noise
    return vectors[:, kept] * values[kept].sqrt()


def _double(values: Tensor) -> Tensor:
    # Apple's GPUs have no float64.
    return (values.detach().cpu() if values.device.type == "mps" else values.detach()).double()
