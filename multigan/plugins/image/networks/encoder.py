"""Pictures back to latents, by strided convolutions (f-AnoGAN, Schlegl et al. 2019).

Shape suffixes: B pictures, C channels, H and W pixels, Z latents, F features.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.image.networks.parts import LARGEST_BASE, BatchNorm

WIDEST = 8  # times the width, however many halvings there are


class Encoder(Network):
    """The latents whose picture would be most like a given one.

    Args:
        size: side of the pictures, 8 or more.
        channels: C.
        latents: Z.
        width: channels of the first layer; each size below has twice as many, up to 8x.
    """

    def __init__(
        self, *, size: int = 64, channels: int = 3, latents: int = 100, width: int = 64
    ) -> None:
        super().__init__()
        self.downs, self.norms = nn.ModuleList(), nn.ModuleList()
        before, side = channels, size
        while side > LARGEST_BASE:
            wide = width * min(2 ** len(self.downs), WIDEST)
            self.downs.append(nn.Conv2d(before, wide, 4, stride=2, padding=1, bias=False))
            self.norms.append(BatchNorm(wide))
            before, side = wide, side // 2
        # Nothing bounds them: latents are normal, and a rare picture may need large ones.
        self.head = nn.Linear(before * side * side, latents)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Latents (B, Z) of pictures in [-1, 1]."""
        h_BFHW = x_BCHW
        for down, norm in zip(self.downs, self.norms, strict=True):
            h_BFHW = F.leaky_relu(norm(down(h_BFHW)), 0.2, inplace=True)
        return self.head(h_BFHW.flatten(1))
