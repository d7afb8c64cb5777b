"""A generator that takes a photo, gives it the palette of a style, and adds the strokes.

Layers as in Johnson et al. (2016) with instance norm (Ulyanov et al. 2016). Theirs has to learn to
copy a photo before it can paint it. This one adds to the photo instead, so that it begins with the
photo in other colours and needs hundreds of steps where theirs needs tens of thousands.

Shape suffixes: B pictures, C channels, H and W pixels. Pictures are RGB in [-1, 1].
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.translation.stylize.colours import FAINTEST, palette

# Rows: lightness, red to blue, green to purple. In these the colours of most photos are hardly
# correlated (Ohta et al. 1980), so that a norm for each channel is enough.
OPPONENTS = (
    (1 / math.sqrt(3), 1 / math.sqrt(3), 1 / math.sqrt(3)),
    (1 / math.sqrt(2), 0.0, -1 / math.sqrt(2)),
    (1 / math.sqrt(6), -2 / math.sqrt(6), 1 / math.sqrt(6)),
)


class StyleGenerator(Network):
    """Two halvings, residual blocks, two doublings; beside them only the colours pass.

    Args:
        width: Channels of the first layer.
        blocks: Residual blocks at a quarter of the size.
    """

    opponents: Tensor

    def __init__(self, *, width: int = 16, blocks: int = 5) -> None:
        super().__init__()
        self.register_buffer("opponents", torch.tensor(OPPONENTS), persistent=False)
        self.palette = nn.Conv2d(3, 3, 1)
        self.down = nn.Sequential(
            _conv(3, width, kernel=7),
            _conv(width, 2 * width, stride=2),
            _conv(2 * width, 4 * width, stride=2),
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(_conv(4 * width, 4 * width), _conv(4 * width, 4 * width, act=False))
            for _ in range(blocks)
        )
        # Nearest neighbours before a convolution cannot draw checkerboards (Odena et al. 2016).
        self.up = nn.Sequential(
            nn.Upsample(scale_factor=2),
            _conv(4 * width, 2 * width),
            nn.Upsample(scale_factor=2),
            _conv(2 * width, width),
        )
        self.strokes = nn.Conv2d(width, 3, 3, padding=1, padding_mode="reflect")
        for parameter in self.strokes.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Paints photos whose sides are multiples of 4; not cut off at [-1, 1]."""
        h_BCHW = self.down(x_BCHW)
        for block in self.blocks:
            h_BCHW = h_BCHW + block(h_BCHW)
        return self.recoloured(x_BCHW) + self.strokes(self.up(h_BCHW)).float()

    def recoloured(self, x_BCHW: Tensor) -> Tensor:
        """Photos in the palette: `colours.recoloured` up to a remaining correlation."""
        opponents = self.opponents[:, :, None, None]
        # The floor keeps what little colour a grey photo has from being stretched.
        even_BCHW = F.instance_norm(F.conv2d(x_BCHW.float(), opponents), eps=FAINTEST**2)
        return self.palette(F.conv2d(even_BCHW, opponents.transpose(0, 1))).float()

    @torch.no_grad()
    def take_palette(self, style_1CHW: Tensor) -> None:
        """Begins with the mean and covariance of a style's colours."""
        mean, spread = palette(style_1CHW)
        self.palette.weight.copy_(spread[:, :, None, None])
        self.palette.bias.copy_(mean)  # type: ignore[union-attr]


def _conv(
    before: int, after: int, *, kernel: int = 3, stride: int = 1, act: bool = True
) -> nn.Sequential:
    conv = nn.Conv2d(
        before, after, kernel, stride, padding=kernel // 2, padding_mode="reflect", bias=False
    )
    norm = nn.InstanceNorm2d(after, affine=True)
    return nn.Sequential(conv, norm, nn.ReLU()) if act else nn.Sequential(conv, norm)
