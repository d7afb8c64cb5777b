"""Past frames to the next ones.

Shape suffixes: B clips, P past frames, T frames, C channels, H and W pixels, E noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.nn.network import Network
from multigan.plugins.video.networks.pictures import PortraitPainter


class FramePredictor(Network):
    """Paints how each frame differs from the one before, from the last few, its own among them.

    Args:
        size: side of the frames.
        past: P.
        noise: E, fresh for every frame.
        width: channels at half the size.
        widest: most channels anywhere.
    """

    def __init__(
        self, *, size: int = 64, past: int = 4, noise: int = 8, width: int = 32, widest: int = 256
    ) -> None:
        super().__init__()
        self.size, self.past, self.noise = size, past, noise
        self.painter = PortraitPainter(
            size=size, motion=noise, width=width, widest=widest, channels=3 * past
        )

    def forward(self, past_BPCHW: Tensor, noise_BTE: Tensor) -> Tensor:
        """The next T frames (B, T, 3, H, W), about in [-1, 1]."""
        frames = list(past_BPCHW.unbind(1))
        for noise_BE in noise_BTE.unbind(1):
            seen_BCHW = torch.cat(frames[-self.past :], dim=1)
            change_B1CHW = 2 * self.painter(seen_BCHW, noise_BE[:, None])
            frames.append(frames[-1] + change_B1CHW[:, 0].to(past_BPCHW.dtype))
        return torch.stack(frames[past_BPCHW.shape[1] :], dim=1)
