"""The clip classifier: convolutions over the picture and over time in turn, a mean over time.

Shape suffixes: B clips, T frames, C channels, H and W pixels, D features, K classes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network


class ClipClassifier(Network):
    """Class logits of clips, and the features that they are read from.

    Args:
        classes: K.
        size: side of the frames.
        width: channels after the first halving; four times as many at last.
        features: D.
        convolution: "factorised" into picture and time (Tran et al. 2018), or "full" ones over
            both at once.
    """

    def __init__(
        self,
        *,
        classes: int,
        size: int = 64,
        width: int = 16,
        features: int = 64,
        convolution: Literal["factorised", "full"] = "factorised",
    ) -> None:
        super().__init__()
        self.classes = classes
        layers: list[nn.Module] = []
        for before, after in pairwise([3, width, 2 * width, 4 * width, features]):
            if convolution == "full":
                layers += _layer(nn.Conv3d(before, after, 3, (1, 2, 2), 1, bias=False))
            else:
                space = nn.Conv3d(before, after, (1, 3, 3), (1, 2, 2), (0, 1, 1), bias=False)
                time = nn.Conv3d(after, after, (3, 1, 1), 1, (1, 0, 0), bias=False)
                layers += [*_layer(space), *_layer(time)]
        self.body = nn.Sequential(*layers)
        # Where something is seen says much of a pose, so places are not averaged away.
        self.pool = nn.Linear(features * (size // 2**4) ** 2, features)
        self.head = nn.Linear(features, classes)

    def features(self, x_BTCHW: Tensor) -> Tensor:
        """Non-negative features (B, D) of clips in [-1, 1]."""
        # In this layout oneDNN takes two thirds of the time for narrow layers.
        x_BCTHW = x_BTCHW.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        h_BDTHW = self.body(x_BCTHW)
        return F.relu(self.pool(h_BDTHW.mean(2).flatten(1)))

    def forward(self, x_BTCHW: Tensor) -> Tensor:
        """Logits (B, K) of clips in [-1, 1]."""
        return self.head(self.features(x_BTCHW))


def _layer(convolution: nn.Conv3d) -> list[nn.Module]:
    return [convolution, nn.BatchNorm3d(convolution.out_channels), nn.ReLU()]
