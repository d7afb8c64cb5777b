"""What the game remembers beside weights; buffers only, so that a checkpoint holds it."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor, nn


class RunningMean(nn.Module):
    """One number that follows what it is given; starts at 0."""

    value: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(()))

    @torch.no_grad()
    def store(self, value: Tensor) -> None:
        """Takes a new value, the mean of those of all processes."""
        self.value.copy_(mean_over_processes(value))


def mean_over_processes(value: Tensor) -> Tensor:
    """The mean of a tensor over all processes; the tensor itself where there is one."""
    if not dist.is_initialized():
        return value
    value = value.clone()
    dist.all_reduce(value)
    return value / world_size()


def deviation_over_processes(values: Tensor) -> Tensor:
    """The standard deviation of all numbers in the tensors of all processes, of one size each."""
    mean = mean_over_processes(values.mean())
    variance = mean_over_processes((values - mean).square().mean())
    count = values.numel() * world_size()
    return (variance * count / (count - 1)).sqrt()


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_initialized() else 1
