"""Generators of animegan2-pytorch, which draws photographs like an animated film.

Down to a quarter of the size and up again, with inverted residual blocks (Sandler et al. 2018) in
between; the norms are taken over the whole picture and all channels of it.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import re
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.translation.peers.tensors import State

# Their names -> ours.
BLOCKS = {
    "block_a": "to_half",
    "block_b": "to_quarter",
    "block_c": "at_quarter",
    "block_d": "at_half",
    "block_e": "at_full",
}
LAYERS = {
    "1": "conv",
    "2": "norm",
    "layers.0.1": "expand.conv",
    "layers.0.2": "expand.norm",
    "layers.1.1": "depthwise.conv",
    "layers.1.2": "depthwise.norm",
    "layers.2": "project",
    "layers.3": "norm",
}


class AnimeGANGenerator(Network):
    """AnimeGANv2's generator; the result has the size of the picture, whatever that is.

    Args:
        width: channels of the first layer; deeper ones have up to eight times as many.
    """

    def __init__(self, *, width: int = 32) -> None:
        super().__init__()
        half, quarter = 2 * width, 4 * width
        self.to_half = nn.Sequential(
            _Layer(3, width, kernel=7), _Layer(width, half, stride=2), _Layer(half, half)
        )
        self.to_quarter = nn.Sequential(_Layer(half, quarter, stride=2), _Layer(quarter, quarter))
        self.at_quarter = nn.Sequential(
            _Layer(quarter, quarter),
            _InvertedResidual(quarter, 2 * quarter),
            *[_InvertedResidual(2 * quarter, 2 * quarter) for _ in range(3)],
            _Layer(2 * quarter, quarter),
        )
        self.at_half = nn.Sequential(_Layer(quarter, quarter), _Layer(quarter, quarter))
        self.at_full = nn.Sequential(
            _Layer(quarter, half), _Layer(half, half), _Layer(half, width, kernel=7)
        )
        self.paint = nn.Conv2d(width, 3, 1, bias=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Translates pictures of at least 16 pixels to each side."""
        half_BCHW = self.to_half(x_BCHW)
        h_BCHW = self.at_quarter(self.to_quarter(half_BCHW))
        h_BCHW = self.at_half(_resize(h_BCHW, half_BCHW))
        h_BCHW = self.at_full(_resize(h_BCHW, x_BCHW))
        return self.paint(h_BCHW).tanh()


def recognise(state: State) -> dict[str, Any] | None:
    """Arguments of the `AnimeGANGenerator` that these tensors fill; None for another layout."""
    first = state.get("block_a.0.1.weight")
    if first is None or first.shape[2:] != (7, 7) or "out_layer.0.weight" not in state:
        return None
    return {"width": len(first)}


def weights(state: State) -> dict[str, Tensor]:
    """Tensors by our names."""
    return {_name(key): tensor for key, tensor in state.items()}


def facts(arguments: dict[str, Any]) -> dict[str, Any]:
    """How the pipeline feeds it: any size, but whole pictures, for the norms see all of them."""
    return {"multiple": 1, "minimum": 16, "halo": None}


def _name(key: str) -> str:
    parts = re.fullmatch(r"(block_[a-e])\.(\d+)\.(.+)\.(weight|bias)", key)
    if parts is None:
        return key.replace("out_layer.0.", "paint.")
    block, place, layer, leaf = parts.groups()
    return f"{BLOCKS[block]}.{place}.{LAYERS.get(layer, layer)}.{leaf}"


# -- parts of the network -------------------------------------------------------------------------


class _Layer(nn.Module):
    def __init__(
        self, before: int, after: int, *, kernel: int = 3, stride: int = 1, depthwise: bool = False
    ) -> None:
        super().__init__()
        groups = before if depthwise else 1
        self.conv = nn.Conv2d(before, after, kernel, stride, groups=groups, bias=depthwise)
        self.norm = nn.GroupNorm(1, after)
        # As TensorFlow's "same" does it, a halving looks one pixel further to the right and below.
        around = kernel // 2
        self.padding = (around,) * 4 if stride == 1 else (0, around, 0, around)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        padded = F.pad(x_BCHW, self.padding, mode="reflect")
        return F.leaky_relu(self.norm(self.conv(padded)), 0.2)


class _InvertedResidual(nn.Module):
    """Widen, look around in every channel by itself, narrow again."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        wide = 2 * before
        self.expand = _Layer(before, wide, kernel=1)
        self.depthwise = _Layer(wide, wide, depthwise=True)
        self.project = nn.Conv2d(wide, after, 1, bias=False)
        self.norm = nn.GroupNorm(1, after)
        self.shortcut = before == after

    def forward(self, x_BCHW: Tensor) -> Tensor:
        h_BCHW = self.norm(self.project(self.depthwise(self.expand(x_BCHW))))
        return x_BCHW + h_BCHW if self.shortcut else h_BCHW


def _resize(x_BCHW: Tensor, like_BCHW: Tensor) -> Tensor:
    return F.interpolate(x_BCHW, like_BCHW.shape[-2:], mode="bilinear", align_corners=True)
