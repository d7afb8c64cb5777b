"""What the networks of this plugin share.

Shape suffixes: B clips or frames, C channels, H and W pixels, F features, K classes.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

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


def wrapped(module: nn.Module, spectral: bool) -> nn.Module:
    """The module, under spectral normalisation if wanted (Miyato et al. 2018)."""
    return spectral_norm(module) if spectral else module


def one_hot(category_B: Tensor, categories: int) -> Tensor:
    """Class numbers (B,), or shares of the classes (B, K), as numbers with mean square 1.

    As a 1 among many zeros a class would hardly be heard beside the noise.
    """
    shares = category_B if category_B.is_floating_point() else F.one_hot(category_B, categories)
    return math.sqrt(categories) * shares.float()


class Verdict(nn.Module):
    """The last layer of a discriminator: is it real, and does it fit its class?

    Args:
        features: F.
        classes: K.
        labels: "projection" adds the inner product with a vector of the class (Miyato and Koyama
            2018); "classifier" has logits of the classes beside the verdict, for AC-GAN (Odena et
            al. 2017) with known classes and InfoGAN (Chen et al. 2016) with drawn ones.
        spectral: spectral normalisation.
    """

    def __init__(
        self, features: int, *, classes: int, labels: DiscriminatorLabels, spectral: bool
    ) -> None:
        super().__init__()
        self.real = wrapped(nn.Linear(features, 1), spectral)
        self.label: nn.Module | None = None
        if labels == "projection":
            embedding = nn.Embedding(classes, features)
            # At the usual unit variance the first verdicts would be noise.
            nn.init.xavier_uniform_(embedding.weight)
            self.label = wrapped(embedding, spectral)
        self.classes: nn.Module | None = None
        if labels == "classifier":
            self.classes = wrapped(nn.Linear(features, classes), spectral)

    def forward(self, h_BF: Tensor, labels_B: Tensor | None) -> Tensor:
        """(B, 1): logits, above 0 means real; (B, 1 + K) with class logits behind them."""
        verdict_B1 = self.real(h_BF)
        if self.label is not None:
            verdict_B1 = verdict_B1 + (self.label(labels_B) * h_BF).sum(1, keepdim=True)
        if self.classes is not None:
            return torch.cat([verdict_B1, self.classes(h_BF)], dim=1)
        return verdict_B1
