"""Actions: what happens between frames, read off a clip, played by a picture, made from noise.

Shape suffixes: B clips, T frames, C channels, H and W pixels, A actions, E noise, F features,
M motion.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.video.networks.parts import BASE, halvings, widths
from multigan.plugins.video.networks.pictures import PortraitPainter

TINY = 1e-8
STRONG = 8  # times the mean change: more is no stronger an outline


class ActionExtractor(Network):
    """A clip to a sequence of effective actions.

    Each frame is read by itself, as outlines: the action of a frame comes from what they show and
    from how that differs from the frame before. Outlines say how something stands, and are the same
    in whatever colours it comes; an action has so few numbers that little of a shape fits in.

    Args:
        size: side of the frames.
        actions: A.
        features: F, of a frame.
        width: channels after the first halving.
        widest: most channels anywhere.
    """

    def __init__(
        self,
        *,
        size: int = 64,
        actions: int = 16,
        features: int = 128,
        width: int = 32,
        widest: int = 256,
    ) -> None:
        super().__init__()
        self.actions = actions
        channels = (2, *reversed(widths(size, width=width, widest=widest)))
        self.read = nn.Sequential(
            halvings(*channels),
            nn.Flatten(),
            nn.Linear(channels[-1] * BASE**2, features, bias=False),
            nn.BatchNorm1d(features),
            nn.LeakyReLU(0.2),
        )
        self.head = nn.Linear(2 * features, actions, bias=False)
        # Actions that hardly differ would be passed over; see `PortraitPainter`.
        self.spread = nn.BatchNorm1d(actions, affine=False)

    def forward(self, x_BTCHW: Tensor) -> Tensor:
        """Actions (B, T, A) between -1 and 1; that of the first frame knows no frame before it."""
        B, T = x_BTCHW.shape[:2]
        h_BTF = self.read(outlines(x_BTCHW.flatten(0, 1))).unflatten(0, (B, T))
        change_BTF = torch.cat([torch.zeros_like(h_BTF[:, :1]), h_BTF[:, 1:] - h_BTF[:, :-1]], 1)
        actions_NA = self.head(torch.cat([h_BTF, change_BTF], dim=2).flatten(0, 1))
        return self.spread(actions_NA).tanh().unflatten(0, (B, T))


def outlines(x_NCHW: Tensor) -> Tensor:
    """Where pictures change, across and down, in proportion to how much they change on average.

    The colours may be exchanged or inverted, the contrast may be another one: it is the same.

    Args:
        x_NCHW: any number of channels.

    Returns:
        (N, 2, H, W), not negative; 1 at most.
    """
    across_NHW = (x_NCHW[..., 1:] - x_NCHW[..., :-1]).square().sum(1)
    down_NHW = (x_NCHW[..., 1:, :] - x_NCHW[..., :-1, :]).square().sum(1)
    changes = (F.pad(across_NHW, (0, 1)), F.pad(down_NHW, (0, 0, 0, 1)))
    # The root of 0 has no gradient.
    changes_N2HW = (torch.stack(changes, dim=1) + TINY).sqrt() - TINY**0.5
    mean_N111 = changes_N2HW.mean((1, 2, 3), keepdim=True)
    return (changes_N2HW / (STRONG * mean_N111 + 1e-6)).clamp(max=1)


class Animator(Network):
    """A picture and actions to a clip: states by a GRU over the actions, frames from both.

    Args:
        size: side of the frames.
        actions: A.
        motion: M, of a state.
        width: channels at half the size.
        widest: most channels anywhere.
    """

    def __init__(
        self,
        *,
        size: int = 64,
        actions: int = 16,
        motion: int = 64,
        width: int = 32,
        widest: int = 256,
    ) -> None:
        super().__init__()
        self.size, self.actions = size, actions
        self.cell = nn.GRU(actions, motion, batch_first=True)
        self.painter = PortraitPainter(
            size=size, motion=motion + actions, width=width, widest=widest
        )

    def forward(self, portrait_BCHW: Tensor, actions_BTA: Tensor) -> Tensor:
        """Clips (B, T, 3, H, W) in [-1, 1] of what the portraits show."""
        with torch.autocast(actions_BTA.device.type, enabled=False):
            actions_BTA = actions_BTA.float()
            states_BTM, _ = self.cell(actions_BTA)
        return self.painter(portrait_BCHW, torch.cat([states_BTM, actions_BTA], dim=2))


class ActionGenerator(Network):
    """Noise to a sequence of actions, of any length.

    Args:
        actions: A.
        noise: E, of each frame.
        motion: M, of the recurrent state.
    """

    def __init__(self, *, actions: int = 16, noise: int = 8, motion: int = 64) -> None:
        super().__init__()
        self.noise = noise
        self.start = nn.Linear(noise, motion)
        self.cell = nn.GRU(noise, motion, batch_first=True)
        self.head = nn.Linear(motion, actions)

    def forward(self, noise_BTE: Tensor) -> Tensor:
        """Actions (B, T - 1, A); the first noise makes the state before them."""
        with torch.autocast(noise_BTE.device.type, enabled=False):
            noise_BTE = noise_BTE.float()
            start_1BM = self.start(noise_BTE[:, 0]).tanh()[None]
            states_BTM, _ = self.cell(noise_BTE[:, 1:], start_1BM)
            return self.head(states_BTM).tanh()


class ActionCritic(Network):
    """Are these the actions of a real clip? Convolutions over time, a mean, a linear layer.

    Args:
        actions: A.
        width: channels.
    """

    def __init__(self, *, actions: int = 16, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(actions, width, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv1d(width, width, 3, padding=1),
            nn.LeakyReLU(0.2),
        )
        self.verdict = nn.Linear(width, 1)

    def forward(self, actions_BTA: Tensor) -> Tensor:
        """Verdicts (B, 1)."""
        return self.verdict(self.layers(actions_BTA.transpose(1, 2)).mean(2))
