"""Judges of single frames and of whole clips.

Shape suffixes: B clips, T frames, C channels, H and W pixels, F features.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.nn.verdict import Verdict, normalised
from multigan.plugins.video.networks.parts import (
    BASE,
    DiscriminatorLabels,
    widths,
)

Convolution = Literal["factorised", "full"]


class FrameDiscriminator(Network):
    """Is a picture a frame of a real film? MoCoGAN's D_I.

    Args:
        size: side of the picture.
        width: channels after the first halving.
        widest: most channels anywhere.
        classes: K.
        labels: see `Verdict`.
        spectral: spectral normalisation of every layer.
    """

    def __init__(
        self,
        *,
        size: int = 64,
        width: int = 64,
        widest: int = 512,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
        spectral: bool = True,
    ) -> None:
        super().__init__()
        channels = [3, *reversed(widths(size, width=width, widest=widest))]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [normalised(nn.Conv2d(before, after, 4, 2, 1), spectral), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        features = channels[-1] * BASE**2
        self.verdict = Verdict(features, classes=classes, labels=labels, spectral=spectral)

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K)."""
        return self.verdict(self.layers(x_BCHW).flatten(1), labels_B)


class ClipDiscriminator(Network):
    """Is a clip a piece of a real film? MoCoGAN's D_V.

    Every layer halves picture and time. A three-dimensional convolution can be "factorised" into
    one over the picture and one over time with a rectifier between (R(2+1)D, Tran et al. 2018),
    which sees every frame of every picture before it leaves out any time; "full" ones take both at
    once, as the paper's. What is left of the time is averaged, so that clips of any length from two
    frames on can be judged.

    Args:
        size: side of the frames.
        width: channels after the first halving.
        widest: most channels anywhere.
        classes: K.
        labels: see `Verdict`.
        spectral: spectral normalisation of every layer.
        convolution: "factorised" or "full".
    """

    def __init__(
        self,
        *,
        size: int = 64,
        width: int = 64,
        widest: int = 512,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
        spectral: bool = True,
        convolution: Convolution = "factorised",
    ) -> None:
        super().__init__()
        channels = [3, *reversed(widths(size, width=width, widest=widest))]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            if convolution == "full":
                both = nn.Conv3d(before, after, (3, 4, 4), 2, 1)
                layers += [normalised(both, spectral), nn.LeakyReLU(0.2)]
                continue
            space = nn.Conv3d(before, after, (1, 4, 4), (1, 2, 2), (0, 1, 1))
            time = nn.Conv3d(after, after, (3, 1, 1), (2, 1, 1), (1, 0, 0))
            layers += [normalised(space, spectral), nn.LeakyReLU(0.2)]
            layers += [normalised(time, spectral), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers)
        features = channels[-1] * BASE**2
        self.verdict = Verdict(features, classes=classes, labels=labels, spectral=spectral)

    def forward(self, x_BTCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K)."""
        # In this layout oneDNN takes two thirds of the time for narrow layers.
        x_BCTHW = x_BTCHW.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        h_BFTHW = self.layers(x_BCTHW)
        return self.verdict(h_BFTHW.mean(2).flatten(1), labels_B)
