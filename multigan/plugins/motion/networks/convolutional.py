"""A convolutional generator: a clock of sines, and noise along the way, become poses.

Convolutions know no time, but steps must alternate for as long as one walks. So each motion has a
few sines whose rates depend on its style and whose phases are drawn, or read off the given poses;
everything else is local. What comes out is alike from the first frame to the last, however many
there are. Most is computed at a quarter of the frames.

Shape suffixes as in `parts`, and S coarse steps of four frames, R carriers, C channels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.plugins.motion.networks.parts import LEAD, MotionGenerator

COARSE = 4  # frames of a coarse step
MARGIN = 3  # coarse steps at either end, more than the convolutions reach
SLOWEST, FASTEST = 0.4, 3.0  # turns a second that carriers begin with


class ConvolutionalGenerator(MotionGenerator):
    """Poses from sines and noise by convolutions over time.

    Args:
        features: F, numbers of a frame.
        feet: how many of them, at the end, are contacts.
        latents: Z, at least two for each carrier.
        noise: N, new in each coarse step.
        classes: K; 0 without.
        past: given frames that it looks at.
        width: C.
        carriers: R.
        fps: frames a second.
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
        carriers: int = 6,
        fps: float = 30.0,
    ) -> None:
        super().__init__(
            features=features, feet=feet, latents=latents, noise=noise, classes=classes, past=past,
            style=width,
        )  # fmt: skip
        if latents < 2 * carriers:
            raise ValueError(f"{carriers} carriers need {2 * carriers} latents, not {latents}")
        self.carriers, self.fps = carriers, fps
        rates = torch.logspace(math.log10(SLOWEST), math.log10(FASTEST), carriers)
        self.rates = nn.Parameter(rates.log())
        self.hurry = nn.Linear(width, carriers)
        self.phases = nn.Linear(width // 2, 2 * carriers)
        nn.init.zeros_(self.hurry.weight)
        nn.init.zeros_(self.hurry.bias)
        self.coarse = nn.ModuleList(
            [_Block(2 * carriers + noise, width, width), _Block(width, width, width)]
        )
        self.middle = _Block(width + 2 * carriers, width, width)
        self.fine = _Block(width + 2 * carriers, width // 2, width)
        self.head = nn.Conv1d(width // 2, features, 1)

    def noise_steps(self, frames: int) -> int:
        """A row for every four frames, and margins."""
        return -(-(frames + LEAD) // COARSE) + 2 * MARGIN

    def forward(
        self,
        latents_BZ: Tensor,
        noise_BSN: Tensor,
        labels_B: Tensor | None = None,
        given_BPF: Tensor | None = None,
        *,
        frames: int,
    ) -> Tensor:
        """Frames (B, T, F) after the given ones, or from anywhere."""
        style_BD, past_BE = self.styled(latents_BZ, labels_B, given_BPF)
        phases = latents_BZ[:, : 2 * self.carriers] if given_BPF is None else self.phases(past_BE)
        clock_BR2 = F.normalize(phases.unflatten(1, (-1, 2)), dim=-1)
        # Turns a frame; style makes a motion up to 1.6 times faster or slower.
        rate_BR = (self.rates + 0.5 * torch.tanh(self.hurry(style_BD))).exp() / self.fps
        steps = noise_BSN.shape[1]

        def sines(every: int) -> Tensor:
            """The clock (B, 2R, time), at the middle of stretches of so many frames."""
            count = steps * COARSE // every
            t_T = torch.arange(count, device=noise_BSN.device) * every + (every - 1) / 2
            angle_BRT = 2 * math.pi * rate_BR[:, :, None] * (t_T - MARGIN * COARSE - LEAD)
            cos, sin = angle_BRT.cos(), angle_BRT.sin()
            a, b = clock_BR2[..., :1], clock_BR2[..., 1:]
            return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=1)

        h_BCT = torch.cat([sines(COARSE), noise_BSN.transpose(1, 2)], dim=1)
        for block in self.coarse:
            h_BCT = block(h_BCT, style_BD)
        h_BCT = self.middle(torch.cat([_doubled(h_BCT), sines(2)], dim=1), style_BD)
        h_BCT = self.fine(torch.cat([_doubled(h_BCT), sines(1)], dim=1), style_BD)
        first = MARGIN * COARSE
        made_BTF = self.head(h_BCT[..., first : first + frames + LEAD]).transpose(1, 2)
        return self.joined(self.scaled(made_BTF), given_BPF)


class _Block(nn.Module):
    """A convolution, scaled and shifted by the style (FiLM; Perez et al. 2018)."""

    def __init__(self, before: int, after: int, style: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(before, after, 3, padding=1)
        self.film = nn.Linear(style, 2 * after)
        nn.init.normal_(self.film.weight, std=0.02)
        nn.init.zeros_(self.film.bias)

    def forward(self, x_BCT: Tensor, style_BD: Tensor) -> Tensor:
        scale_BC1, shift_BC1 = self.film(style_BD)[:, :, None].chunk(2, dim=1)
        return F.leaky_relu(self.convolution(x_BCT) * (1 + scale_BC1) + shift_BC1, 0.2)


def _doubled(x_BCT: Tensor) -> Tensor:
    return F.interpolate(x_BCT, scale_factor=2, mode="linear", align_corners=False)
