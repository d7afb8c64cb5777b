"""A cartoon of a photo without learning: flat areas, livelier colours, drawn outlines.

It costs about two seconds a megapixel, sees the whole photo and follows noise too literally: a
network that has learnt it is many times faster and draws more calmly. Everything here is
exaggerated a little, because regression softens lines and colours.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

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


def cartoon(photo: Tensor) -> Tensor:
    """Draws a photo.

    Args:
        photo: (B, 3, H, W) sRGB in [0, 1]. Detail is measured in pixels: a larger version of the
            same photo is drawn with finer strokes.

    Returns:
        (B, 3, H, W) sRGB in [0, 1], the same for the same photo.
    """
    weights = photo.new_tensor([1.0, CHROMA_WEIGHT, CHROMA_WEIGHT]).view(1, 3, 1, 1)
    areas = flat_areas(rgb_to_oklab(photo) * weights)
    ink = outlines(areas)
    paint = enliven(step_lightness(areas / weights))
    # Lines take the colour of what they surround, much darker: softer than black, as drawn ones.
    pen = paint * paint.new_tensor([0.25, 0.35, 0.35]).view(1, 3, 1, 1)
    return finish(oklab_to_rgb(torch.lerp(paint, pen, ink)))


def flat_areas(lab: Tensor) -> Tensor:
    """Merges texture and shading into areas of one colour with sharp borders."""
    smooth = rolling_guidance(lab, scale=1.0, sigma=0.03, rounds=2)
    return flatten(mean_shift(smooth, sigma=0.03, rounds=2), strength=0.004)


def outlines(lab: Tensor) -> Tensor:
    """How much ink lies on each pixel, (B, 1, H, W) in [0, 1].

    Dark sides of lightness edges get lines; edges of colour alone get them too, at a third of the
    weight. Responses below a threshold, which are what is left of texture, draw nothing.
    """
    tangents = edge_tangents(gaussian_blur(lab, 0.8), smoothness=1.8)
    response = edge_response(lab, tangents=tangents, width=1.1, length=4.0)
    darkness = response[:, :1] - 0.3 * response[:, 1:].abs().sum(1, keepdim=True)
    return torch.tanh(80 * (-darkness - 0.004).clamp_min(0))


def step_lightness(lab: Tensor, *, step: float = 0.16) -> Tensor:
    """Pulls lightness towards a few levels, as painted light and shade; borders stay soft."""
    lightness, colour = lab.split((1, 2), dim=1)
    place = lightness / step
    level = place.floor() + 0.5
    stepped = step * (level + torch.tanh(6 * (place - level)) / (2 * math.tanh(3)))
    return torch.cat([torch.lerp(lightness, stepped, 0.7), colour], dim=1)


def finish(drawn: Tensor) -> Tensor:
    """More light, more contrast, crisper edges: prints are made with a firm hand."""
    lightness, colour = rgb_to_oklab(drawn).split((1, 2), dim=1)
    lightness = 0.605 + 1.15 * (lightness - 0.55)
    # Highlights bend instead of burning out, so that a pale sky keeps its colour.
    bright = 0.8 + 0.19 * torch.tanh((lightness - 0.8) / 0.19)
    lightness = torch.where(lightness > 0.8, bright, lightness)
    drawn = oklab_to_rgb(torch.cat([lightness, colour], dim=1))
    return (drawn + 0.8 * (drawn - gaussian_blur(drawn, 1.5))).clamp(0, 1)


def enliven(lab: Tensor) -> Tensor:
    """Lifts the middle tones and multiplies colourfulness; greys stay grey, colours in gamut."""
    lightness, colour = lab.split((1, 2), dim=1)
    lightness = lightness.clamp(0, 1)
    lightness = lightness + 0.55 * lightness * (1 - lightness) * (1 - 0.3 * lightness)
    lightness = 0.05 + 0.95 * lightness
    chroma = colour.norm(dim=1, keepdim=True) + 1e-6
    limit = 0.26
    # The second factor leaves the faint tints of clouds and walls alone.
    livelier = limit * torch.tanh(2.5 * chroma * chroma / (chroma + 0.006) / limit)
    return torch.cat([lightness, colour * livelier / chroma], dim=1)
