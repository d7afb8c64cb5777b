"""Generators of contrastive-unpaired-translation (CUT and FastCUT, Park et al. 2020).

CycleGAN's ResNet with other halvings and doublings: a convolution that keeps the size, then a blur
before every second pixel is left out, and the blur before the convolution on the way up (Zhang
2019), so that a shifted picture gives a shifted result. The file is called latest_net_G.pth too and
holds as many parameters, at other places: B residual blocks from 12 on, the last layer at 21 + B,
and the blurs as buffers ``model.N.filt``.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.errors import CheckpointError
from multigan.nn.network import Network
from multigan.plugins.translation.peers.tensors import (
    State,
    in_colour,
    norm_of,
    residual_blocks,
    without_instance_statistics,
)

Norm = Literal["instance", "batch"]
Padding = Literal["zeros", "reflect"]


class AntialiasedResnetGenerator(Network):
    """CycleGAN's ResNet generator that blurs before it halves and after it doubles.

    Args:
        width: channels of the first layer (ngf).
        blocks: residual blocks at a quarter of the size.
        norm: "instance" or "batch".
    """

    def __init__(self, *, width: int = 64, blocks: int = 9, norm: Norm = "instance") -> None:
        super().__init__()
        self.first = _Layer(3, width, norm, kernel=7, padding="reflect")
        self.down = nn.ModuleList([_Layer(wide, 2 * wide, norm) for wide in (width, 2 * width)])
        self.blocks = nn.Sequential(*[_Residual(4 * width, norm) for _ in range(blocks)])
        self.up = nn.ModuleList([_Layer(2 * wide, wide, norm) for wide in (2 * width, width)])
        self.paint = nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect")
        self.blur_down, self.blur_up = _BlurDown(), _BlurUp()
        self.reach = 8 * blocks + 24  # pixels, once the statistics of the norms are given

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Translates pictures whose sides are multiples of 4."""
        h_BCHW = self.first(x_BCHW).relu()
        for layer in self.down:
            h_BCHW = self.blur_down(layer(h_BCHW).relu())
        h_BCHW = self.blocks(h_BCHW)
        for layer in self.up:
            h_BCHW = layer(self.blur_up(h_BCHW)).relu()
        return self.paint(h_BCHW).tanh()


def recognise(state: State) -> dict[str, Any] | None:
    """Arguments of the `AntialiasedResnetGenerator` of these tensors; None for another layout."""
    blocks = residual_blocks(state)
    first = state.get("model.1.weight")
    if first is None or first.shape[2:] != (7, 7) or not blocks or min(blocks) != 12:
        return None
    if f"model.{21 + len(blocks)}.weight" not in state:
        return None
    return {"width": len(first), "blocks": len(blocks), "norm": norm_of(state, "model.2")}


def weights(state: State) -> dict[str, Tensor]:
    """Tensors by our names.

    Raises:
        CheckpointError: The file blurs with other filters than the project's own, or its pictures
            are neither grey nor RGB.
    """
    names = _names(state)
    renamed: dict[str, Tensor] = {}
    for key, tensor in without_instance_statistics(state).items():
        layer, _, leaf = key.rpartition(".")
        if leaf == "filt":
            _check_blur(tensor)
        else:  # what has no name of ours is told as a tensor too many
            renamed[f"{names.get(layer, layer)}.{leaf}"] = tensor
    return in_colour(renamed, first="first.conv", last="paint")


def facts(arguments: dict[str, Any]) -> dict[str, Any]:
    """How the pipeline feeds it."""
    # As in `resnet`, where the other layers see 12 pixels; here the blurs see 9 more, in all 21.
    halo = 8 * arguments["blocks"] + 24 if arguments["norm"] == "batch" else None
    return {"multiple": 4, "minimum": 16, "halo": halo}


def _names(state: State) -> dict[str, str]:
    """Their names of layers -> ours; a norm stands behind its convolution."""
    count = len(residual_blocks(state))
    convs = {
        "model.1": "first",
        "model.4": "down.0",
        "model.8": "down.1",
        f"model.{13 + count}": "up.0",
        f"model.{17 + count}": "up.1",
    }
    # With dropout between them, the second convolution of a block stands one place further.
    second = 5 if "model.12.conv_block.5.weight" in state else 6
    for block in range(count):
        chain = f"model.{12 + block}.conv_block"
        convs |= {f"{chain}.1": f"blocks.{block}.first"}
        convs |= {f"{chain}.{second}": f"blocks.{block}.second"}
    names = {f"model.{21 + count}": "paint"}
    for theirs, ours in convs.items():
        chain, _, place = theirs.rpartition(".")
        names |= {theirs: f"{ours}.conv", f"{chain}.{int(place) + 1}": f"{ours}.norm"}
    return names


def _check_blur(filter_C1hw: Tensor) -> None:
    known: dict[tuple[int, ...], Tensor] = {(1, 3, 3): _binomial(3), (1, 4, 4): 4 * _binomial(4)}
    ours = known.get(tuple(filter_C1hw.shape[1:]))
    if ours is None or not torch.allclose(filter_C1hw.float(), ours, atol=1e-6):
        raise CheckpointError("is a CUT generator with blurs of its own; only the usual are known")


# -- parts of the network -------------------------------------------------------------------------


class _Layer(nn.Module):
    def __init__(
        self, before: int, after: int, norm: Norm, *, kernel: int = 3, padding: Padding = "zeros"
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            before, after, kernel,
            padding=kernel // 2, padding_mode=padding, bias=norm == "instance",
        )  # fmt: skip
        self.norm = nn.InstanceNorm2d(after) if norm == "instance" else nn.BatchNorm2d(after)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.norm(self.conv(x_BCHW))


class _Residual(nn.Module):
    def __init__(self, width: int, norm: Norm) -> None:
        super().__init__()
        self.first = _Layer(width, width, norm, padding="reflect")
        self.second = _Layer(width, width, norm, padding="reflect")

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.second(self.first(x_BCHW).relu())


class _BlurDown(nn.Module):
    """Every second pixel of the blurred picture."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", _binomial(3), persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        channels = x_BCHW.shape[1]
        filter_C1hw = self.get_buffer("filter").to(x_BCHW.dtype).expand(channels, 1, 3, 3)
        padded = F.pad(x_BCHW, (1, 1, 1, 1), mode="reflect")
        return F.conv2d(padded, filter_C1hw, stride=2, groups=channels)


class _BlurUp(nn.Module):
    """Pixels spread with zeros between them, then blurred; four times, for each stands for four."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", 4 * _binomial(4), persistent=False)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        channels = x_BCHW.shape[1]
        filter_C1hw = self.get_buffer("filter").to(x_BCHW.dtype).expand(channels, 1, 4, 4)
        padded = F.pad(x_BCHW, (1, 1, 1, 1), mode="replicate")
        return F.conv_transpose2d(padded, filter_C1hw, stride=2, padding=3, groups=channels)


def _binomial(size: int) -> Tensor:
    """(1, 1, size, size): a row of Pascal's triangle times itself, with sum 1."""
    row = torch.tensor([1.0, 2.0, 1.0] if size == 3 else [1.0, 3.0, 3.0, 1.0])
    square = torch.outer(row, row)
    return (square / square.sum())[None, None]
