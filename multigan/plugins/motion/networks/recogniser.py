"""A network that names the action of a window, and puts it into a few numbers to redraw it from.

The numbers are what generated motions are compared in: naming alone would forget how an action is
done, and redrawing alone what it is.

Shape suffixes as in `critic`, and E features, K actions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from multigan.nn.network import Network


class MotionRecogniser(Network):
    """Features of windows of one length, with a head that names them and one that redraws them.

    Args:
        seen: C.
        classes: K, at least one.
        frames: T, a multiple of 8.
        width: channels of the first convolution.
        features: E.
    """

    mean_C: Tensor
    std_C: Tensor

    def __init__(
        self, *, seen: int, classes: int, frames: int = 32, width: int = 64, features: int = 48
    ) -> None:
        super().__init__()
        if frames % 8:
            raise ValueError(f"windows of {frames} frames cannot be halved three times")
        self.frames, self.classes, self.dimensions = frames, classes, features
        self.register_buffer("mean_C", torch.zeros(seen))
        self.register_buffer("std_C", torch.ones(seen))
        inner = 2 * width
        self.encoder = nn.Sequential(
            nn.Conv1d(seen, width, 3, padding=1), nn.GELU(),
            nn.Conv1d(width, width, 4, 2, padding=1), nn.GELU(),
            nn.Conv1d(width, inner, 4, 2, padding=1), nn.GELU(),
            nn.Conv1d(inner, inner, 4, 2, padding=1), nn.GELU(),
            nn.Flatten(), nn.Linear(inner * frames // 8, features),
        )  # fmt: skip
        self.head = nn.Sequential(nn.GELU(), nn.Linear(features, classes))
        self.decoder = nn.Sequential(
            nn.Linear(features, inner * frames // 8), nn.Unflatten(1, (inner, frames // 8)),
            nn.GELU(), nn.ConvTranspose1d(inner, inner, 4, 2, padding=1),
            nn.GELU(), nn.ConvTranspose1d(inner, width, 4, 2, padding=1),
            nn.GELU(), nn.ConvTranspose1d(width, width, 4, 2, padding=1),
            nn.GELU(), nn.Conv1d(width, seen, 3, padding=1),
        )  # fmt: skip

    def normalised(self, seen_BTC: Tensor) -> Tensor:
        """What it sees, each number of unit size."""
        return (seen_BTC - self.mean_C) / self.std_C

    def forward(self, x_BTC: Tensor) -> Tensor:
        """Features (B, E) of what `normalised` returned."""
        return self.encoder(x_BTC.transpose(1, 2))

    def logits(self, features_BE: Tensor) -> Tensor:
        """(B, K)."""
        return self.head(features_BE)

    def redrawn(self, features_BE: Tensor) -> Tensor:
        """(B, T, C), as `normalised` returned it."""
        return self.decoder(features_BE).transpose(1, 2)
