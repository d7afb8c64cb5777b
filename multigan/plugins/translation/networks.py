"""Networks that turn one picture into another, and the discriminators that judge the result.

Pictures are RGB in [-1, 1]. Shape suffixes: B pictures, C channels, H and W pixels.

The first three are those of pix2pix and CycleGAN (Isola et al. 2017, Zhu et al. 2017) with the same
order of layers, so that the names of their tensors are those of the published weights. The last one
is this project's own: small, fast, and without statistics over the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from multigan.nn.network import Network
from multigan.plugins.translation.peers.animegan import AnimeGANGenerator
from multigan.plugins.translation.peers.cut import AntialiasedResnetGenerator
from multigan.plugins.translation.stylize.network import StyleGenerator

Norm = Literal["instance", "batch", "none"]
Upsampling = Literal["transposed", "resize"]


class ResnetGenerator(Network):
    """Johnson et al. (2016) as CycleGAN uses it: two halvings, residual blocks, two doublings.

    Args:
        channels: of the pictures, in and out.
        width: channels of the first layer (ngf).
        blocks: residual blocks at a quarter of the size; 9 for 256 pixels, 6 for 128.
        norm: "instance" or "batch".
        upsampling: "transposed" convolutions, as published, or "resize" (nearest neighbour before a
            plain convolution), which cannot draw checkerboards (Odena et al. 2016).
        dropout: rate inside the residual blocks.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        width: int = 64,
        blocks: int = 9,
        norm: Norm = "instance",
        upsampling: Upsampling = "transposed",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        # Where the mean is subtracted right away, a bias does nothing; the published weights of
        # instance norm carry one nevertheless.
        bias = norm != "batch"
        layers: list[nn.Module] = [
            nn.ReflectionPad2d(3),
            nn.Conv2d(channels, width, 7, bias=bias),
            _norm(norm, width),
            nn.ReLU(),
        ]
        for wide in (2 * width, 4 * width):
            layers += [
                nn.Conv2d(wide // 2, wide, 3, stride=2, padding=1, bias=bias),
                _norm(norm, wide),
                nn.ReLU(),
            ]
        layers += [_ResnetBlock(4 * width, norm, dropout, bias) for _ in range(blocks)]
        for wide in (4 * width, 2 * width):
            layers += [
                _double(wide, wide // 2, upsampling, bias),
                _norm(norm, wide // 2),
                nn.ReLU(),
            ]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, channels, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.reach = 8 * blocks + 16  # pixels, once the statistics of the norms are given
        _initialise(self)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Translates pictures whose sides are multiples of 4."""
        return self.model(x_BCHW)

    def features(self, x_BCHW: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """What the layers of these numbers give, in rising order; nothing behind is computed.

        Layer 0 is the padded picture, 4 and 7 are the halvings, 10 is the first residual block.
        """
        found = []
        for number, layer in enumerate(self.model[: max(layers) + 1]):
            x_BCHW = layer(x_BCHW)
            if number in layers:
                found.append(x_BCHW)
        return found


class UNetGenerator(Network):
    """pix2pix's U-Net: halve until one pixel is left, double again, and pass every size across.

    Args:
        channels: of the pictures, in and out.
        width: channels of the first layer (ngf); deeper ones have up to eight times as many.
        depth: halvings, at least 3; sides must be multiples of 2**depth. 8 for 256 pixels.
        norm: "instance" or "batch".
        dropout: rate in the three levels around the innermost, the paper's source of variety.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        width: int = 64,
        depth: int = 8,
        norm: Norm = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if depth < 3:
            raise ValueError(f"depth must be at least 3, not {depth}")
        widths = [width * min(2**level, 8) for level in range(depth)]
        block = _UNetLevel(widths[-2], widths[-1], None, norm)
        for level in range(depth - 2, 0, -1):
            dropped = dropout if level >= depth - 4 else 0.0
            block = _UNetLevel(widths[level - 1], widths[level], block, norm, dropout=dropped)
        self.model = _UNetLevel(channels, width, block, norm, outermost=True)
        _initialise(self)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Translates pictures whose sides are multiples of 2**depth."""
        return self.model(x_BCHW)


class PatchDiscriminator(Network):
    """PatchGAN: one logit for each overlapping patch, 70x70 pixels with three halving layers.

    Args:
        channels: of the pictures.
        width: channels of the first layer (ndf).
        layers: convolutions with stride 2; each doubles the channels, up to eight times the width.
        norm: "instance", "batch" or "none".
        spectral: divide every weight by its largest singular value (Miyato et al. 2018).
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        width: int = 64,
        layers: int = 3,
        norm: Norm = "instance",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        bias = norm != "batch"
        wrap = spectral_norm if spectral else _unchanged
        modules: list[nn.Module] = [
            wrap(nn.Conv2d(channels, width, 4, stride=2, padding=1)),
            nn.LeakyReLU(0.2),
        ]
        before = width
        for level in range(1, layers + 1):
            wide = width * min(2**level, 8)
            stride = 2 if level < layers else 1
            conv = nn.Conv2d(before, wide, 4, stride=stride, padding=1, bias=bias)
            modules += [wrap(conv), _norm(norm, wide), nn.LeakyReLU(0.2)]
            before = wide
        modules.append(wrap(nn.Conv2d(before, 1, 4, padding=1)))
        self.model = nn.Sequential(*modules)
        _initialise(self)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Logits (B, 1, h, w), one a patch; above 0 means real."""
        return self.model(x_BCHW)


class CompactGenerator(Network):
    """A small generator that sees no further than `reach` pixels and knows nothing of the rest.

    Most of the work is done at a quarter of the size; what half the size knows and the picture
    itself join again on the way up, so that lines stay crisp. There is no normalisation: residual
    branches start small instead (in the spirit of Fixup, Zhang et al. 2019). So the result at a
    pixel depends on its surroundings only, and a large picture may be translated tile by tile
    without seams. Doubling is done by pixel shuffling whose four phases start equal (Aitken et al.
    2017), hence no checkerboard.

    Args:
        channels: of the pictures, in and out.
        width: channels at a quarter of the size; half the size has half of them, the full size 16.
        blocks: residual blocks of two 3x3 convolutions; each adds 8 pixels to the reach.
        inputs: channels of what it is given, where these are others.
        max_dilation: the blocks' convolutions are spread by 1, 2, 4 ... up to this, and again from
            1, which multiplies what a block adds to the reach.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        width: int = 80,
        blocks: int = 6,
        inputs: int | None = None,
        max_dilation: int = 1,
    ) -> None:
        super().__init__()
        full, half = 16, width // 2
        inputs = channels if inputs is None else inputs
        cycle = max_dilation.bit_length()
        dilations = [2 ** (number % cycle) for number in range(blocks)]
        self.down_half = _conv(inputs, half, kernel=4, stride=2)
        self.down_quarter = _conv(half, width, kernel=4, stride=2)
        self.blocks = nn.Sequential(*[_PlainBlock(width, each) for each in dilations])
        self.up_half = _shuffle_up(width, half)
        self.join_half = _conv(half, half)
        self.up_full = _shuffle_up(half, full)
        self.join_full = _conv(full + inputs, full)
        self.paint = _conv(full, channels)
        with torch.no_grad():
            self.paint.weight.mul_(0.3)  # start well inside the range where tanh has a slope
        self.reach = 8 * sum(dilations) + 16

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Translates pictures of which both sides are multiples of 4."""
        half_BCHW = _act(self.down_half(x_BCHW))
        h_BCHW = _act(self.down_quarter(half_BCHW))
        h_BCHW = self.blocks(h_BCHW)
        h_BCHW = _act(self.up_half(h_BCHW) + half_BCHW)
        h_BCHW = _act(self.join_half(h_BCHW))
        h_BCHW = torch.cat([_act(self.up_full(h_BCHW)), x_BCHW.to(h_BCHW.dtype)], dim=1)
        h_BCHW = _act(self.join_full(h_BCHW))
        return self.paint(h_BCHW).float().tanh()


# -- parts of the classic networks ----------------------------------------------------------------


class _ResnetBlock(nn.Module):
    def __init__(self, width: int, norm: Norm, dropout: float, bias: bool) -> None:
        super().__init__()
        middle = [nn.Dropout(dropout)] if dropout else []
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            _norm(norm, width),
            nn.ReLU(),
            *middle,
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, width, 3, bias=bias),
            _norm(norm, width),
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.conv_block(x_BCHW)


class _UNetLevel(nn.Module):
    """One size of the U-Net around the smaller ones: down, what lies below, up, shortcut."""

    def __init__(
        self,
        outer: int,
        inner: int,
        below: _UNetLevel | None,
        norm: Norm,
        *,
        dropout: float = 0.0,
        outermost: bool = False,
    ) -> None:
        super().__init__()
        self.outermost = outermost
        bias = norm != "batch"
        down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=bias)
        # From below come its own result and its input side by side.
        coming = 2 * inner if below is not None else inner
        up = nn.ConvTranspose2d(coming, outer, 4, stride=2, padding=1, bias=bias or outermost)
        if outermost:
            assert below is not None
            layers: list[nn.Module] = [down, below, nn.ReLU(), up, nn.Tanh()]
        elif below is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, _norm(norm, outer)]
        else:
            layers = [nn.LeakyReLU(0.2), down, _norm(norm, inner), below]
            layers += [nn.ReLU(), up, _norm(norm, outer)]
            layers += [nn.Dropout(dropout)] if dropout else []
        self.model = nn.Sequential(*layers)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        result = self.model(x_BCHW)
        return result if self.outermost else torch.cat([x_BCHW, result], dim=1)


def _norm(name: Norm, width: int) -> nn.Module:
    match name:
        case "instance":
            return nn.InstanceNorm2d(width)
        case "batch":
            return nn.BatchNorm2d(width)
        case "none":
            return nn.Identity()
    raise ValueError(f"unknown norm '{name}'; choose instance, batch or none")


def _double(width: int, after: int, upsampling: Upsampling, bias: bool) -> nn.Module:
    if upsampling == "transposed":
        return nn.ConvTranspose2d(width, after, 3, stride=2, padding=1, output_padding=1, bias=bias)
    if upsampling == "resize":
        return nn.Sequential(
            nn.Upsample(scale_factor=2),
            nn.ReflectionPad2d(1),
            nn.Conv2d(width, after, 3, bias=bias),
        )
    raise ValueError(f"unknown upsampling '{upsampling}'; choose transposed or resize")


def _initialise(network: nn.Module) -> None:
    """Normal weights with deviation 0.02, as in DCGAN, pix2pix and CycleGAN."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            # Under spectral norm the weight is computed; the tensor behind it is drawn instead.
            drawn = getattr(getattr(module, "parametrizations", None), "weight", None)
            nn.init.normal_(module.weight if drawn is None else drawn.original, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)


def _unchanged(module: nn.Module) -> nn.Module:
    return module


# -- parts of the compact generator ---------------------------------------------------------------


class _PlainBlock(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.first = _conv(width, width, dilation=dilation)
        self.second = _conv(width, width, dilation=dilation)
        with torch.no_grad():
            self.second.weight.mul_(0.2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.second(_act(self.first(x_BCHW)))


def _conv(
    before: int, after: int, *, kernel: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Conv2d:
    padding = dilation * (kernel - 1) // 2
    conv = nn.Conv2d(before, after, kernel, stride, padding=padding, dilation=dilation)
    nn.init.kaiming_normal_(conv.weight, a=0.1)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _shuffle_up(before: int, after: int) -> nn.Module:
    conv = _conv(before, 4 * after)
    with torch.no_grad():
        conv.weight.copy_(conv.weight[::4].repeat_interleave(4, dim=0))
    return nn.Sequential(conv, nn.PixelShuffle(2))


def _act(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1, inplace=True)  # no convolution needs its output for backward


NETWORKS = {
    "resnet-generator": ResnetGenerator,
    "unet-generator": UNetGenerator,
    "patch-discriminator": PatchDiscriminator,
    "compact-generator": CompactGenerator,
    "antialiased-resnet-generator": AntialiasedResnetGenerator,
    "animegan-generator": AnimeGANGenerator,
    "style-generator": StyleGenerator,
}
