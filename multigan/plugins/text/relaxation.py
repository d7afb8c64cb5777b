"""The Gumbel-softmax relaxation: hard words forwards, soft gradients backwards.

Jang et al. 2017 and Maddison et al. 2017. Shape suffixes: B sentences, L positions, V vocabulary.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def gumbel_noise(uniforms: Tensor) -> Tensor:
    """Standard Gumbel numbers from uniform ones in [0, 1), in float32.

    A uniform of 0 is raised to the smallest normal number, so that the result is finite.
    """
    tiny = torch.finfo(torch.float32).tiny
    # -log(u) is 0 where u rounds to 1; log of that would be infinite.
    # In place after the first copy: for many words these passes over memory are what costs.
    return uniforms.float().clamp(min=tiny).log_().neg_().clamp_(min=tiny).log_().neg_()


def relaxed_rows(
    logits_BLV: Tensor, gumbel_BLV: Tensor, tokens_BL: Tensor, *, temperature: float
) -> Tensor:
    """One-hot rows (B, L, V) of tokens, with the gradient of softmax((logits + gumbel) / T).

    Args:
        logits_BLV: with gradient.
        gumbel_BLV: the noise with which the tokens were chosen.
        tokens_BL: largest entries of logits + gumbel, pads after the end.
        temperature: T > 0; a low one gives gradients of little bias and much variance.
    """
    soft_BLV = ((logits_BLV.float() + gumbel_BLV) / temperature).softmax(2)
    return StraightThrough.apply(soft_BLV, tokens_BL)


class StraightThrough(torch.autograd.Function):
    """Exactly one-hot forwards, the identity on the soft rows backwards.

    ``hard - soft.detach() + soft`` would be one-hot only up to rounding.
    """

    @staticmethod
    def forward(ctx: Any, soft_BLV: Tensor, tokens_BL: Tensor) -> Tensor:
        """One-hot rows of the tokens, in the type of the soft rows."""
        rows_BLV = torch.zeros_like(soft_BLV)
        return rows_BLV.scatter_(-1, tokens_BL[..., None], 1.0)

    @staticmethod
    def backward(ctx: Any, gradient_BLV: Tensor) -> tuple[Tensor, None]:
        """Hands the gradient to the soft rows."""
        return gradient_BLV, None


def annealed(start: float, end: float, fraction: float) -> float:
    """Temperature at a fraction of the stage, on a straight line between the logarithms."""
    return start * (end / start) ** fraction
