"""The residual networks of SNGAN (Miyato et al. 2018, tables 4 and 5).

At 32 pixels with the default widths these are the paper's networks for CIFAR-10.

Shape suffixes: B pictures, C channels, H and W pixels, Z latents, F features.
"""

from __future__ import annotations

import math
from itertools import pairwise

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

FULL_WIDTH = 32  # pixels; beyond this side the channels are halved at every doubling


class ResNetGenerator(Network):
    """Latents to pictures in [-1, 1] by residual blocks.

    Args:
        size: side of the pictures: 4 to 7 times a power of two.
        channels: C.
        latents: Z.
        width: channels up to 32 pixels; halved with every doubling beyond.
        classes: K.
        labels: "concatenate" with the latents, or one "batch-norm" scale and shift for each class.
    """

    def __init__(
        self,
        *,
        size: int = 32,
        channels: int = 3,
        latents: int = 128,
        width: int = 256,
        classes: int = 0,
        labels: GeneratorLabels = "none",
    ) -> None:
        super().__init__()
        self.base, doublings = pyramid(size)
        widths = [_width(width, self.base * 2**level) for level in range(doublings + 1)]
        own = classes if labels == "batch-norm" else 0
        self.latents = latents
        self.classes = classes if labels == "concatenate" else 0
        self.stem = nn.Linear(latents + self.classes, widths[0] * self.base**2)
        self.blocks = nn.ModuleList(
            _UpBlock(before, after, own) for before, after in pairwise(widths)
        )
        self.norm = BatchNorm(widths[-1])
        self.paint = nn.Conv2d(widths[-1], channels, 3, padding=1)
        _initialise(self)

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Pictures (B, C, H, W) in [-1, 1]."""
        h_BF = self.stem(with_labels(latents_BZ, labels_B, self.classes))
        h_BFHW = h_BF.unflatten(1, (-1, self.base, self.base))
        for block in self.blocks:
            h_BFHW = block(h_BFHW, labels_B)
        return self.paint(F.relu(self.norm(h_BFHW))).tanh()


class ResNetDiscriminator(Network):
    """Pictures to verdicts by residual blocks without batch normalisation.

    Args:
        size: side of the pictures.
        channels: C.
        width: channels below 32 pixels; halved with every doubling beyond.
        spectral: spectral normalisation of every layer.
        minibatch_deviation: append `MinibatchDeviation` to the last features.
        classes: K.
        labels: how the label is used.
    """

    def __init__(
        self,
        *,
        size: int = 32,
        channels: int = 3,
        width: int = 128,
        spectral: bool = True,
        minibatch_deviation: bool = False,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
    ) -> None:
        super().__init__()
        # As published for CIFAR-10: halvings down to 8 pixels, and two more blocks there.
        halvings = max(1, pyramid(size)[1] - 1)
        self.classes = classes if labels == "concatenate" else 0
        before, side = channels + self.classes, size
        blocks: list[nn.Module] = []
        for level in range(halvings):
            wide = _width(width, side // 2)
            blocks.append(_DownBlock(before, wide, spectral, first=level == 0))
            before, side = wide, side // 2
        blocks += [_DownBlock(width, width, spectral, halve=False) for _ in range(2)]
        self.blocks = nn.Sequential(*blocks)
        self.deviation = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        pooled = width + minibatch_deviation
        self.verdict = Verdict(pooled, classes=classes, labels=labels, spectral=spectral)
        _initialise(self)

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K), see `Verdict`."""
        pooled_BF = self.deviation(self.features(x_BCHW, labels_B)).sum(dim=(2, 3))
        return self.verdict(pooled_BF, labels_B)

    def features(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """What the verdict is read from: (B, F, H, W), each picture by itself."""
        return F.relu(self.blocks(with_label_planes(x_BCHW, labels_B, self.classes)))


class _UpBlock(nn.Module):
    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([BatchNorm(before, classes), BatchNorm(after, classes)])
        self.first = nn.Conv2d(before, after, 3, padding=1)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x_BFHW: Tensor, labels_B: Tensor | None) -> Tensor:
        h_BFHW = _double(F.relu(self.norms[0](x_BFHW, labels_B)))
        h_BFHW = self.second(F.relu(self.norms[1](self.first(h_BFHW), labels_B)))
        # The 1x1 convolution commutes with doubling and is four times cheaper before it.
        return h_BFHW + _double(self.shortcut(x_BFHW))


class _DownBlock(nn.Module):
    """Args: first: it sees pixels, which are not to be rectified; halve: the size."""

    def __init__(
        self,
        before: int,
        after: int,
        spectral: bool,
        *,
        first: bool = False,
        halve: bool = True,
    ) -> None:
        super().__init__()
        self.first, self.halve = first, halve
        self.conv1 = normalised(nn.Conv2d(before, after, 3, padding=1), spectral)
        self.conv2 = normalised(nn.Conv2d(after, after, 3, padding=1), spectral)
        learnt = halve or before != after
        self.shortcut = (
            normalised(nn.Conv2d(before, after, 1), spectral) if learnt else nn.Identity()
        )

    def forward(self, x_BFHW: Tensor) -> Tensor:
        h_BFHW = self.conv1(x_BFHW if self.first else F.relu(x_BFHW))
        h_BFHW = self.conv2(F.relu(h_BFHW))
        if self.halve:
            h_BFHW, x_BFHW = F.avg_pool2d(h_BFHW, 2), F.avg_pool2d(x_BFHW, 2)
        return h_BFHW + self.shortcut(x_BFHW)


def _width(width: int, side: int) -> int:
    return max(1, width * FULL_WIDTH // max(side, FULL_WIDTH))


def _double(x_BFHW: Tensor) -> Tensor:
    return F.interpolate(x_BFHW, scale_factor=2)


def _initialise(network: nn.Module) -> None:
    """Xavier's uniform weights; those of residual branches wider by the gain of the rectifier."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            residual = isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3)
            nn.init.xavier_uniform_(drawn_weight(module), math.sqrt(2.0) if residual else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
