"""The Inception score, with any classifier (Salimans et al. 2016).

exp of the mean KL(p(y|x) || p(y)): high where every sample has a clear class and all classes occur.
It lies between 1 and the number of classes and never looks at real data. Published numbers are of
one certain Inception network and 50,000 samples in 10 parts; values of other classifiers compare
only with each other.
"""

from __future__ import annotations

import torch
from torch import Tensor


class InceptionScore:
    """Gathers class probabilities in constant memory.

    Args:
        splits: parts that are scored by themselves; the published score has 10.

    Raises:
        ValueError: splits is not positive.
    """

    def __init__(self, *, splits: int = 10) -> None:
        if splits < 1:
            raise ValueError(f"splits must be positive, not {splits}")
        self.splits = splits
        self._counts_S = torch.zeros(splits, dtype=torch.float64)
        self._negentropies_S = torch.zeros(splits, dtype=torch.float64)
        self._sums_SK = torch.zeros(splits, 0, dtype=torch.float64)

    def update(self, probabilities: Tensor, *, split: Tensor) -> None:
        """Adds a batch.

        Args:
            probabilities: (N, K); rows sum to 1.
            split: (N,), the part that each sample belongs to. Samples in the order of their classes
                must be dealt out at random, or every part would hold other classes.

        Raises:
            ValueError: shapes do not fit, or rows are not probabilities.
        """
        p_NK = probabilities.detach().cpu().double()
        if p_NK.dim() != 2 or split.shape != p_NK.shape[:1]:
            shapes = f"{tuple(probabilities.shape)} and {tuple(split.shape)}"
            raise ValueError(f"needs probabilities (N, K) and a part for each, not {shapes}")
        if not ((p_NK >= 0).all() and ((p_NK.sum(1) - 1).abs() < 1e-3).all()):
            raise ValueError("rows must be probabilities: not negative, and 1 in sum")
        if not self._sums_SK.shape[1]:
            self._sums_SK = p_NK.new_zeros(self.splits, p_NK.shape[1])
        split = split.cpu()
        self._counts_S += torch.bincount(split, minlength=self.splits)
        self._negentropies_S.index_add_(0, split, torch.xlogy(p_NK, p_NK).sum(1))
        self._sums_SK.index_add_(0, split, p_NK)

    def compute(self) -> tuple[float, float]:
        """Mean and (population) standard deviation of the score over the parts.

        Raises:
            ValueError: a part has no sample.
        """
        if not self._counts_S.all():
            raise ValueError(f"a part of {self.splits} has no sample; give more, or fewer splits")
        marginal_SK = self._sums_SK / self._counts_S[:, None]
        # mean KL(p(y|x) || p(y)) = mean sum p log p - sum p(y) log p(y)
        negentropy_S = self._negentropies_S / self._counts_S
        scores_S = (negentropy_S - torch.xlogy(marginal_SK, marginal_SK).sum(1)).exp()
        return float(scores_S.mean()), float(scores_S.std(correction=0))


def inception_score(probabilities: Tensor, *, splits: int = 10) -> tuple[float, float]:
    """The score of samples in random order, cut into ``splits`` consecutive parts as published.

    Args:
        probabilities: (N, K) of a classifier.
        splits: number of parts.

    Returns:
        Mean and (population) standard deviation over the parts.

    Raises:
        ValueError: fewer samples than parts, or rows that are not probabilities.
    """
    score = InceptionScore(splits=splits)
    N = len(probabilities)
    # Part s begins at floor(s N / splits).
    score.update(probabilities, split=((torch.arange(N) + 1) * splits - 1) // max(1, N))
    return score.compute()
