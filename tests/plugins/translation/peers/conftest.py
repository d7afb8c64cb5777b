"""Generators as other projects lay them out: what their files are made of, written anew.

Plain chains, numbered as theirs are. Weights are drawn so that every layer and statistic matters.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


@pytest.fixture(scope="session")
def peers() -> SimpleNamespace:
    """Builders of the four layouts."""
    return SimpleNamespace(resnet=resnet, unet=unet, cut=cut, animegan=AnimeGAN, judge=judge)


def drawn(network: nn.Module) -> nn.Module:
    """Statistics and scales away from 0 and 1, so that none can be left out unseen."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.GroupNorm):
            nn.init.normal_(module.weight, 1.0, 0.2)
            nn.init.normal_(module.bias, 0.0, 0.2)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0.0, 0.2)
            nn.init.uniform_(module.running_var, 0.05, 0.5)
    return network.eval()


class Chain(nn.Module):
    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class Block(nn.Module):
    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_block(x)


def resnet(*, width=4, blocks=2, norm=nn.InstanceNorm2d, dropout=False, coming=3, painted=3):
    bias = norm is nn.InstanceNorm2d
    layers: list[nn.Module] = [*head(coming, width, norm, bias)]
    for wide in (width, 2 * width):
        layers += [nn.Conv2d(wide, 2 * wide, 3, 2, 1, bias=bias), norm(2 * wide), nn.ReLU(True)]
    layers += [block(4 * width, norm, bias, dropout) for _ in range(blocks)]
    for wide in (4 * width, 2 * width):
        up = nn.ConvTranspose2d(wide, wide // 2, 3, 2, 1, output_padding=1, bias=bias)
        layers += [up, norm(wide // 2), nn.ReLU(True)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, painted, 7), nn.Tanh()]
    return drawn(Chain(layers))


def cut(*, width=4, blocks=2, norm=nn.InstanceNorm2d, dropout=False, coming=3, painted=3, up=True):
    bias = norm is nn.InstanceNorm2d
    layers: list[nn.Module] = [*head(coming, width, norm, bias)]
    for wide in (width, 2 * width):
        layers += [nn.Conv2d(wide, 2 * wide, 3, 1, 1, bias=bias), norm(2 * wide), nn.ReLU(True)]
        layers += [BlurDown(2 * wide)]
    layers += [block(4 * width, norm, bias, dropout) for _ in range(blocks)]
    for wide in (4 * width, 2 * width):
        if up:
            layers += [BlurUp(wide), nn.Conv2d(wide, wide // 2, 3, 1, 1, bias=bias)]
        else:
            layers += [nn.ConvTranspose2d(wide, wide // 2, 3, 2, 1, output_padding=1, bias=bias)]
        layers += [norm(wide // 2), nn.ReLU(True)]
    layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, painted, 7), nn.Tanh()]
    return drawn(Chain(layers))


def head(coming, width, norm, bias):
    return nn.ReflectionPad2d(3), nn.Conv2d(coming, width, 7, bias=bias), norm(width), nn.ReLU(True)


def block(wide, norm, bias, dropout):
    layers = [nn.ReflectionPad2d(1), nn.Conv2d(wide, wide, 3, bias=bias), norm(wide), nn.ReLU(True)]
    layers += [nn.Dropout(0.5)] if dropout else []
    layers += [nn.ReflectionPad2d(1), nn.Conv2d(wide, wide, 3, bias=bias), norm(wide)]
    return Block(layers)


class BlurDown(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", (row[:, None] * row).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        padded = nn.ReflectionPad2d(1)(x)
        return F.conv2d(padded, self.filt, groups=x.shape[1])[:, :, ::2, ::2]


class BlurUp(nn.Module):
    """By hand: zeros between the pixels, then a plain convolution with the filter."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        self.register_buffer("filt", (row[:, None] * row).repeat(channels, 1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        padded = nn.ReplicationPad2d(1)(x)
        batch, channels, height, width = padded.shape
        spread = x.new_zeros(batch, channels, 2 * height, 2 * width)
        spread[:, :, ::2, ::2] = padded
        return F.conv2d(spread, self.filt, groups=channels)[:, :, :-1, :-1]


class Level(nn.Module):
    def __init__(self, layers: list[nn.Module], *, outermost: bool = False) -> None:
        super().__init__()
        self.model, self.outermost = nn.Sequential(*layers), outermost

    def forward(self, x: Tensor) -> Tensor:
        # As theirs: the activation in place has changed x by the time it is passed across.
        return self.model(x) if self.outermost else torch.cat([x, self.model(x)], 1)


def unet(*, width=4, depth=5, norm=nn.BatchNorm2d, dropout=False, coming=3, painted=3):
    bias = norm is nn.InstanceNorm2d
    wides = [width * min(8, 2**level) for level in range(depth)]

    def down(before, after):
        return nn.Conv2d(before, after, 4, 2, 1, bias=bias)

    def up(before, after, bias=bias):
        return nn.ConvTranspose2d(before, after, 4, 2, 1, bias=bias)

    outer, inner = wides[-2], wides[-1]
    level = Level(
        [nn.LeakyReLU(0.2, True), down(outer, inner), nn.ReLU(True), up(inner, outer), norm(outer)]
    )
    for number in range(depth - 2, 0, -1):
        outer, inner = wides[number - 1], wides[number]
        layers = [nn.LeakyReLU(0.2, True), down(outer, inner), norm(inner), level]
        layers += [nn.ReLU(True), up(2 * inner, outer), norm(outer)]
        layers += [nn.Dropout(0.5)] if dropout and number > 3 else []
        level = Level(layers)
    layers = [down(coming, width), level, nn.ReLU(True), up(2 * width, painted, bias=True)]
    return drawn(Whole(Level([*layers, nn.Tanh()], outermost=True)))


class Whole(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def layer(before, after, kernel=3, stride=1, groups=1):
    pad = (0, 1, 0, 1) if stride == 2 else (kernel // 2,) * 4
    conv = nn.Conv2d(before, after, kernel, stride, groups=groups, bias=groups > 1)
    return nn.Sequential(nn.ReflectionPad2d(pad), conv, nn.GroupNorm(1, after), nn.LeakyReLU(0.2))


class Inverted(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        wide = 2 * before
        narrow = [nn.Conv2d(wide, after, 1, bias=False), nn.GroupNorm(1, after)]
        self.layers = nn.Sequential(layer(before, wide, 1), layer(wide, wide, groups=wide), *narrow)

    def forward(self, x: Tensor) -> Tensor:
        made = self.layers(x)
        return x + made if made.shape == x.shape else made


class AnimeGAN(nn.Module):
    def __init__(self, *, width: int = 4) -> None:
        super().__init__()
        w = width
        self.block_a = nn.Sequential(layer(3, w, 7), layer(w, 2 * w, 3, 2), layer(2 * w, 2 * w))
        self.block_b = nn.Sequential(layer(2 * w, 4 * w, 3, 2), layer(4 * w, 4 * w))
        residuals = [Inverted(4 * w, 8 * w), *[Inverted(8 * w, 8 * w) for _ in range(3)]]
        self.block_c = nn.Sequential(layer(4 * w, 4 * w), *residuals, layer(8 * w, 4 * w))
        self.block_d = nn.Sequential(layer(4 * w, 4 * w), layer(4 * w, 4 * w))
        self.block_e = nn.Sequential(layer(4 * w, 2 * w), layer(2 * w, 2 * w), layer(2 * w, w, 7))
        self.out_layer = nn.Sequential(nn.Conv2d(w, 3, 1, bias=False), nn.Tanh())
        drawn(self)

    def forward(self, x: Tensor) -> Tensor:
        half = self.block_a(x)
        back = nn.Upsample(half.shape[2:], mode="bilinear", align_corners=True)
        made = self.block_d(back(self.block_c(self.block_b(half))))
        full = nn.Upsample(x.shape[2:], mode="bilinear", align_corners=True)
        return self.out_layer(self.block_e(full(made)))


def judge(*, width=4):
    """A PatchGAN discriminator."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, 2, 1), nn.LeakyReLU(0.2)]
    layers += [nn.Conv2d(width, 2 * width, 4, 1, 1), nn.InstanceNorm2d(2 * width)]
    return Chain([*layers, nn.LeakyReLU(0.2), nn.Conv2d(2 * width, 1, 4, 1, 1)])
