"""Distance of pictures in the features of a convolutional network that has learnt nothing.

It has the form of LPIPS (Zhang et al. 2018): features are normalised over channels at each place,
and squared differences are averaged. But its filters are random, from a fixed seed, so it needs no
weights; it counts blurred textures and missing edges as errors, and knows nothing of objects. It is
not LPIPS and must not be compared with its numbers.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn.functional import conv2d, normalize, relu

SEED = 0
WIDTHS = (3, 32, 64, 128)


def random_feature_distance(pictures: Tensor, references: Tensor) -> Tensor:
    """Mean over three layers and all places of the squared distance of unit feature vectors.

    Args:
        pictures: (B, 3, H, W) in [0, 1], both sides at least 8.
        references: of the same shape.

    Returns:
        (B,): 0 where the two are equal, at most 4.

    Raises:
        ValueError: shapes differ.
    """
    if pictures.shape != references.shape:
        raise ValueError(f"shapes {tuple(pictures.shape)} and {tuple(references.shape)} differ")
    layers = zip(random_features(pictures), random_features(references), strict=True)
    distances = [
        (normalize(x, dim=1) - normalize(y, dim=1)).square().sum(1).mean((1, 2)) for x, y in layers
    ]
    return torch.stack(distances).mean(0)


def random_features(pictures: Tensor) -> list[Tensor]:
    """Activations after each of three strided convolutions.

    Args:
        pictures: (B, 3, H, W) in [0, 1].

    Returns:
        (B, 32, H/2, W/2), (B, 64, H/4, W/4), (B, 128, H/8, W/8); float32.
    """
    generator = torch.Generator().manual_seed(SEED)
    x = 2 * pictures.float() - 1
    layers = []
    for before, after in itertools.pairwise(WIDTHS):
        # He et al.'s scale keeps the size of the numbers from layer to layer.
        filters = torch.randn(after, before, 4, 4, generator=generator)
        x = relu(conv2d(x, math.sqrt(2 / (16 * before)) * filters.to(x), stride=2, padding=1))
        layers.append(x)
    return layers
