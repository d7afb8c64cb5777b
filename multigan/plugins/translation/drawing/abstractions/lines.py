"""Drawn lines: dark strokes along the edges of an image, on their darker side.

Flow-based difference of Gaussians (Kang et al. 2007; Winnemöller et al. 2012): a band-pass filter
across each edge, averaged along it, so that strokes are long and smooth and single pixels draw
nothing. Vector fields are (B, 2, H, W) in pixels, x before y.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.plugins.translation.drawing.abstractions.smoothing import gaussian_blur


def edge_tangents(x: Tensor, *, smoothness: float) -> Tensor:
    """Unit vectors along the edges of an image, from its smoothed structure tensor.

    Args:
        x: (B, C, H, W); the gradients of all channels count.
        smoothness: standard deviation, in pixels, of the average over the neighbourhood.
    """
    channels = x.shape[1]
    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]]).to(x) / 8
    wide = F.pad(x, (1, 1, 1, 1), mode="replicate")
    across = F.conv2d(wide, sobel.expand(channels, 1, 3, 3), groups=channels)
    down = F.conv2d(wide, sobel.t().expand(channels, 1, 3, 3), groups=channels)
    products = [across * across, across * down, down * down]
    tensor = torch.cat([p.sum(1, keepdim=True) for p in products], dim=1)
    xx, xy, yy = gaussian_blur(tensor, smoothness).split(1, dim=1)
    gradient = 0.5 * torch.atan2(2 * xy, xx - yy)  # direction of the largest change
    return torch.cat([-gradient.sin(), gradient.cos()], dim=1)


def edge_response(x: Tensor, *, tangents: Tensor, width: float, length: float) -> Tensor:
    """Difference of Gaussians across the edges, averaged along them; negative on the darker side.

    Args:
        x: (B, C, H, W).
        tangents: (B, 2, H, W) from `edge_tangents`.
        width: standard deviation of the inner Gaussian in pixels; the outer one is 1.6 times wider.
        length: standard deviation of the average along the edge in pixels.

    Returns:
        (B, C, H, W), in the units of x.
    """
    normals = torch.stack([tangents[:, 1], -tangents[:, 0]], dim=1)
    outer = 1.6 * width
    reach = range(-math.ceil(3 * outer), math.ceil(3 * outer) + 1)
    inner_taps, outer_taps = (_taps(reach, sigma) for sigma in (width, outer))
    response = torch.zeros_like(x)
    for offset, inner_tap, outer_tap in zip(reach, inner_taps, outer_taps, strict=True):
        response += (inner_tap - outer_tap) * look(x, normals * offset)
    return average_along(response, tangents, length)


def average_along(x: Tensor, tangents: Tensor, length: float) -> Tensor:
    """Walks from every pixel both ways along the field and averages what it meets.

    Line integral convolution (Cabral and Leedom 1993) with Gaussian weights.

    Args:
        x: (B, C, H, W).
        tangents: (B, 2, H, W), unit vectors; their sign does not matter.
        length: standard deviation of the weights, in pixels.
    """
    total, weights = x.clone(), 1.0
    for sign in (1, -1):
        heading, place = tangents * sign, torch.zeros_like(tangents)
        for step in range(1, math.ceil(2 * length) + 1):
            place = place + heading
            field = look(tangents, place)
            # A tangent has no sign: go on in the direction of the last step.
            heading = torch.where((field * heading).sum(1, keepdim=True) < 0, -field, field)
            weight = math.exp(-0.5 * (step / length) ** 2)
            total += weight * look(x, place)
            weights += weight
    return total / weights


def look(x: Tensor, offset: Tensor) -> Tensor:
    """x at each pixel plus its offset (B, 2, H, W) in pixels, bilinear, border values outside."""
    height, width = x.shape[-2:]
    rows, columns = torch.meshgrid(
        torch.arange(height).to(x), torch.arange(width).to(x), indexing="ij"
    )
    grid_x = (2 * (columns + offset[:, 0]) + 1) / width - 1
    grid_y = (2 * (rows + offset[:, 1]) + 1) / height - 1
    grid = torch.stack([grid_x, grid_y], dim=-1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _taps(reach: range, sigma: float) -> list[float]:
    taps = [math.exp(-0.5 * (offset / sigma) ** 2) for offset in reach]
    return [tap / sum(taps) for tap in taps]
