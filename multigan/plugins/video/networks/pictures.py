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
        channels: of the picture.
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
        channels: int = 3,
    ) -> None:
        super().__init__()
        levels = widths(size, width=width, widest=widest)
        # Without biases: batch normalisation would take them away again.
        self.stem = nn.Linear(content + motion, levels[0] * BASE**2, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(each) for each in levels)
        self.doublings = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False)
            for before, after in pairwise(levels)
        )
        self.paint = nn.ConvTranspose2d(levels[-1], channels, 4, 2, 1)
        self.gates = nn.ModuleList(_Gate(each) for each in levels[1:] if gated)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)

    def forward(
        self, content_BZ: Tensor, states_BTM: Tensor, features: Sequence[Tensor] = ()
    ) -> Tensor:
        """Frames (B, T, C, H, W) in [-1, 1].

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

    The portrait reaches the frame in three ways. Its looks, one vector for the whole picture, are
    the content of a `ContentPainter`, which can show what stands elsewhere in the portrait or not
    at all. The encoder's features join the painter's at 8 pixels and up. And the painter may leave
    places as they are, by a mask of its own (Pumarola et al. 2018): what did not move keeps its
    pixels. The portrait is encoded once for all frames of a clip.

    Batch normalisation carries the learning. A fresh encoder says nearly the same of all pictures,
    and the painter learns to do without it: with the little differences brought to variance 1, it
    listens from the first step on.

    Args:
        size: side of the pictures.
        motion: M.
        width: channels at half the size.
        widest: most channels anywhere.
        looks: Z, numbers of the vector.
        pictures: of the portrait: 1, or several in a row, of which the last one is painted over.
        mask: whether places may be left as they are.
    """

    def __init__(
        self,
        *,
        size: int,
        motion: int,
        width: int,
        widest: int,
        looks: int = 64,
        pictures: int = 1,
        mask: bool = True,
    ) -> None:
        super().__init__()
        sizes = widths(size, width=width, widest=widest)
        self.encoder = halvings(3 * pictures, *reversed(sizes))
        self.looks = nn.Sequential(
            nn.Flatten(),
            nn.Linear(sizes[0] * BASE**2, looks, bias=False),
            nn.BatchNorm1d(looks, affine=False),
        )
        shape = {"size": size, "motion": motion, "width": width, "widest": widest}
        self.painter = ContentPainter(content=looks, gated=True, channels=4 if mask else 3, **shape)

    def forward(self, portrait_BCHW: Tensor, states_BTM: Tensor) -> Tensor:
        """Frames (B, T, 3, H, W) in [-1, 1]."""
        *features, whole_BCHW = self._encoded(portrait_BCHW)
        painted_BTCHW = self.painter(self.looks(whole_BCHW), states_BTM, features[::-1])
        frame_BTCHW, mask_BT1HW = painted_BTCHW[:, :, :3], painted_BTCHW[:, :, 3:]
        if mask_BT1HW.shape[2]:
            # From -1, painted, to 1, left as it is.
            left_BT1HW = (1 + mask_BT1HW) / 2
            last_B1CHW = portrait_BCHW[:, None, -3:]
            frame_BTCHW = frame_BTCHW + left_BT1HW * (last_B1CHW - frame_BTCHW)
        return frame_BTCHW

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
