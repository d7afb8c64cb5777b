"""Discriminators of the waveform at several sample rates (Kumar et al. 2019, MelGAN).

Shape suffixes: B waveforms, T samples, C channels, L positions.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from multigan.nn.network import Network

SLOPE = 0.1
# (channels in and out in widths, kernel, stride, groups)
LAYERS = (
    (1, 1, 41, 2, 4),
    (1, 2, 41, 2, 16),
    (2, 4, 41, 4, 16),
    (4, 8, 41, 4, 16),
    (8, 8, 41, 1, 16),
    (8, 8, 5, 1, 1),
)


class MultiScaleDiscriminator(Network):
    """The waveform itself, and means over it at half the rate, a quarter ...

    Args:
        scales: number of discriminators. The first, which sees the waveform itself, is under
            spectral normalisation, the others under weight normalisation, as in the paper.
        width: channels of the first two layers, a multiple of 16; the deepest have 8 times as many.
            The paper's is 128 (with three scales 29.6 million parameters).

    Raises:
        ValueError: the width is no multiple of 16, which the grouped convolutions need.
    """

    def __init__(self, *, scales: int = 3, width: int = 128) -> None:
        super().__init__()
        if width % 16:
            raise ValueError(f"width={width} must be a multiple of 16, the groups of a convolution")
        self.judges = nn.ModuleList(
            [_ScaleDiscriminator(width, spectral=scale == 0) for scale in range(scales)]
        )

    def forward(self, x_BT: Tensor) -> list[list[Tensor]]:
        """For each scale the features of all layers, (B, C, L); the last are the logits."""
        x_B1T = x_BT.unsqueeze(1)
        judged = []
        for scale, judge in enumerate(self.judges):
            if scale:
                x_B1T = F.avg_pool1d(x_B1T, 4, stride=2, padding=2)
            judged.append(judge(x_B1T))
        return judged


class _ScaleDiscriminator(nn.Module):
    def __init__(self, width: int, *, spectral: bool) -> None:
        super().__init__()
        norm = spectral_norm if spectral else weight_norm
        self.layers = nn.ModuleList([norm(nn.Conv1d(1, width, 15, padding=7))])
        for before, after, kernel, stride, groups in LAYERS:
            self.layers.append(
                norm(
                    nn.Conv1d(
                        before * width, after * width, kernel,
                        stride=stride, padding=kernel // 2, groups=groups,
                    )
                )
            )  # fmt: skip
        self.verdict = norm(nn.Conv1d(8 * width, 1, 3, padding=1))

    def forward(self, x_B1T: Tensor) -> list[Tensor]:
        features, h_BCL = [], x_B1T
        for layer in self.layers:
            h_BCL = F.leaky_relu(layer(h_BCL), SLOPE)
            features.append(h_BCL)
        return [*features, self.verdict(h_BCL)]
