"""What generators of motions share: a look at given poses, and how to go on from them.

Shape suffixes: B motions, T frames, P given frames, F numbers of a frame, Z latents, K actions, E
what is known of the past, D style, N noise.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.motion.rotations import from_six, to_six

FADE = 0.22  # of the offset to the given poses, a frame: half of it is gone after about 8 frames
ROOT = 4  # numbers of a frame that say how the root moves
LEAD = 2  # frames before the first one: a generator's own version of the last two given ones


class MotionGenerator(Network, ABC):
    """Base of the generators: style, scale of the outputs, and continuing.

    Args:
        features: F.
        feet: how many of them, at the end, say that a joint of a foot stands.
        latents: Z.
        noise: N, at each step along the way.
        classes: K; 0 without.
        past: P.
        style: D.
    """

    mean_F: Tensor
    std_F: Tensor

    def __init__(
        self,
        *,
        features: int,
        feet: int,
        latents: int,
        noise: int,
        classes: int,
        past: int,
        style: int,
    ) -> None:
        super().__init__()
        self.features, self.feet, self.latents = features, feet, latents
        self.noise, self.classes, self.past = noise, classes, past
        known = style // 2
        self.register_buffer("mean_F", torch.zeros(features))
        self.register_buffer("std_F", torch.ones(features))
        self.look = nn.Sequential(
            nn.Flatten(), nn.Linear(past * features, style), nn.LeakyReLU(0.2),
            nn.Linear(style, known),
        )  # fmt: skip
        self.nothing = nn.Parameter(torch.zeros(known))
        self.style = nn.Sequential(
            nn.Linear(latents + classes + known, style), nn.LeakyReLU(0.2), nn.Linear(style, style)
        )

    @abstractmethod
    def noise_steps(self, frames: int) -> int:
        """How many rows of noise so many frames take."""

    def styled(
        self, latents_BZ: Tensor, labels_B: Tensor | None, given_BPF: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Style (B, D) of a whole motion, and what is known of its past (B, E)."""
        if given_BPF is None:
            past_BE = self.nothing.expand(len(latents_BZ), -1)
        else:
            past_BE = self.look((given_BPF - self.mean_F) / self.std_F)
        parts = [latents_BZ, past_BE]
        if self.classes:
            assert labels_B is not None
            parts.append(F.one_hot(labels_B, self.classes).to(latents_BZ))
        return self.style(torch.cat(parts, dim=1)), past_BE

    def scaled(self, h_BTF: Tensor) -> Tensor:
        """From a layer's outputs of unit size to numbers of a frame.

        Rotations are made clean here: a network may write them at any length, and offsets between
        such would not be offsets between poses. Contacts lie in [0, 1].
        """
        turns = self.features - self.feet - ROOT
        x_BTF = self.mean_F + self.std_F * h_BTF
        six_BTF = to_six(from_six(x_BTF[..., :turns].unflatten(-1, (-1, 6)))).flatten(-2)
        contacts_BTF = torch.sigmoid(h_BTF[..., self.features - self.feet :])
        return torch.cat([six_BTF, x_BTF[..., turns : turns + ROOT], contacts_BTF], dim=-1)

    def joined(self, made_BTF: Tensor, given_BPF: Tensor | None) -> Tensor:
        """Takes the lead off, and with given poses also the jump.

        The first two frames are the generator's own version of the last two given ones. Where it is
        off, in place and in velocity, the difference is added to what follows and fades out like a
        critically damped spring (inertialisation; Bollo 2018). So pose and velocity go on from
        those given whatever the weights are, and nothing is held back for good.
        """
        if given_BPF is None:
            return made_BTF[:, LEAD:]
        body = slice(0, self.features - self.feet)
        before_BF, last_BF = given_BPF[:, -2, body], given_BPF[:, -1, body]
        off_BF = last_BF - made_BTF[:, 1, body]
        drift_BF = (last_BF - before_BF) - (made_BTF[:, 1, body] - made_BTF[:, 0, body])
        frames = made_BTF.shape[1] - LEAD
        t_T1 = torch.arange(1, frames + 1, device=made_BTF.device)[:, None].to(made_BTF)
        fade_T1 = torch.exp(-FADE * t_T1)
        offset_BTF = (off_BF[:, None] + (drift_BF + FADE * off_BF)[:, None] * t_T1) * fade_T1
        moved_BTF = made_BTF[:, LEAD:, body] + offset_BTF
        return torch.cat([moved_BTF, made_BTF[:, LEAD:, body.stop :]], dim=-1)
