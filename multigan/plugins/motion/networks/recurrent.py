"""A recurrent generator: a GRU reads noise frame by frame and writes poses (as MoCoGAN's does).

Shape suffixes as in `parts`, and H hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from multigan.plugins.motion.networks.parts import LEAD, MotionGenerator


class RecurrentGenerator(MotionGenerator):
    """Poses of a GRU whose first state comes from the latents, or from given poses.

    Args:
        features: F, numbers of a frame.
        feet: how many of them, at the end, are contacts.
        latents: Z.
        noise: N, new in each frame.
        classes: K; 0 without.
        past: given frames that it looks at.
        width: H.
    """

    def __init__(
        self,
        *,
        features: int,
        feet: int,
        latents: int = 32,
        noise: int = 8,
        classes: int = 0,
        past: int = 12,
        width: int = 192,
    ) -> None:
        super().__init__(
            features=features, feet=feet, latents=latents, noise=noise, classes=classes, past=past,
            style=width,
        )  # fmt: skip
        self.first = nn.Linear(width, width)
        self.gru = nn.GRU(width + noise, width, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(2 * width, width), nn.LeakyReLU(0.2), nn.Linear(width, features)
        )

    def noise_steps(self, frames: int) -> int:
        """A row for every frame, and for the lead."""
        return frames + LEAD

    def forward(
        self,
        latents_BZ: Tensor,
        noise_BTN: Tensor,
        labels_B: Tensor | None = None,
        given_BPF: Tensor | None = None,
        *,
        frames: int,
    ) -> Tensor:
        """Frames (B, T, F) after the given ones, or from anywhere."""
        style_BD, _ = self.styled(latents_BZ, labels_B, given_BPF)
        style_BTD = style_BD[:, None].expand(-1, noise_BTN.shape[1], -1)
        state_1BH = torch.tanh(self.first(style_BD))[None].contiguous()
        h_BTH, _ = self.gru(torch.cat([style_BTD, noise_BTN], dim=-1), state_1BH)
        made_BTF = self.scaled(self.head(torch.cat([h_BTH, style_BTD], dim=-1)))
        return self.joined(made_BTF, given_BPF)[:, :frames]
