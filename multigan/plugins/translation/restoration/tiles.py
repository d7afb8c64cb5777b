"""Running a network of bounded reach over a large picture, tile by tile."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def in_tiles(
    network: nn.Module,
    x_CHW: Tensor,
    *,
    tile: int,
    halo: int | None,
    multiple: int = 1,
    scale: int = 1,
    device: torch.device | str = "cpu",
) -> Tensor:
    """What the network makes of the whole picture, computed in tiles that overlap by its reach.

    Args:
        network: (1, C, h, w) to (1, D, scale h, scale w); an output pixel sees no more than `halo`
            pixels of the input to each side.
        x_CHW: any size; its border is repeated up to a multiple of `multiple`.
        tile: side of a tile without its halo, in pixels of the input.
        halo: the reach; None computes everything at once.
        multiple: tiles begin and end at multiples of it, as strided convolutions need.
        scale: how many times larger the result is.
        device: where the network is.

    Returns:
        (D, scale H, scale W), float32, on the CPU.
    """
    height, width = x_CHW.shape[-2:]
    rows, columns = (_up(side, multiple) for side in (height, width))
    padding = (0, columns - width, 0, rows - height)
    x_BCHW = F.pad(x_CHW[None], padding, mode="replicate")
    step = max(rows, columns) if halo is None else _up(max(1, tile), multiple)
    halo = _up(halo or 0, multiple)
    strips = []
    for top in range(0, rows, step):
        bottom, up = min(rows, top + step), max(0, top - halo)
        strip = []
        for left in range(0, columns, step):
            right, before = min(columns, left + step), max(0, left - halo)
            window = x_BCHW[..., up : bottom + halo, before : right + halo].to(device)
            drawn = network(window.contiguous(memory_format=torch.channels_last))[0]
            down, across = scale * (top - up), scale * (left - before)
            strip.append(
                drawn[
                    :,
                    down : down + scale * (bottom - top),
                    across : across + scale * (right - left),
                ]
                .float()
                .cpu()
            )
        strips.append(torch.cat(strip, dim=2))
    return torch.cat(strips, dim=1)[:, : scale * height, : scale * width]


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
