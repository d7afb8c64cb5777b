"""R3GAN's networks: a modern residual network without normalisation (Huang et al. 2024).

"The GAN is dead; long live the GAN!", section 4: what a ResNeXt looks like when nothing of StyleGAN
is kept. Bottleneck blocks with grouped convolutions, leaky rectifiers, bilinear resampling, weights
that start so that the residual branches add nothing. Generator and discriminator mirror each other.

Shape suffixes: B pictures, C channels, H and W pixels, Z latents, F features.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.nn.verdict import Verdict
from multigan.plugins.image.networks.parts import (
    DiscriminatorLabels,
    GeneratorLabels,
    MinibatchDeviation,
    pyramid,
    with_label_planes,
    with_labels,
)

EXPANSION = 2  # the inside of a block is so many times wider than what passes through
SLOPE = 0.2
GAIN = math.sqrt(2.0 / (1.0 + SLOPE**2))  # keeps the variance through a leaky rectifier
FULL_WIDTH = 32  # pixels; beyond this side the channels are halved at every doubling


class R3GANGenerator(Network):
    """Latents to pictures. Nothing bounds the pixels but the data.

    Args:
        size: side of the pictures: 4 to 7 times a power of two.
        channels: C.
        latents: Z.
        width: channels up to 32 pixels; halved with every doubling beyond.
        blocks: residual blocks at every size.
        group: channels in a group of the grouped convolutions.
        classes: K.
        labels: "none" or "concatenate".
    """

    def __init__(
        self,
        *,
        size: int = 32,
        channels: int = 3,
        latents: int = 64,
        width: int = 128,
        blocks: int = 2,
        group: int = 16,
        classes: int = 0,
        labels: GeneratorLabels = "none",
    ) -> None:
        super().__init__()
        base, doublings = pyramid(size)
        widths = [_width(width, base * 2**level, group) for level in range(doublings + 1)]
        total = blocks * len(widths)
        self.latents = latents
        self.classes = classes if labels == "concatenate" else 0
        # What is at every place of the smallest picture is learnt; latents say how much of it.
        self.basis = nn.Parameter(torch.randn(widths[0], base, base))
        self.stem = _started(nn.Linear(latents + self.classes, widths[0], bias=False))
        modules: list[nn.Module] = []
        for level, wide in enumerate(widths):
            if level:
                modules.append(_Up(widths[level - 1], wide))
            modules += [_Block(wide, group, total) for _ in range(blocks)]
        self.body = nn.Sequential(*modules)
        self.paint = _started(nn.Conv2d(widths[-1], channels, 1))

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Pictures (B, C, H, W), in about [-1, 1]."""
        h_BF = self.stem(with_labels(latents_BZ, labels_B, self.classes))
        return self.paint(self.body(self.basis * h_BF[:, :, None, None]))


class R3GANDiscriminator(Network):
    """Pictures to verdicts.

    Args:
        size: side of the pictures.
        channels: C.
        width: channels up to 32 pixels; halved with every doubling beyond.
        blocks: residual blocks at every size.
        group: channels in a group of the grouped convolutions.
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
        blocks: int = 2,
        group: int = 16,
        minibatch_deviation: bool = False,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
    ) -> None:
        super().__init__()
        base, doublings = pyramid(size)
        widths = [_width(width, size // 2**level, group) for level in range(doublings + 1)]
        total = blocks * len(widths)
        self.classes = classes if labels == "concatenate" else 0
        modules: list[nn.Module] = [_started(nn.Conv2d(channels + self.classes, widths[0], 1))]
        for level, wide in enumerate(widths):
            if level:
                modules.append(_Down(widths[level - 1], wide))
            modules += [_Block(wide, group, total) for _ in range(blocks)]
        self.body = nn.Sequential(*modules)
        self.deviation = MinibatchDeviation() if minibatch_deviation else nn.Identity()
        deep = widths[-1] + minibatch_deviation
        # The generator's basis in reverse: a weighted sum over places, for each channel by itself.
        self.basis = _started(nn.Conv2d(deep, deep, base, groups=deep, bias=False))
        self.verdict = Verdict(deep, classes=classes, labels=labels, bias=False)
        _started(self.verdict.real)

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K), see `Verdict`."""
        h_BFHW = self.deviation(self.features(x_BCHW, labels_B))
        h_BF = self.basis(h_BFHW).flatten(1)
        return self.verdict(h_BF, labels_B)

    def features(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """What the verdict is read from: (B, F, H, W), each picture by itself."""
        return self.body(with_label_planes(x_BCHW, labels_B, self.classes))


class _Block(nn.Module):
    """1x1 out, grouped 3x3, 1x1 back; a bias before each rectifier and nothing else.

    Fixup's start (Zhang et al. 2019): the last weight is zero, the others shrink with the number of
    blocks, so that the network begins as the identity and its first updates stay small.
    """

    def __init__(self, width: int, group: int, total: int) -> None:
        super().__init__()
        wide = EXPANSION * width
        gain = GAIN * total**-0.25
        self.out = _started(nn.Conv2d(width, wide, 1), gain)
        self.mix = _started(nn.Conv2d(wide, wide, 3, padding=1, groups=wide // group), gain)
        self.back = _started(nn.Conv2d(wide, width, 1, bias=False), 0.0)

    def forward(self, x_BFHW: Tensor) -> Tensor:
        h_BFHW = F.leaky_relu(self.out(x_BFHW), SLOPE, inplace=True)
        h_BFHW = F.leaky_relu(self.mix(h_BFHW), SLOPE, inplace=True)
        return x_BFHW + self.back(h_BFHW)


class _Up(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.change = _changed(before, after)

    def forward(self, x_BFHW: Tensor) -> Tensor:
        h_BFHW = self.change(x_BFHW)
        return F.interpolate(h_BFHW, scale_factor=2, mode="bilinear", align_corners=False)


class _Down(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.change = _changed(before, after)

    def forward(self, x_BFHW: Tensor) -> Tensor:
        # Halfway between four pixels, bilinear interpolation is their mean.
        return self.change(F.avg_pool2d(x_BFHW, 2))


def _changed(before: int, after: int) -> nn.Module:
    if before == after:
        return nn.Identity()
    return _started(nn.Conv2d(before, after, 1, bias=False))


def _width(width: int, side: int, group: int) -> int:
    """Channels at a size; whole groups of the wider inside of a block."""
    wide = width * FULL_WIDTH // max(side, FULL_WIDTH)
    unit = max(1, group // math.gcd(group, EXPANSION))
    return max(unit, wide // unit * unit)


def _started(module: nn.Module, gain: float = 1.0) -> nn.Module:
    """Normal weights with deviation gain / sqrt(inputs), no bias."""
    assert isinstance(module, nn.Conv2d | nn.Linear)
    with torch.no_grad():
        module.weight.normal_(0.0, gain / math.sqrt(module.weight[0].numel()))
        if module.bias is not None:
            module.bias.zero_()
    return module
