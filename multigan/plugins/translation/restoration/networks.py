"""Generators that restore pictures. Each begins as what needs no learning and learns the rest.

The last layer starts at zero, so that the first output is bicubic enlargement, the diffusion fill
or the grey picture: training can only move away from the baseline that the scores name.

Pictures are RGB in [-1, 1]. Shape suffixes: B pictures, C channels, H and W pixels (h and w before
enlargement). None of them has statistics over the picture, so that a large one can be computed tile
by tile; ``reach`` says how many pixels of the input an output pixel sees to each side.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.translation.networks import CompactGenerator
from multigan.plugins.translation.restoration.lab import lab_to_rgb, lightness

FULL_WIDTH = 8  # channels at the large size, where every one costs scale^2 times as much
MAX_DILATION = 8  # what fills a hole, or says that this is sky, is further away than an edge


class Enlarger(Network):
    """Super-resolution: residual blocks at the small size, one pixel shuffle to the large one.

    The sub-pixel convolution of ESPCN (Shi et al. 2016) behind the body of EDSR (Lim et al. 2017),
    which has no batch normalisation. Its phases start equal (Aitken et al. 2017), and a convolution
    at the large size joins them: painted by the shuffle itself, a game leaves a grid of `scale`
    pixels on everything.

    Args:
        scale: how many times larger the result is.
        width: channels.
        blocks: residual blocks of two 3x3 convolutions.
    """

    def __init__(self, *, scale: int = 4, width: int = 48, blocks: int = 8) -> None:
        super().__init__()
        self.scale = scale
        self.first = _conv(3, width)
        self.blocks = nn.Sequential(*[_Block(width) for _ in range(blocks)])
        self.phases = _conv(width, FULL_WIDTH * scale**2)
        with torch.no_grad():
            equal = self.phases.weight[:: scale**2].repeat_interleave(scale**2, dim=0)
            self.phases.weight.copy_(equal)
        self.paint = _conv(FULL_WIDTH, 3)
        _silence(self.paint)
        self.reach = 2 * blocks + 3

    def forward(self, x_BChw: Tensor) -> Tensor:
        """Pictures of any size to pictures `scale` times as large."""
        h_BChw = F.relu(self.first(x_BChw))
        h_BChw = h_BChw + self.blocks(h_BChw)
        h_BCHW = F.relu(F.pixel_shuffle(self.phases(h_BChw), self.scale))
        return enlarge(x_BChw, self.scale) + self.paint(h_BCHW).float()


class Inpainter(Network):
    """Inpainting: takes a picture whose holes are filled somehow, and the holes; mends the filling.

    Args:
        width: channels at a quarter of the size.
        blocks: residual blocks, dilated (Iizuka et al. 2017).
    """

    def __init__(self, *, width: int = 48, blocks: int = 8) -> None:
        super().__init__()
        self.body = CompactGenerator(
            inputs=4, width=width, blocks=blocks, max_dilation=MAX_DILATION
        )
        _silence(self.body.paint)
        self.reach = self.body.reach

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, 4, H, W), RGB and 1 in holes; sides are multiples of 4. Known pixels pass through."""
        rgb_B3HW, hole_B1HW = x_BCHW[:, :3], x_BCHW[:, 3:]
        return rgb_B3HW + 2 * hole_B1HW * self.body(x_BCHW)


class Colouriser(Network):
    """Colourisation: sees the lightness alone, paints a* and b* (Zhang et al. 2016), keeps L*.

    Args:
        width: channels at a quarter of the size.
        blocks: residual blocks, dilated.
    """

    def __init__(self, *, width: int = 48, blocks: int = 8) -> None:
        super().__init__()
        self.body = CompactGenerator(
            inputs=1, channels=2, width=width, blocks=blocks, max_dilation=MAX_DILATION
        )
        _silence(self.body.paint)
        self.reach = self.body.reach

    def forward(self, x_B3HW: Tensor) -> Tensor:
        """RGB with sides that are multiples of 4; of its colours nothing is seen."""
        with torch.autocast(x_B3HW.device.type, enabled=False):
            light_B1HW = lightness(x_B3HW.float().add(1).div(2).clamp(0, 1))
        ab_B2HW = 110 * self.body(light_B1HW / 50 - 1)
        with torch.autocast(x_B3HW.device.type, enabled=False):
            return 2 * lab_to_rgb(torch.cat([light_B1HW, ab_B2HW.float()], dim=1)) - 1


def enlarge(x_BChw: Tensor, scale: int) -> Tensor:
    """Bicubic enlargement, the baseline of super-resolution."""
    # Without antialiasing, which enlarging has no use for and exporters have no name for.
    return F.interpolate(x_BChw.float(), scale_factor=scale, mode="bicubic", align_corners=False)


class _Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = _conv(width, width), _conv(width, width)
        with torch.no_grad():
            self.second.weight.mul_(0.2)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW + self.second(F.relu(self.first(x_BCHW)))


def _conv(before: int, after: int) -> nn.Conv2d:
    conv = nn.Conv2d(before, after, 3, padding=1)
    nn.init.kaiming_normal_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


def _silence(conv: nn.Conv2d) -> None:
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)  # type: ignore[arg-type]


NETWORKS = {"enlarger": Enlarger, "inpainter": Inpainter, "colouriser": Colouriser}
