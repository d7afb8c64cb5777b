"""The Gumbel-softmax relaxation: hard words forwards, soft gradients backwards.

Jang et al. 2017 and Maddison et al. 2017. Shape suffixes: B sentences, L positions, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
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

    In float32 whatever the logits are: at RelGAN's last temperatures, down to 1/1000, the quotient
    would leave the range of float16. The gradient of the logits carries a factor 1/T; float16 needs
    a loss scaler that makes room for it.

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


def temperature(schedule: str, *, start: float, end: float, fraction: float) -> float:
    """Temperature T at a fraction of the stage, annealed as RelGAN does (Nie et al. 2019).

    A schedule is a curve of the inverse temperature b = 1/T, by which the logits are multiplied:
    b = 1/start + (1/end - 1/start) s, where s goes from 0 to 1 with the fraction x:

    ===========  ================================================================================
    none         s = 0: T stays at the start
    linear       s = x
    exponential  log b (and so log T) is linear in x: T = start (end / start)^x
    logarithmic  s = log(1 + 5000 x) / log(5001): nearly all of it at once
    sigmoid      s = logistic(20 x - 10), stretched to meet 0 and 1
    quadratic    s = x^2
    sqrt         s = sqrt(x)
    ===========  ================================================================================

    Args:
        schedule: a key of ``SCHEDULES``.
        start: T at fraction 0, positive.
        end: T at fraction 1, positive.
        fraction: x in [0, 1].

    Raises:
        ValueError: unknown schedule, or a number out of range.
    """
    if schedule not in SCHEDULES:
        raise ValueError(f"unknown schedule '{schedule}'; choose one of {', '.join(SCHEDULES)}")
    if not (start > 0 and end > 0 and 0 <= fraction <= 1):
        raise ValueError(
            f"start={start}, end={end}, fraction={fraction}: give positive temperatures and a "
            "fraction in [0, 1]"
        )
    return SCHEDULES[schedule](start, end, fraction)


# -- the schedules --------------------------------------------------------------------------------

STEPS = 5000  # of RelGAN's training, which sets how steep its logarithm begins


def _inverse(share: Callable[[float], float]) -> Callable[[float, float, float], float]:
    """A schedule whose inverse temperature has gone this share of its way at a fraction."""

    def curve(start: float, end: float, fraction: float) -> float:
        return 1 / (1 / start + (1 / end - 1 / start) * share(fraction))

    return curve


SCHEDULES: dict[str, Callable[[float, float, float], float]] = {
    "none": lambda start, end, x: start,
    "linear": _inverse(lambda x: x),
    "exponential": lambda start, end, x: start * (end / start) ** x,
    "logarithmic": _inverse(lambda x: math.log1p(STEPS * x) / math.log1p(STEPS)),
    "sigmoid": _inverse(lambda x: 0.5 + 0.5 * math.tanh(10 * x - 5) / math.tanh(5)),
    "quadratic": _inverse(lambda x: x**2),
    "sqrt": _inverse(math.sqrt),
}
