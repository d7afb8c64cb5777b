"""The generator of clips: what stays, what moves, and a picture of both at every time.

Shape suffixes: B clips, T frames, C channels, H and W pixels, Z content, M motion, E noise,
K categories.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from multigan.nn.network import Network
from multigan.plugins.video.networks.motion import Motion
from multigan.plugins.video.networks.pictures import ContentPainter, PortraitPainter


class VideoGenerator(Network):
    """Content and motion to a clip (MoCoGAN, Tulyakov et al. 2018).

    The content is drawn once for a clip; the states of the motion come from a recurrent network, as
    many as are wanted; frames are painted only at the times that are asked for.

    Args:
        size: side of the frames: a power of two.
        content: Z.
        motion: M.
        noise: E, fresh numbers that each frame brings into the motion.
        categories: K; 0 without.
        periods: in frames, of the clock that the motion hears, see `Motion`.
        width: channels at half the size.
        widest: most channels anywhere.
        condition: "none", or "first-frame": the content is a picture, with which the clip begins.
    """

    def __init__(
        self,
        *,
        size: int = 64,
        content: int = 50,
        motion: int = 10,
        noise: int = 10,
        categories: int = 0,
        periods: Sequence[float] = (),
        width: int = 64,
        widest: int = 512,
        condition: Literal["none", "first-frame"] = "none",
    ) -> None:
        super().__init__()
        self.size, self.content, self.noise = size, content, noise
        self.categories, self.condition = categories, condition
        self.motion = Motion(motion, noise, categories, periods)
        shape: dict[str, Any] = {
            "size": size, "motion": motion, "width": width, "widest": widest,
        }  # fmt: skip
        if condition == "first-frame":
            self.painter: ContentPainter | PortraitPainter = PortraitPainter(**shape)
        else:
            self.painter = ContentPainter(content=content, **shape)

    def forward(
        self,
        content: Tensor,
        noise_BTE: Tensor,
        category_B: Tensor | None = None,
        times_BT: Tensor | None = None,
    ) -> Tensor:
        """Clips (B, T, 3, H, W) in [-1, 1].

        Args:
            content: latents (B, Z), or first frames (B, 3, H, W), which are part of the clips.
            noise_BTE: standard normal, one more row than there are states, see `Motion`.
            category_B: numbers, or shares of the categories (B, K).
            times_BT: which of the states are painted, ascending; None paints all.
        """
        states_BTM = self.motion(noise_BTE, category_B)
        if times_BT is not None:
            which_BTM = times_BT[:, :, None].expand(-1, -1, states_BTM.shape[2])
            states_BTM = states_BTM.gather(1, which_BTM)
        if self.condition == "none":
            return self.painter(content, states_BTM)
        later_BTCHW = self.painter(content, states_BTM[:, 1:])
        return torch.cat([content[:, None].to(later_BTCHW.dtype), later_BTCHW], dim=1)
