"""The classifier that is also the discriminator: strided convolutions, and much noise.

No batch normalisation: labelled, unlabelled and generated pictures would share their statistics.
Weight normalisation, noise and dropout stand in for it, as in the paper (Salimans et al. 2016).

Shape suffixes: B pictures, C channels, H and W pixels, D features, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from multigan.nn.network import Network
from multigan.plugins.image.networks.parts import pyramid

WIDEST = 4  # times the width, however many halvings there are


class NoisyClassifier(Network):
    """Class logits of pictures, and the features that they are read from.

    Args:
        size: side of the pictures.
        channels: C.
        classes: K.
        width: channels after the first convolution; each further one has twice as many, up to 4x.
        features: D.
        noise: deviation of the normal noise on a picture in training.
        dropout: share of channels that are left out between convolutions in training.
    """

    def __init__(
        self,
        *,
        size: int = 28,
        channels: int = 1,
        classes: int = 10,
        width: int = 32,
        features: int = 128,
        noise: float = 0.3,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        base, halvings = pyramid(size)
        self.classes = classes
        self.noise = noise
        modules: list[nn.Module] = []
        before = channels
        for level in range(halvings):
            after = width * min(2**level, WIDEST)
            convolution = nn.Conv2d(before, after, 4, stride=2, padding=1)
            modules += [*_normalised(convolution), nn.Dropout2d(dropout)]
            before = after
        linear = nn.Linear(before * base * base, features)
        self.body = nn.Sequential(*modules, nn.Flatten(), *_normalised(linear))
        self.head = weight_norm(nn.Linear(features, classes))

    def features(self, x_BCHW: Tensor) -> Tensor:
        """Features (B, D) of pictures in [-1, 1]."""
        if self.training and self.noise:
            x_BCHW = x_BCHW + self.noise * torch.randn_like(x_BCHW)
        return self.body(x_BCHW)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Logits (B, K) of pictures in [-1, 1]."""
        return self.head(self.features(x_BCHW))


def _normalised(layer: nn.Conv2d | nn.Linear) -> list[nn.Module]:
    nn.init.kaiming_normal_(layer.weight, a=0.2)
    return [weight_norm(layer), nn.LeakyReLU(0.2)]
