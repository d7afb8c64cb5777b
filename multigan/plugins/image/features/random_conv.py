"""A convolutional network that has learnt nothing: features for pictures of any kind, at no cost.

Random filters see edges, colours and textures at several scales, which is enough to tell a better
generator from a worse one while it trains, without a download and without the taste of any data
set. They see no objects: do not trust them to say which of two good generators is better.
"""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.errors import PluginError
from multigan.plugins.image.features.extractor import FeatureExtractor

SIDE = 64
SEED = 0
WIDTHS = (3, 32, 64, 128)


class RandomConv(FeatureExtractor):
    """Means over the quarters of a picture after each of three strided random convolutions.

    Args:
        weights: None; they are drawn from a fixed seed.

    Raises:
        PluginError: weights were given.
    """

    name = "random-conv"
    protocol = f"random convolutions of seed {SEED}, antialiased bilinear resizing to {SIDE}x{SIDE}"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        if weights is not None:
            raise PluginError("features 'random-conv' are drawn from a seed; leave --weights out")
        generator = torch.Generator().manual_seed(SEED)
        self.filters = nn.ParameterList()
        for before, after in itertools.pairwise(WIDTHS):
            # He et al.'s scale keeps the size of the numbers from layer to layer.
            scale = math.sqrt(2 / (16 * before))
            self.filters.append(torch.randn(after, before, 4, 4, generator=generator) * scale)

    def resize(self, x_N3HW: Tensor) -> Tensor:
        """To 64x64 and [-1, 1]."""
        if x_N3HW.shape[2:] != (SIDE, SIDE):
            x_N3HW = F.interpolate(x_N3HW, (SIDE, SIDE), mode="bilinear", antialias=True)
        return x_N3HW / 127.5 - 1

    def features(self, x_NCHW: Tensor) -> Tensor:
        """(N, 896)."""
        means = []
        for weight in self.filters:
            x_NCHW = F.relu(F.conv2d(x_NCHW, weight, stride=2, padding=1))
            means.append(F.adaptive_avg_pool2d(x_NCHW, 2).flatten(1))
        return torch.cat(means, dim=1)
