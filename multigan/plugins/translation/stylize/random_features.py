"""Features that nobody trained: a small convolutional network with random filters.

Random filters respond to colours, edges and textures at several scales, and that is what Gram
matrices need (Ustyuzhaninov et al. 2016 for textures, He et al. 2016 for style and content). They
know no objects: what they keep of a photo is where its edges and colours are.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.errors import PluginError
from multigan.plugins.translation.stylize.layers import Layers, PerceptualFeatures

WIDTHS = (32, 64, 128, 128)  # channels of the blocks, each at half the size of the one before
CONVS = 2  # in a block
SEED = 0


class RandomFeatures(PerceptualFeatures):
    """Four blocks of two convolutions; their first ones see the style, the second block content.

    Args:
        weights: None; they are drawn from a fixed seed.

    Raises:
        PluginError: Weights were given.
    """

    smallest = 16  # the last block then still has two pixels to reflect
    blur: Tensor

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        if weights is not None:
            raise PluginError("features 'random' are drawn from a seed; leave the weights out")
        generator = torch.Generator().manual_seed(SEED)
        self.filters = nn.ParameterList()
        before = 3
        for width in WIDTHS:
            for _ in range(CONVS):
                # He et al.'s scale keeps the size of the numbers from layer to layer.
                filters = torch.randn(width, before, 3, 3, generator=generator)
                filters *= math.sqrt(2 / (9 * before))
                if self.filters:
                    # After a ReLU all inputs are positive: without a mean of zero, filters would
                    # mostly measure brightness, and layers grow alike.
                    filters -= filters.mean((1, 2, 3), keepdim=True)
                self.filters.append(filters)
                before = width
        blur = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        self.register_buffer("blur", blur[:, None] * blur)

    def forward(self, x_BCHW: Tensor) -> Layers:
        """Layers after their ReLU."""
        firsts, lasts = [], []
        for block in range(len(WIDTHS)):
            if block:
                x_BCHW = self._halved(x_BCHW)
            for conv in range(CONVS):
                x_BCHW = F.relu(F.conv2d(_reflected(x_BCHW), self.filters[CONVS * block + conv]))
                if conv == 0:
                    firsts.append(x_BCHW)
            lasts.append(x_BCHW)
        return Layers(style=firsts, content=lasts[1:2])

    def _halved(self, x_BCHW: Tensor) -> Tensor:
        """Smoothed first: in what plain subsampling does not see, optimising draws grids."""
        channels = x_BCHW.shape[1]
        kernel = self.blur.expand(channels, 1, 4, 4)
        return F.conv2d(_reflected(x_BCHW), kernel, stride=2, groups=channels)


def _reflected(x_BCHW: Tensor) -> Tensor:
    # Padding with zeros would be an edge that no photo has.
    return F.pad(x_BCHW, (1, 1, 1, 1), mode="reflect")
