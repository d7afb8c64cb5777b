"""Averages over the past of training, which damp the circling of the two players.

Two devices that share a name in the literature:

* ``ParameterHistory``: Salimans et al. 2016, section 3.3: a penalty on the distance of the
  parameters from their own mean over all past steps.
* ``GradientHistory``: the textbook variant: each update uses the mean of the last k batches'
  gradients.

Both are modules that hold buffers only, so that a checkpoint saves and restores them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from multigan.losses.precision import full_precision


def historical_averaging(parameters: Sequence[Tensor], *, means: Sequence[Tensor]) -> Tensor:
    """||theta - mean of past theta||^2 over all parameters (Salimans et al. 2016, 3.3).

    Args:
        parameters: the player's parameters; the gradient flows to them alone.
        means: their means over past steps, of the same shapes.

    Returns:
        Scalar, float32, unweighted.
    """
    terms = [
        (full_precision(parameter) - full_precision(mean).detach()).square().sum()
        for parameter, mean in zip(parameters, means, strict=True)
    ]
    return torch.stack(terms).sum()


class ParameterHistory(nn.Module):
    """The running mean of a network's parameters over all steps seen, in float32.

    In a phase: ``history.penalty(net.parameters())`` is the loss term, and ``history.update_``
    follows it once a step.

    Args:
        parameters: what will be followed; fixes the size and the device, not the values.
    """

    mean: Tensor
    count: Tensor

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        super().__init__()
        flat = _flatten(parameters)
        self.register_buffer("mean", torch.zeros_like(flat))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64, device=flat.device))

    def penalty(self, parameters: Iterable[Tensor]) -> Tensor:
        """``historical_averaging`` against the mean so far; zero before the first update.

        Args:
            parameters: the same parameters in the same order as at construction.

        Returns:
            Scalar, float32, unweighted.
        """
        flat = torch.cat([full_precision(each).flatten() for each in parameters])
        # torch.where instead of an if: reading the count would make a GPU wait.
        mean = torch.where(self.count > 0, self.mean, flat.detach())
        return historical_averaging([flat], means=[mean])

    @torch.no_grad()
    def update_(self, parameters: Iterable[Tensor]) -> None:
        """Takes the present parameters into the mean, with the weight of one step.

        Args:
            parameters: the same parameters in the same order as at construction.
        """
        self.count += 1
        self.mean += (_flatten(parameters) - self.mean) / self.count


class GradientHistory(nn.Module):
    """The gradients of the last k batches; memory k times the network.

    Call ``average_`` between backward and the optimiser's step, on unscaled, finite gradients: one
    inf would stay for k steps.

    Args:
        parameters: what will be followed; fixes the size and the device.
        length: k, the number of batches averaged.

    Raises:
        ValueError: length below 1.
    """

    gradients: Tensor
    count: Tensor

    def __init__(self, parameters: Iterable[Tensor], *, length: int) -> None:
        super().__init__()
        if length < 1:
            raise ValueError(f"length must be at least 1, not {length}")
        flat = _flatten(parameters)
        self.register_buffer("gradients", flat.new_zeros(length, len(flat)))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64, device=flat.device))

    @torch.no_grad()
    def average_(self, parameters: Iterable[Tensor]) -> None:
        """Replaces each ``.grad`` by the mean over the last k calls, this one included.

        Before the k-th call the mean is over the calls so far. A missing gradient counts as zero.

        Args:
            parameters: the same parameters in the same order as at construction.
        """
        followed = list(parameters)
        present = _flatten(p.grad if p.grad is not None else torch.zeros_like(p) for p in followed)
        length = len(self.gradients)
        # The oldest row is overwritten; rows not yet written are zero and leave the sum unchanged.
        self.gradients.index_copy_(0, (self.count % length).reshape(1), present[None])
        self.count += 1
        mean = self.gradients.sum(0) / self.count.clamp(max=length)
        for parameter, part in zip(
            followed, torch.split(mean, [p.numel() for p in followed]), strict=True
        ):
            parameter.grad = part.view_as(parameter).to(parameter.dtype, copy=True)


def _flatten(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([full_precision(each.detach()).flatten() for each in tensors])
