"""Fully connected networks: the GAN of the textbooks (Goodfellow et al. 2014).

Shape suffixes: B pictures, C channels, H and W pixels, Z latents, F features.
"""

from __future__ import annotations

import math

from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.nn.verdict import Verdict, normalised
from multigan.plugins.image.networks.parts import (
    DiscriminatorLabels,
    GeneratorLabels,
    with_label_planes,
    with_labels,
)


class MLPGenerator(Network):
    """Latents to pictures, or to points of a plane, which are pictures of one pixel.

    Args:
        size: side of the pictures.
        channels: C.
        latents: Z.
        width: of the hidden layers.
        layers: how many hidden layers.
        bounded: keep the output in [-1, 1], as pictures are.
        classes: K.
        labels: "none" or "concatenate".
    """

    def __init__(
        self,
        *,
        size: int,
        channels: int = 1,
        latents: int = 64,
        width: int = 256,
        layers: int = 3,
        bounded: bool = True,
        classes: int = 0,
        labels: GeneratorLabels = "none",
    ) -> None:
        super().__init__()
        self.shape = (channels, size, size)
        self.latents = latents
        self.classes = classes if labels == "concatenate" else 0
        modules: list[nn.Module] = []
        before = latents + self.classes
        for _ in range(layers):
            modules += [nn.Linear(before, width), nn.ReLU()]
            before = width
        modules.append(nn.Linear(before, math.prod(self.shape)))
        self.model = nn.Sequential(*modules, nn.Tanh() if bounded else nn.Identity())

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Pictures (B, C, H, W)."""
        return self.model(with_labels(latents_BZ, labels_B, self.classes)).view(-1, *self.shape)


class MLPDiscriminator(Network):
    """Judges flattened pictures.

    Args:
        size: side of the pictures.
        channels: C.
        width: of the hidden layers.
        layers: how many hidden layers.
        spectral: spectral normalisation of every layer.
        classes: K.
        labels: how the label is used.
    """

    def __init__(
        self,
        *,
        size: int,
        channels: int = 1,
        width: int = 256,
        layers: int = 3,
        spectral: bool = False,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
    ) -> None:
        super().__init__()
        self.classes = classes if labels == "concatenate" else 0
        modules: list[nn.Module] = [nn.Flatten()]
        before = (channels + self.classes) * size * size
        for _ in range(layers):
            modules += [normalised(nn.Linear(before, width), spectral), nn.LeakyReLU(0.2)]
            before = width
        self.model = nn.Sequential(*modules)
        self.verdict = Verdict(before, classes=classes, labels=labels, spectral=spectral)

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K), see `Verdict`."""
        return self.verdict(self.features(x_BCHW, labels_B), labels_B)

    def features(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """What the verdict is read from, (B, F)."""
        return self.model(with_label_planes(x_BCHW, labels_B, self.classes))
