"""Frames: one picture from its content and the state of the motion.

`ContentPainter` draws from a content vector, `PortraitPainter` from a picture that shows what is to
move, whose details reach the frame on short ways.

Shape suffixes: N pictures (clips times frames), B clips, T frames, C channels, H and W pixels,
Z content, M motion, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.plugins.video.networks.parts import BASE, halvings, widths


class ContentPainter(nn.Module):
    """MoCoGAN's G_I, a DCGAN: [content, state] to a picture by transposed convolutions.

    Args:
        size: side of the picture.
        content: Z.
        motion: M.
        width: channels at half the size.
        widest: most channels anywhere.
        gated: whether features of a picture may join, see `forward`.
    """

    def __init__(
        self,
        *,
        size: int,
        content: int,
        motion: int,
        width: int,
        widest: int,
        gated: bool = False,
    ) -> None:
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
        self.gates = nn.ModuleList(_Gate(each) for each in channels[1:] if gated)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(
        self, content_BZ: Tensor, states_BTM: Tensor, features: Sequence[Tensor] = ()
    ) -> Tensor:
        """Frames (B, T, 3, H, W) in [-1, 1].

        Args:
            content_BZ: for all frames of a clip.
            states_BTM: for each frame.
            features: (B, C, H, W) at 8 pixels, 16 ... up to half the size, with a gated painter's
                channels; every place joins as far as its gate lets it through.
        """
        B, T, _ = states_BTM.shape
        content_BTZ = content_BZ[:, None].expand(-1, T, -1)
        both_NF = torch.cat([content_BTZ, states_BTM], dim=2).flatten(0, 1)
        h_NCHW = self.stem(both_NF).unflatten(1, (-1, BASE, BASE))
        h_NCHW = F.relu(self.norms[0](h_NCHW.contiguous(memory_format=torch.channels_last)))
        for level, doubling in enumerate(self.doublings):
            h_NCHW = F.relu(self.norms[level + 1](doubling(h_NCHW)))
            if features:
                h_NCHW = self.gates[level](h_NCHW, features[level])
        return self.paint(h_NCHW).tanh().unflatten(0, (B, T))


class PortraitPainter(nn.Module):
    """A portrait and a state to a frame.

    The portrait reaches the frame in two ways. Its looks, one vector for the whole picture, are the
    content of a `ContentPainter`, which can show what stands elsewhere in the portrait or not at
    all. And the encoder's features join the painter's at 8 pixels and up: what did not move keeps
    its details. The portrait is encoded once for all frames of a clip.

    Batch normalisation carries the learning. A fresh encoder says nearly the same of all pictures,
    and the painter learns to do without it: with the little differences brought to variance 1, it
    listens from the first step on.

    Args:
        size: side of the pictures.
        motion: M.
        width: channels at half the size.
        widest: most channels anywhere.
        looks: Z, numbers of the vector.
        channels: of the portrait: 3, or 3 times as many for several pictures in a row.
    """

    def __init__(
        self,
        *,
        size: int,
        motion: int,
        width: int,
        widest: int,
        looks: int = 64,
        channels: int = 3,
    ) -> None:
        super().__init__()
        sizes = widths(size, width=width, widest=widest)
        self.encoder = halvings(channels, *reversed(sizes))
        self.looks = nn.Sequential(
            nn.Flatten(),
            nn.Linear(sizes[0] * BASE**2, looks, bias=False),
            nn.BatchNorm1d(looks, affine=False),
        )
        self.painter = ContentPainter(
            size=size, content=looks, motion=motion, width=width, widest=widest, gated=True
        )

    def forward(self, portrait_BCHW: Tensor, states_BTM: Tensor) -> Tensor:
        """Frames (B, T, 3, H, W) in [-1, 1]."""
        *features, last_BCHW = self._encoded(portrait_BCHW)
        frames_BTCHW: Tensor = self.painter(self.looks(last_BCHW), states_BTM, features[::-1])
        return frames_BTCHW

    def content(self, x_BCHW: Tensor) -> Tensor:
        """The looks of a picture, (B, Z)."""
        looks_BZ: Tensor = self.looks(self._encoded(x_BCHW)[-1])
        return looks_BZ

    def _encoded(self, x_BCHW: Tensor) -> list[Tensor]:
        """Features at every size, the smallest last."""
        features = []
        for layer in self.encoder:
            x_BCHW = layer(x_BCHW)
            features.append(x_BCHW)
        return features


class _Gate(nn.Module):
    """Features of one picture join those of its frames, at every place as far as both let them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.drawn = nn.Conv2d(channels, channels, 1)
        self.seen = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, h_NCHW: Tensor, seen_BCHW: Tensor) -> Tensor:
        B = len(seen_BCHW)
        drawn_BTCHW = self.drawn(h_NCHW).unflatten(0, (B, -1))
        gate_BTCHW = (drawn_BTCHW + self.seen(seen_BCHW)[:, None]).sigmoid()
        return h_NCHW + (gate_BTCHW * seen_BCHW[:, None]).flatten(0, 1)
