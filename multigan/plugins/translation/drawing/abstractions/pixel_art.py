"""Pixel art of a small photo without learning: few tones, and outlines of one pixel.

For photos of about a hundred pixels, each of which becomes a block of the result. The palette is
not made here: it belongs to a whole picture, and a generator sees only a part of one.
"""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.translation.drawing.abstractions.cartoon import enliven, step_lightness
from multigan.plugins.translation.drawing.abstractions.lines import edge_response, edge_tangents
from multigan.plugins.translation.drawing.abstractions.oklab import (
    CHROMA_WEIGHT,
    oklab_to_rgb,
    rgb_to_oklab,
)
from multigan.plugins.translation.drawing.abstractions.smoothing import (
    flatten,
    gaussian_blur,
    mean_shift,
    rolling_guidance,
)


def pixel_art(photo: Tensor) -> Tensor:
    """Draws a photo, pixel for pixel.

    Args:
        photo: (B, 3, H, W) sRGB in [0, 1].

    Returns:
        (B, 3, H, W) sRGB in [0, 1], the same for the same photo.
    """
    weights = photo.new_tensor([1.0, CHROMA_WEIGHT, CHROMA_WEIGHT]).view(1, 3, 1, 1)
    areas = rolling_guidance(rgb_to_oklab(photo) * weights, scale=0.6, sigma=0.04, rounds=2)
    areas = flatten(mean_shift(areas, sigma=0.03, rounds=1), strength=0.003)
    paint = enliven(step_lightness(areas / weights, step=0.12))
    pen = paint * paint.new_tensor([0.35, 0.5, 0.5]).view(1, 3, 1, 1)
    drawn = oklab_to_rgb(torch.lerp(paint, pen, thin_outlines(areas)))
    return (drawn + 0.4 * (drawn - gaussian_blur(drawn, 1.0))).clamp(0, 1)


def thin_outlines(lab: Tensor) -> Tensor:
    """How dark the line on each pixel is, (B, 1, H, W) in [0, 1]; see `cartoon.outlines`."""
    tangents = edge_tangents(gaussian_blur(lab, 0.6), smoothness=1.0)
    response = edge_response(lab, tangents=tangents, width=0.6, length=1.5)
    darkness = response[:, :1] - 0.3 * response[:, 1:].abs().sum(1, keepdim=True)
    return torch.tanh(60 * (-darkness - 0.006).clamp_min(0))
