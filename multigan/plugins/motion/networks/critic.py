"""What judges motions: convolutions over time, a verdict at each moment, their mean.

It sees rotations, where the joints are, how they move over the ground, and what is said of the
feet; see `multigan.plugins.motion.representation.Codec.seen`.

Shape suffixes: B motions, T frames, C numbers of a frame that are seen, D channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from multigan.nn.network import Network


class MotionCritic(Network):
    """One verdict for a motion of any length from 16 frames on.

    Args:
        seen: C.
        classes: of the labels, for a projection (Miyato and Koyama 2018); 0 without.
        width: channels of the first layer.
    """

    mean_C: Tensor
    std_C: Tensor

    def __init__(self, *, seen: int, classes: int = 0, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("mean_C", torch.zeros(seen))
        self.register_buffer("std_C", torch.ones(seen))
        self.body = nn.Sequential(
            nn.Conv1d(seen, width, 3, padding=1), nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 4, 2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv1d(width, 2 * width, 4, 2, padding=1), nn.LeakyReLU(0.2),
            nn.Conv1d(2 * width, 2 * width, 3, padding=1), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.verdict = nn.Linear(2 * width, 1)
        self.classes = nn.Embedding(classes, 2 * width) if classes else None

    def normalised(self, seen_BTC: Tensor) -> Tensor:
        """What it sees, each number of unit size: gradients are penalised in these."""
        return (seen_BTC - self.mean_C) / self.std_C

    def forward(self, x_BTC: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1) on what `normalised` returned."""
        h_BDT = self.body(x_BTC.transpose(1, 2))
        h_BD = h_BDT.mean(-1)
        verdict_B1 = self.verdict(h_BD)
        if self.classes is None or labels_B is None:
            return verdict_B1
        # Embeddings begin with unit variance: scaled, so that the projection is of the size of the
        # rest.
        projected_B1 = (self.classes(labels_B) * h_BD).sum(1, keepdim=True)
        return verdict_B1 + projected_B1 / h_BD.shape[1] ** 0.5
