"""The small networks through which CUT compares patches.

Shape suffixes: B pictures, C channels, H and W pixels, P patches, D features.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multigan.nn.network import Network


class PatchHeads(Network):
    """One perceptron of two layers for each layer of the encoder (Chen et al. 2020, SimCLR).

    Args:
        widths: channels of the encoder's layers.
        features: D.
    """

    def __init__(self, *, widths: Sequence[int], features: int = 256) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, features), nn.ReLU(), nn.Linear(features, features))
            for width in widths
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)
                nn.init.zeros_(module.bias)

    def forward(self, layers: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        """Patches of each layer, (B, C, H, W) and their places (B, P), to features (B, P, D)."""
        found = []
        for head, x_BCHW, place_BP in zip(self.heads, layers, places, strict=True):
            x_BPC = x_BCHW.flatten(2).transpose(1, 2)
            index = place_BP[:, :, None].expand(-1, -1, x_BPC.shape[2])
            found.append(head(x_BPC.gather(1, index)))
        return found


def choose_places(uniform_BN: Tensor, patches: int) -> Tensor:
    """Places without repetition, (B, min(P, N)): a patch must not be its own negative.

    Args:
        uniform_BN: a random number for each of the N places.
        patches: P.
    """
    count = min(patches, uniform_BN.shape[1])
    return torch.topk(uniform_BN, count, dim=1, sorted=False).indices
