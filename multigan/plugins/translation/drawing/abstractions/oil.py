"""An oil painting of a photo without learning: colour drawn out along its own contours.

Coherence-enhancing filtering (Kyprianidis and Kang 2011): colours are averaged along the edges and
sharpened across them, in turns, until they lie in strokes. What the photo has of fine texture is
drawn out in the same way and becomes the relief of the paint.
"""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.translation.drawing.abstractions.lines import (
    average_along,
    edge_tangents,
    look,
)
from multigan.plugins.translation.drawing.abstractions.oklab import (
    CHROMA_WEIGHT,
    oklab_to_rgb,
    rgb_to_oklab,
)
from multigan.plugins.translation.drawing.abstractions.smoothing import (
    gaussian_blur,
    rolling_guidance,
)

STROKE = 4.0  # standard deviation of the average along an edge, in pixels
RELIEF = 0.045  # of lightness, between the ridge of a stroke and its middle
LIMIT = 0.24  # chroma that no paint exceeds


def oil(photo: Tensor) -> Tensor:
    """Paints a photo.

    Args:
        photo: (B, 3, H, W) sRGB in [0, 1].

    Returns:
        (B, 3, H, W) sRGB in [0, 1], the same for the same photo.
    """
    weights = photo.new_tensor([1.0, CHROMA_WEIGHT, CHROMA_WEIGHT]).view(1, 3, 1, 1)
    lab = rgb_to_oklab(photo)
    paint = rolling_guidance(lab * weights, scale=1.2, sigma=0.05, rounds=2)
    for _ in range(3):
        tangents = edge_tangents(gaussian_blur(paint, 0.8), smoothness=2.5)
        paint = sharpen_across(average_along(paint, tangents, STROKE), tangents)
    lightness, colour = (paint / weights).split((1, 2), dim=1)
    lightness = lightness + RELIEF * relief(lab[:, :1], paint)
    drawn = oklab_to_rgb(torch.cat([lightness, varnish(colour)], dim=1))
    return (drawn + 0.5 * (drawn - gaussian_blur(drawn, 1.5))).clamp(0, 1)


def sharpen_across(x: Tensor, tangents: Tensor) -> Tensor:
    """Moves each pixel near an edge to the colour of its own side: a shock filter.

    Args:
        x: (B, C, H, W), the first channel is lightness.
        tangents: (B, 2, H, W), along the edges.
    """
    light = gaussian_blur(x[:, :1], 1.5)
    side = torch.tanh(150 * (light - gaussian_blur(light, 1.5)))  # above 0 on the light side
    normals = torch.stack([tangents[:, 1], -tangents[:, 0]], dim=1)
    one, other = look(x, normals), look(x, -normals)
    lighter = one[:, :1] > other[:, :1]
    target = torch.where(lighter == (side > 0), one, other)
    return torch.lerp(x, target, 0.8 * side.abs())


def relief(lightness: Tensor, paint: Tensor) -> Tensor:
    """Ridges of strokes, (B, 1, H, W) in [-1, 1], from the fine texture of the photo.

    The texture counts by its shape and not by its strength, so that skies have strokes as well.
    """
    fine = lightness - gaussian_blur(lightness, 1.5)
    fine = fine / (gaussian_blur(fine.square(), 6.0).sqrt() + 0.004)
    ridges = average_along(fine, edge_tangents(gaussian_blur(paint, 1.5), smoothness=4.0), 5.0)
    return torch.tanh(ridges / (gaussian_blur(ridges.square(), 8.0).sqrt() + 0.15))


def varnish(colour: Tensor) -> Tensor:
    """OKLab's a and b, richer and a little warmer."""
    chroma = colour.norm(dim=1, keepdim=True) + 1e-6
    richer = colour / chroma * (LIMIT * torch.tanh(1.7 * chroma / LIMIT))
    return richer + colour.new_tensor([0.004, 0.016]).view(1, 2, 1, 1)
