"""Discriminators of what repeats: each one sees every p-th sample (Kong et al. 2020, 2.3).

The waveform is laid out in rows of p samples, and each column is looked at by itself. The original
does so with two-dimensional convolutions of width 1; here the columns go into the batch and the
convolutions are one-dimensional, which computes the same.

Shape suffixes: B waveforms, T samples, P the period, C channels, L samples of a column.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from multigan.nn.network import Network

SLOPE = 0.1
STRIDES = (3, 3, 3, 3, 1)


class MultiPeriodDiscriminator(Network):
    """One discriminator for each period; periods are primes, so that they overlap little.

    Args:
        periods: in samples.
        width: channels of the first layer; the others have 4, 16, 32 and 32 times as many, as in
            the paper, whose width is 32 (41.1 million parameters).
    """

    def __init__(self, *, periods: Sequence[int] = (2, 3, 5, 7, 11), width: int = 32) -> None:
        super().__init__()
        self.judges = nn.ModuleList([_PeriodDiscriminator(period, width) for period in periods])

    def forward(self, x_BT: Tensor) -> list[list[Tensor]]:
        """For each period the features of all layers, (B * P, C, L); the last are the logits."""
        return [judge(x_BT) for judge in self.judges]


class _PeriodDiscriminator(nn.Module):
    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, width, 4 * width, 16 * width, 32 * width, 32 * width)
        self.layers = nn.ModuleList(
            [
                weight_norm(nn.Conv1d(before, after, 5, stride=stride, padding=2))
                for before, after, stride in zip(widths[:-1], widths[1:], STRIDES, strict=True)
            ]
        )
        self.verdict = weight_norm(nn.Conv1d(widths[-1], 1, 3, padding=1))

    def forward(self, x_BT: Tensor) -> list[Tensor]:
        period = self.period
        missing = -x_BT.shape[1] % period
        if missing:
            x_BT = F.pad(x_BT, (0, missing), mode="reflect")
        columns_BPL = x_BT.reshape(len(x_BT), -1, period).transpose(1, 2)
        h_NCL = columns_BPL.reshape(len(x_BT) * period, 1, -1)
        features = []
        for layer in self.layers:
            h_NCL = F.leaky_relu(layer(h_NCL), SLOPE)
            features.append(h_NCL)
        return [*features, self.verdict(h_NCL)]
