"""A picture as a grid of features: a small network that is trained from scratch.

Shape suffixes: B pictures, C channels, H and W pixels, N cells of the grid, D features of a cell.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network


class GridEncoder(Network):
    """A convolutional network whose cells then look at each other.

    Every pixel is given its own coordinates (CoordConv, Liu et al. 2018), and so is every cell of
    the grid: captions say where things are, which a convolution by itself cannot tell. They also
    say how many there are and which is left of which, so the cells look at each other, too
    (self-attention, which begins as nothing: its last layers are 0).

    Args:
        size: Side of the pictures in pixels, a multiple of 8.
        width: Channels of the first layer; a cell has four times as many features.
        layers: Of self-attention.
    """

    def __init__(self, *, size: int = 64, width: int = 32, layers: int = 2) -> None:
        super().__init__()
        if size % 8:
            raise ValueError(f"size={size}: a picture's side must be a multiple of 8")
        self.size = size
        self.cells, self.features = (size // 8) ** 2, 4 * width
        self.layers = nn.Sequential(
            _convolution(5, width, stride=2),
            _convolution(width, 2 * width, stride=2),
            _Residual(2 * width),
            _convolution(2 * width, 4 * width, stride=2),
            _Residual(4 * width),
        )
        self.place = nn.Linear(2, 4 * width)
        self.mixing = nn.Sequential(*(_Mixing(4 * width) for _ in range(layers)))
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Pictures (B, 3, size, size) in [-1, 1] to grids (B, N, D), row by row."""
        pixels = _coordinates(self.size, x_BCHW).expand(len(x_BCHW), -1, -1, -1)
        grid_BDhw = self.layers(torch.cat([x_BCHW, pixels], dim=1))
        places = _coordinates(self.size // 8, x_BCHW)[0].flatten(1).T
        grid_BND = grid_BDhw.flatten(2).transpose(1, 2) + self.place(places)
        return self.norm(self.mixing(grid_BND))


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layer = _convolution(channels, channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.layer(x_BCHW)


class _Mixing(nn.Module):
    """A transformer layer, normalised before its parts (Xiong et al. 2020)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.heads = 4
        self.before = nn.LayerNorm(features)
        self.queries_keys_values = nn.Linear(features, 3 * features)
        self.out = nn.Linear(features, features)
        last = nn.Linear(2 * features, features)
        self.layers = nn.Sequential(
            nn.LayerNorm(features), nn.Linear(features, 2 * features), nn.ReLU(), last
        )
        for layer in (self.out, last):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x_BND: Tensor) -> Tensor:
        B, N, D = x_BND.shape
        parts = self.queries_keys_values(self.before(x_BND)).view(B, N, 3, self.heads, -1)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(queries, keys, values)
        x_BND = x_BND + self.out(seen.transpose(1, 2).reshape(B, N, D))
        return x_BND + self.layers(x_BND)


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _coordinates(side: int, like: Tensor) -> Tensor:
    """Columns and rows from -1 to 1, (1, 2, side, side)."""
    line = torch.linspace(-1, 1, side, dtype=like.dtype, device=like.device)
    rows, columns = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([columns, rows])[None]
