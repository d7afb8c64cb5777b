"""A watercolour of a photo without learning: thin paint on white paper, and a soft pencil.

Washes are light because the paper shines through; pigment gathers where a wash ends and in the
grain of the paper (the effects of Bousseau et al. 2006).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.plugins.translation.drawing.abstractions.cartoon import outlines
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

LIMIT = 0.2  # chroma that no wash exceeds


def watercolour(photo: Tensor) -> Tensor:
    """Paints a photo in washes.

    Args:
        photo: (B, 3, H, W) sRGB in [0, 1].

    Returns:
        (B, 3, H, W) sRGB in [0, 1], the same for the same photo.
    """
    weights = photo.new_tensor([1.0, CHROMA_WEIGHT, CHROMA_WEIGHT]).view(1, 3, 1, 1)
    lab = rgb_to_oklab(photo)
    areas = rolling_guidance(lab * weights, scale=1.5, sigma=0.045, rounds=2)
    areas = flatten(mean_shift(areas, sigma=0.04, rounds=2), strength=0.003)
    lightness, colour = (gaussian_blur(areas, 1.2) / weights).split((1, 2), dim=1)
    gathered = wash_borders(areas[:, :1])
    lightness = 1 - 0.8 * (1 - lightness).clamp_min(0) ** 1.15  # the paper shines through
    lightness = lightness - 0.1 * gathered + 0.02 * grain(lab[:, :1]) + 0.25 * shade(lab[:, :1])
    washed = torch.cat([lightness.clamp(0, 0.985), dilute(colour) * (1 + 0.3 * gathered)], dim=1)
    pencil = washed * washed.new_tensor([0.45, 0.6, 0.6]).view(1, 3, 1, 1)
    return oklab_to_rgb(torch.lerp(washed, pencil, 0.75 * outlines(areas))).clamp(0, 1)


def wash_borders(lightness: Tensor) -> Tensor:
    """Where pigment gathers, (B, 1, H, W) in [0, 1]: at the borders of areas."""
    soft = gaussian_blur(lightness, 1.0)
    wide = F.pad(soft, (1, 1, 1, 1), mode="replicate")
    across = wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]
    down = wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]
    return torch.tanh(8 * (across.square() + down.square()).sqrt())


def grain(lightness: Tensor) -> Tensor:
    """The photo's finest texture, evened out, as the grain of paper; in [-1, 1]."""
    fine = lightness - gaussian_blur(lightness, 3.0)
    fine = fine / (gaussian_blur(fine.square(), 8.0).sqrt() + 0.01)
    return torch.tanh(gaussian_blur(fine, 0.8))


def shade(lightness: Tensor) -> Tensor:
    """Soft light and shade, wider than an edge and narrower than a hill."""
    return gaussian_blur(lightness - gaussian_blur(lightness, 25.0), 6.0)


def dilute(colour: Tensor) -> Tensor:
    """OKLab's a and b, clear where there is colour, the faint tints of greys left alone."""
    chroma = colour.norm(dim=1, keepdim=True) + 1e-6
    return colour / chroma * (LIMIT * torch.tanh(2.2 * chroma**2 / (chroma + 0.01) / LIMIT))
