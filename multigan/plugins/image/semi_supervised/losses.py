"""A classifier of K classes as a discriminator (Salimans et al. 2016, sections 3.1 and 5).

"Generated" is a class K + 1. A softmax does not change when a number is added to all its logits, so
this one is fixed at 0, and the classifier keeps its K outputs. With Z = sum exp(logits),

    p(class k)  = exp(logit k) / (Z + 1)         p(real) = Z / (Z + 1) = sigmoid(log Z)

so that log Z is the logit of a common discriminator.

Shape suffixes: B pictures, K classes, D features.
"""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.losses.precision import full_precision


def realness(logits_BK: Tensor) -> Tensor:
    """log Z, above 0 means real, (B, 1), float32."""
    return torch.logsumexp(full_precision(logits_BK), dim=1, keepdim=True)


def mean_matching(difference_D: Tensor) -> Tensor:
    """Mean square over features of how much the mean features of two batches differ.

    The generator's loss in section 3.1: it is to make pictures with the statistics that the
    discriminator finds telling at the moment, instead of those that it takes for real.

    Args:
        difference_D: mean features of generated pictures minus those of real ones.

    Returns:
        Scalar, float32. The paper writes the sum; its code, like this, takes the mean.
    """
    return full_precision(difference_D).square().mean()
