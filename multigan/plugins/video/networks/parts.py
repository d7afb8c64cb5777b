"""What the networks of this plugin share.

Shape suffixes: B clips or frames, C channels, H and W pixels, F features, K classes.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

DiscriminatorLabels = Literal["none", "projection", "classifier"]

BASE = 4  # pixels; the side at which generators begin and discriminators end


def widths(size: int, *, width: int, widest: int) -> list[int]:
    """Channels at 4 pixels, 8 pixels ... up to half the size, where they are `width`.

    Raises:
        ValueError: the size is no power of two from 8 on.
    """
    doublings = int(math.log2(size // BASE)) if size >= 2 * BASE else 0
    if not doublings or BASE * 2**doublings != size:
        raise ValueError(f"size {size} is no power of two from {2 * BASE} on; try 32, 64 or 128")
    return [min(widest, width * 2**level) for level in reversed(range(doublings))]


def halvings(*channels: int) -> nn.Sequential:
    """An encoder: each layer halves the picture, with batch normalisation and a leaky rectifier."""
    return nn.Sequential(
        *(
            nn.Sequential(
                nn.Conv2d(before, after, 4, 2, 1, bias=False),
                nn.BatchNorm2d(after),
                nn.LeakyReLU(0.2),
            )
            for before, after in pairwise(channels)
        )
    )


def one_hot(category_B: Tensor, categories: int) -> Tensor:
    """Class numbers (B,), or shares of the classes (B, K), as numbers with mean square 1.

    As a 1 among many zeros a class would hardly be heard beside the noise.
    """
    shares = category_B if category_B.is_floating_point() else F.one_hot(category_B, categories)
    return math.sqrt(categories) * shares.float()
