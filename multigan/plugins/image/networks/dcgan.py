"""DCGAN: strided convolutions and batch normalisation (Radford et al. 2016).

At 64 pixels with the default widths these are the networks of the paper and of PyTorch's tutorial,
3,576,704 and 2,765,568 parameters. Other sizes have more or fewer doublings.

Shape suffixes: B pictures, C channels, H and W pixels, Z latents, F features.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.nn.verdict import Verdict, normalised
from multigan.plugins.image.networks.parts import (
    BatchNorm,
    DiscriminatorLabels,
    GeneratorLabels,
    MinibatchDeviation,
    drawn_weight,
    pyramid,
    with_label_planes,
    with_labels,
)

Norm = Literal["batch", "layer", "none"]

WIDEST = 8  # times the width, however many doublings there are


class DCGANGenerator(Network):
    """Latents to pictures in [-1, 1] by transposed convolutions.

    Args:
        size: side of the pictures: 4 to 7 times a power of two.
        channels: C.
        latents: Z.
        width: channels before the last layer (ngf); each size below has twice as many, up to 8x.
        classes: K.
        labels: "concatenate" with the latents, or one "batch-norm" scale and shift for each class.
    """

    def __init__(
        self,
        *,
        size: int = 64,
        channels: int = 3,
        latents: int = 100,
        width: int = 64,
        classes: int = 0,
        labels: GeneratorLabels = "none",
    ) -> None:
        super().__init__()
        base, doublings = pyramid(size)
        widths = _widths(width, doublings)[::-1]
        self.latents = latents
        self.classes = classes if labels == "concatenate" else 0
        self.stem = nn.ConvTranspose2d(latents + self.classes, widths[0], base, bias=False)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
            for before, after in pairwise(widths)
        )
        own = classes if labels == "batch-norm" else 0
        self.norms = nn.ModuleList(BatchNorm(wide, own) for wide in widths)
        self.paint = nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1, bias=False)
        _initialise(self)

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1]."""
        z_BZ11 = with_labels(latents_BZ, labels_B, self.classes)[:, :, None, None]
        h_BFHW = F.relu(self.norms[0](self.stem(z_BZ11), labels_B), inplace=True)
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            h_BFHW = F.relu(norm(up(h_BFHW), labels_B), inplace=True)
        return self.paint(h_BFHW).tanh()


class DCGANDiscriminator(Network):
    """Pictures to verdicts by strided convolutions.

    Args:
        size: side of the pictures.
        channels: C.
        width: channels of the first layer (ndf); each size below has twice as many, up to 8x.
        norm: "batch" as published; "layer" or "none" where samples must not mix, as under a
            gradient penalty.
        spectral: spectral normalisation of every layer (Miyato et al. 2018).
        minibatch_deviation: append `MinibatchDeviation` to the last features.
        classes: K.
        labels: how the label is used.
    """

    def __init__(
        self,
        *,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        norm: Norm = "batch",
        spectral: bool = False,
        minibatch_deviation: bool = False,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
    ) -> None:
        super().__init__()
        base, doublings = pyramid(size)
        bias = norm != "batch"
        self.classes = classes if labels == "concatenate" else 0
        modules: list[nn.Module] = []
        before = channels + self.classes
        for level, wide in enumerate(_widths(width, doublings)):
            modules.append(
                normalised(nn.Conv2d(before, wide, 4, stride=2, padding=1, bias=bias), spectral)
            )
            if level:  # the paper's first layer has no norm: it would hide the colours' mean
                modules.append(_norm(norm, wide))
            modules.append(nn.LeakyReLU(0.2, inplace=True))
            before = wide
        self.model = nn.Sequential(*modules)
        self.deviation = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        before += minibatch_deviation
        self.verdict = Verdict(
            before * base * base,
            classes=classes,
            labels=labels,
            spectral=spectral,
            bias=bias,
        )
        _initialise(self)

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K), see `Verdict`."""
        h_BFHW = self.deviation(self.features(x_BCHW, labels_B))
        return self.verdict(h_BFHW.flatten(1), labels_B)

    def features(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """What the verdict is read from: (B, F, H, W), each picture by itself."""
        return self.model(with_label_planes(x_BCHW, labels_B, self.classes))


def _widths(width: int, doublings: int) -> list[int]:
    """Channels from the largest size to the smallest."""
    return [width * min(2**level, WIDEST) for level in range(doublings)]


def _norm(name: Norm, width: int) -> nn.Module:
    match name:
        case "batch":
            return BatchNorm(width)
        case "layer":
            return nn.GroupNorm(1, width)
        case "none":
            return nn.Identity()
    raise ValueError(f"unknown norm '{name}'; choose batch, layer or none")


def _initialise(network: nn.Module) -> None:
    """Normal weights with deviation 0.02 (section 4 of the paper)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(drawn_weight(module), 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.normal_(module.weight, 1.0, 0.02)
