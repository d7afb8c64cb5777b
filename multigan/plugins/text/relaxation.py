"""The Gumbel-softmax relaxation: hard words forwards, soft gradients backwards.

Jang et al. 2017 and Maddison et al. 2017. Shape suffixes: B sentences, L positions, V vocabulary, N
words, E features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

TINY = torch.finfo(torch.float32).tiny  # keeps logarithms finite at uniforms of 0 and 1


class SoftWords:
    """Words as one-hot rows (B, L, V) with the gradient of soft rows, and without the former.

    What networks do with such rows is to multiply them by a matrix, ``rows @ weight``. Of a one-hot
    row that is a row of the matrix; only the gradient has to know about all the other words.

    Args:
        tokens_BL: the words.
        soft_NV: with gradient: soft rows of those of them that want one.
        where_BL: which those are, N in all; None is all of them.
    """

    def __init__(self, tokens_BL: Tensor, soft_NV: Tensor, where_BL: Tensor | None = None) -> None:
        self.tokens_BL, self.soft_NV, self.where_BL = tokens_BL, soft_NV, where_BL

    @property
    def dtype(self) -> torch.dtype:
        """Of the soft rows."""
        return self.soft_NV.dtype

    def __matmul__(self, weight_VE: Tensor) -> Tensor:
        """Rows of the weight (B, L, E), exactly; the gradient flows into the soft rows."""
        hard_BLE = torch.nn.functional.embedding(self.tokens_BL, weight_VE)
        if self.where_BL is None:
            soft_BLE = (self.soft_NV @ weight_VE).view_as(hard_BLE)
            return _StraightThrough.apply(soft_BLE, hard_BLE)
        soft_NE = self.soft_NV @ weight_VE
        straight_NE = _StraightThrough.apply(soft_NE, hard_BLE[self.where_BL])
        return hard_BLE.masked_scatter(self.where_BL[:, :, None], straight_NE)


Rows = Tensor | SoftWords
"""Words as one-hot or soft rows (B, L, V): what can be multiplied by a matrix."""


class _StraightThrough(torch.autograd.Function):
    """The hard value forwards, the identity on the soft one backwards.

    ``hard - soft.detach() + soft`` would be the hard value only up to rounding.
    """

    @staticmethod
    def forward(ctx: Any, soft: Tensor, hard: Tensor) -> Tensor:
        return hard.to(soft.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def soft_rows(logits_NV: Tensor, noisy_NV: Tensor, *, temperature: float) -> Tensor:
    """softmax((logits + Gumbel noise) / T), (N, V), with gradient with respect to the logits.

    In float32 whatever the logits are: the quotient leaves the range of float16 at RelGAN's last
    temperature of 1/1000. The gradient of the logits has a factor 1/T, which a loss scaler for
    float16 has to make room for.

    Args:
        logits_NV: with gradient.
        noisy_NV: the same with the noise, from `noisy_logits`.
        temperature: T > 0; a low one gives gradients of little bias and much variance.
    """
    logits_NV = logits_NV.float()
    noise_NV = torch.where(noisy_NV.isfinite(), noisy_NV - logits_NV.detach(), 0)
    return ((logits_NV + noise_NV) / temperature).softmax(1)


@torch.no_grad()
def noisy_logits(logits_NV: Tensor, tokens_N: Tensor, uniforms_NV: Tensor) -> Tensor:
    """Logits plus Gumbel noise as it must have been, given which word it made the largest; float32.

    Drawing words by one uniform number each and the noise afterwards gives the same joint
    distribution as drawing the noise first, and is needed only where there are words. The largest
    is Gumbel around the log of the sum of all exponentials; the others are Gumbel around their
    logits, cut off there (Maddison et al. 2014).

    Args:
        logits_NV: logits; -inf for impossible words.
        tokens_N: words that were drawn from softmax(logits).
        uniforms_NV: in [0, 1).

    Returns:
        (N, V); -inf for impossible words, the largest of a row at its token.
    """
    logits_NV = logits_NV.float()
    sums_N1 = logits_NV.logsumexp(1, keepdim=True)
    exponential_NV = -uniforms_NV.float().clamp(min=TINY).log().clamp(max=-TINY)
    most_N1 = exponential_NV.gather(1, tokens_N[:, None])  # exp(-(largest - sum))
    # exp(-others), relative to the sum: beyond the range of float32 where a word is all but
    # impossible, and its noisy logit then -inf.
    others_NV = exponential_NV * (sums_N1 - logits_NV).exp() + most_N1
    return (sums_N1 - others_NV.log()).scatter(1, tokens_N[:, None], sums_N1 - most_N1.log())


TINY = torch.finfo(
    torch.float32
).tiny  # keeps logarithms finite where a uniform is 0, or rounds to 1


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
