"""What can be wrong with a picture, and what mends it without learning: the baselines.

A degradation maps a picture (3, H, W) in [-1, 1] to what a generator is given instead. Chance comes
from torch's global generator, which the loader seeds for every sample.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from multigan.data.transforms import to_float, to_uint8
from multigan.plugins.translation.restoration import lab

SETTLE = 8  # rounds of averaging at each size of the diffusion fill


def shrink(picture_CHW: Tensor, scale: int) -> Tensor:
    """Bicubic and antialiased to 1/scale of the size, with the 256 levels of a file."""
    height, width = picture_CHW.shape[-2:]
    size = (height // scale, width // scale)
    small = F.interpolate(picture_CHW[None], size, mode="bicubic", antialias=True)[0]
    return to_float(to_uint8(small))


def punch(picture_CHW: Tensor) -> Tensor:
    """Holes along random strokes, filled by diffusion; (4, H, W), the last channel 1 in holes."""
    height, width = picture_CHW.shape[-2:]
    return fill_holes(picture_CHW, free_form_mask(height, width))


def fade(picture_CHW: Tensor) -> Tensor:
    """Grey of the same lightness, with the 256 levels of a file."""
    return to_float(to_uint8(2 * lab.grey((picture_CHW[None] + 1) / 2)[0] - 1))


def free_form_mask(height: int, width: int) -> Tensor:
    """Brush strokes of random length, width and bend (Yu et al. 2019); (1, H, W), 1 in holes.

    One to four strokes of up to eight pieces, 1/24 to 1/8 of the shorter side wide.
    """
    side = min(height, width)
    canvas = Image.new("L", (width, height))
    draw = ImageDraw.Draw(canvas)
    for _ in range(1 + _integer(4)):
        x, y = _uniform(0, width), _uniform(0, height)
        heading, brush = _uniform(0, 2 * math.pi), _uniform(side / 24, side / 8)
        for _ in range(1 + _integer(8)):
            heading += _uniform(-1.2, 1.2)
            length = _uniform(side / 16, side / 4)
            end = (x + length * math.cos(heading), y + length * math.sin(heading))
            draw.line((x, y, *end), fill=255, width=max(1, round(brush)))
            for px, py in ((x, y), end):  # round joints and ends
                r = brush / 2
                draw.ellipse((px - r, py - r, px + r, py + r), fill=255)
            x, y = end
    return torch.from_numpy(np.array(canvas) > 0)[None].float()


def fill_holes(picture_CHW: Tensor, hole_1HW: Tensor) -> Tensor:
    """Lets the colours around each hole diffuse into it; known pixels are left as they are.

    Nearly the harmonic function with these borders: the picture is halved until nothing is missing,
    and on the way back each hole is filled from below and averaged a few times.

    Args:
        picture_CHW: in [-1, 1]; what it holds in holes does not matter.
        hole_1HW: 1 in holes, else 0.

    Returns:
        (C + 1, H, W): the filled picture, and the holes.
    """
    known_11HW = 1 - hole_1HW[None]
    filled_1CHW = _diffused(picture_CHW[None] * known_11HW, known_11HW)
    return torch.cat([filled_1CHW[0], hole_1HW])


def _diffused(x_BCHW: Tensor, known_B1HW: Tensor) -> Tensor:
    """`x` is zero where `known` is."""
    height, width = x_BCHW.shape[-2:]
    if bool((known_B1HW > 0).all()) or height == width == 1:
        return x_BCHW
    odd = (0, width % 2, 0, height % 2)  # an unknown row or column completes the last pair
    weight = F.avg_pool2d(F.pad(known_B1HW, odd), 2)
    coarse = F.avg_pool2d(F.pad(x_BCHW, odd), 2) / weight.clamp_min(1e-9)
    below = _diffused(coarse, (weight > 0).float())
    filled = F.interpolate(below, scale_factor=2, mode="bilinear")[..., :height, :width]
    for _ in range(SETTLE):
        filled = torch.where(known_B1HW > 0, x_BCHW, filled)
        edge = F.pad(filled, (1, 1, 1, 1), mode="replicate")
        filled = (edge[..., 1:-1, 2:] + edge[..., 1:-1, :-2]) / 4
        filled = filled + (edge[..., 2:, 1:-1] + edge[..., :-2, 1:-1]) / 4
    return torch.where(known_B1HW > 0, x_BCHW, filled)


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def _integer(high: int) -> int:
    return int(torch.randint(high, ()))
