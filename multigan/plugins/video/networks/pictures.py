"""Frames: one picture from its content and the state of the motion.

`ContentPainter` draws from a content vector, `PortraitPainter` from a picture that shows what is to
move, whose details reach the frame on short ways.

Shape suffixes: N pictures (clips times frames), B clips, T frames, C channels, H and W pixels,
Z content, M motion, F features.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.plugins.video.networks.parts import BASE, widths


class ContentPainter(nn.Module):
    """MoCoGAN's G_I, a DCGAN: [content, state] to a picture by transposed convolutions.

    Args:
        size: side of the picture.
        content: Z.
        motion: M.
        width: channels at half the size.
        widest: most channels anywhere.
    """

    def __init__(self, *, size: int, content: int, motion: int, width: int, widest: int) -> None:
        super().__init__()
        channels = widths(size, width=width, widest=widest)
        # Without biases: batch normalisation would take them away again.
        self.stem = nn.Linear(content + motion, channels[0] * BASE**2, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(each) for each in channels)
        self.doublings = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
            for before, after in pairwise(channels)
        )
        self.paint = nn.ConvTranspose2d(channels[-1], 3, 4, 2, 1)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(self, content_BZ: Tensor, states_BTM: Tensor) -> Tensor:
        """Frames (B, T, 3, H, W) in [-1, 1]."""
        B, T, _ = states_BTM.shape
        content_BTZ = content_BZ[:, None].expand(-1, T, -1)
        both_NF = torch.cat([content_BTZ, states_BTM], dim=2).flatten(0, 1)
        h_NCHW = self.stem(both_NF).unflatten(1, (-1, BASE, BASE))
        h_NCHW = F.relu(self.norms[0](h_NCHW.contiguous(memory_format=torch.channels_last)))
        for doubling, norm in zip(self.doublings, list(self.norms)[1:], strict=True):
            h_NCHW = F.relu(norm(doubling(h_NCHW)))
        return self.paint(h_NCHW).tanh().unflatten(0, (B, T))


class PortraitPainter(nn.Module):
    """A portrait and a state to a frame: an encoder, and a decoder that the state modulates.

    The encoder's features join the decoder's at every size, channel by channel as much as the state
    lets through: hair and clothes keep their pixels where the pose stays, and are drawn anew where
    it changes. The portrait is encoded once for all frames of a clip.

    Args:
        size: side of the pictures.
        motion: M.
        width: channels at half the size.
        widest: most channels anywhere.
        channels: of the portrait: 3, or 3 times as many for several pictures in a row.
    """

    def __init__(
        self, *, size: int, motion: int, width: int, widest: int, channels: int = 3
    ) -> None:
        super().__init__()
        sizes = widths(size, width=width, widest=widest)
        down = [channels, *reversed(sizes)]
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2))
            for before, after in pairwise(down)
        )
        self.skip = nn.Conv2d(channels, width, 3, 1, 1)
        up = [*sizes, width]  # the last one at full size
        self.bottleneck = nn.Linear(motion, sizes[0] * BASE**2)
        self.doublings = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, 2, 1) for before, after in pairwise(up)
        )
        # Scale, shift and gate of each channel.
        self.modulations = nn.ModuleList(nn.Linear(motion, 3 * each) for each in up[1:])
        self.paint = nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, portrait_BCHW: Tensor, states_BTM: Tensor) -> Tensor:
        """Frames (B, T, 3, H, W) in [-1, 1]."""
        B, T, _ = states_BTM.shape
        features = [self.skip(portrait_BCHW), *self._encoded(portrait_BCHW)]
        states_NM = states_BTM.flatten(0, 1)
        h_NCHW = _each_frame(features.pop(), T)
        h_NCHW = h_NCHW + self.bottleneck(states_NM).unflatten(1, (-1, BASE, BASE))
        for doubling, modulation in zip(self.doublings, self.modulations, strict=True):
            scale, shift, gate = modulation(states_NM)[:, :, None, None].chunk(3, dim=1)
            h_NCHW = doubling(F.leaky_relu(h_NCHW, 0.2))
            h_NCHW = F.instance_norm(h_NCHW) * (1 + scale) + shift
            h_NCHW = h_NCHW + gate.sigmoid() * _each_frame(features.pop(), T)
        return self.paint(F.leaky_relu(h_NCHW, 0.2)).tanh().unflatten(0, (B, T))

    def content(self, x_BCHW: Tensor) -> Tensor:
        """What the encoder sees in a picture, wherever in it: (B, F)."""
        return self._encoded(x_BCHW)[-1].mean((2, 3))

    def _encoded(self, x_BCHW: Tensor) -> list[Tensor]:
        """Features at every size, the smallest last."""
        features = []
        for layer in self.encoder:
            x_BCHW = layer(x_BCHW)
            features.append(x_BCHW)
        return features


def _each_frame(x_BCHW: Tensor, frames: int) -> Tensor:
    """(B, ...) to (B * frames, ...)."""
    return x_BCHW.repeat_interleave(frames, dim=0)
