"""Exponential moving averages of networks: what is previewed, evaluated and saved."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from multigan.config.sections import EMAConfig


class EMA:
    """Averaged copies of some networks, always in eval mode.

    Args:
        networks: Those to average, by name.
        config: Decay and warm-up.
    """

    def __init__(self, networks: Mapping[str, nn.Module], config: EMAConfig) -> None:
        self.config = config
        self.sources = dict(networks) if config.decay > 0 else {}
        self.networks = nn.ModuleDict(
            {name: copy.deepcopy(module) for name, module in self.sources.items()}
        )
        self.networks.requires_grad_(False).eval()
        self._averages: list[Tensor] = list(self.networks.parameters())
        self._values: list[Tensor] = [
            parameter.detach()
            for module in self.sources.values()
            for parameter in module.parameters()
        ]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Moves the averages towards the weights; buffers are copied.

        Args:
            step: Number of this update, from 0. A young average forgets faster, so that it is not
                dominated by the initial weights (the schedule of TensorFlow's
                ExponentialMovingAverage).
        """
        if not self.sources:
            return
        decay = self.config.decay
        if self.config.warmup:
            decay = min(decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averages, self._values, 1 - decay)
        for name, source in self.sources.items():
            for average, value in zip(self.networks[name].buffers(), source.buffers(), strict=True):
                average.copy_(value)

    @torch.no_grad()
    def settle(self, names: Collection[str]) -> None:
        """Makes networks equal to their averages, for good once nothing trains them any more."""
        for name in names:
            if name in self.sources:
                averages = self.networks[name].parameters()
                for value, average in zip(self.sources[name].parameters(), averages, strict=True):
                    value.copy_(average)
