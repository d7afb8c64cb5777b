"""How well a score tells two kinds apart: the area under the receiver operating characteristic."""

from __future__ import annotations

import torch
from torch import Tensor


def auroc(low: Tensor, high: Tensor) -> float:
    """The probability that one of the second kind scores above one of the first.

    The Mann-Whitney statistic over the number of pairs; ties count half. 0.5 is chance, below it
    the score points the wrong way.

    Args:
        low: scores (N,) of the kind that should score low, such as normal samples.
        high: scores (M,) of the other kind.

    Raises:
        ValueError: one of them is empty, or a score is not a number.
    """
    if not low.numel() or not high.numel():
        raise ValueError("both kinds are needed: one of them has no scores")
    if low.isnan().any() or high.isnan().any():
        raise ValueError("a score is not a number")
    low = low.double().sort().values
    high = high.double().contiguous()
    below = torch.searchsorted(low, high, right=False)
    not_above = torch.searchsorted(low, high, right=True)
    return float((below + not_above).double().mean() / (2 * low.numel()))
