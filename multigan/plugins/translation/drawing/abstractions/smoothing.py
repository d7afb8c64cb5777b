"""Edge-preserving smoothing: what turns the texture of a photo into areas of one colour.

All functions work on (B, C, H, W) of any channels and measure how far two pixels differ by the
Euclidean distance over all channels, so that edges between colours of equal lightness count too.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

_SPLINE = (1 / 16, 1 / 4, 3 / 8, 1 / 4, 1 / 16)  # B3 spline, the usual a-trous kernel


def gaussian_blur(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with the given standard deviation in pixels."""
    radius, channels = max(1, math.ceil(3 * sigma)), x.shape[1]
    taps = torch.exp(-0.5 * (torch.arange(-radius, radius + 1).to(x) / sigma) ** 2)
    taps = (taps / taps.sum()).expand(channels, 1, 1, -1)
    x = F.conv2d(F.pad(x, (radius, radius, 0, 0), mode="replicate"), taps, groups=channels)
    taps = taps.transpose(2, 3)
    return F.conv2d(F.pad(x, (0, 0, radius, radius), mode="replicate"), taps, groups=channels)


def bilateral(x: Tensor, *, guide: Tensor, sigma: float, dilation: int = 1) -> Tensor:
    """Averages each pixel with those of its 5x5 neighbours that resemble it in the guide.

    The neighbours lie `dilation` pixels apart; passes with growing dilation make a wide filter of
    cheap ones (edge-avoiding a-trous wavelets, Dammertz et al. 2010).

    Args:
        x: what is averaged.
        guide: (B, C', H, W), what pixels are compared by.
        sigma: distance in the guide at which a neighbour's weight has fallen to 0.6.
        dilation: spacing of the neighbours.
    """
    height, width = x.shape[-2:]
    padding = (2 * dilation,) * 4
    wide_x = F.pad(x, padding, mode="replicate")
    wide_guide = F.pad(guide, padding, mode="replicate")
    total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
    for row, weight_row in enumerate(_SPLINE):
        for column, weight_column in enumerate(_SPLINE):
            window = (
                ...,
                slice(row * dilation, row * dilation + height),
                slice(column * dilation, column * dilation + width),
            )
            squared = (wide_guide[window] - guide).square().sum(1, keepdim=True)
            weight = weight_row * weight_column * torch.exp(squared / (-2 * sigma * sigma))
            total += weight * wide_x[window]
            weights += weight
    return total / weights


def rolling_guidance(x: Tensor, *, scale: float, sigma: float, rounds: int) -> Tensor:
    """Removes structures smaller than `scale` pixels and keeps the outlines of larger ones.

    Rolling guidance filter (Zhang et al. 2014): start from a blur, which has lost the small
    structures, then let it guide bilateral filters of the original, which bring sharp edges back.
    """
    guide = gaussian_blur(x, scale)
    for _ in range(rounds):
        smooth = x
        for dilation in (1, 2):
            smooth = bilateral(smooth, guide=guide, sigma=sigma, dilation=dilation)
        guide = smooth
    return guide


def mean_shift(x: Tensor, *, sigma: float, rounds: int) -> Tensor:
    """Bilateral filters guided by their own result: pixels gather at the colours near them."""
    for _ in range(rounds):
        for dilation in (1, 2):
            x = bilateral(x, guide=x, sigma=sigma, dilation=dilation)
    return x


def flatten(x: Tensor, *, strength: float, margin: int = 16) -> Tensor:
    """The image with as few colour changes as possible near x: L0 smoothing (Xu et al. 2011).

    Minimises ||S - x||^2 + strength * (number of pixels where S changes) by half-quadratic
    splitting; the linear step is solved exactly by FFT. Large areas become constant, edges stay
    where and as steep as they are.

    Args:
        x: the image.
        strength: the paper's lambda; larger leaves fewer areas.
        margin: replicated pixels around the image; they keep the FFT's periodic border away.
    """
    height, width = x.shape[-2:]
    # Sizes with large prime factors make slow transforms.
    right, below = margin + -(width + 2 * margin) % 16, margin + -(height + 2 * margin) % 16
    x = F.pad(x, (margin, right, margin, below), mode="replicate")
    size = x.shape[-2:]
    across, down = torch.zeros(size).to(x), torch.zeros(size).to(x)
    across[0, 0], across[0, -1] = -1, 1
    down[0, 0], down[-1, 0] = -1, 1
    laplacian = torch.fft.rfft2(across).abs().square() + torch.fft.rfft2(down).abs().square()
    spectrum, smooth, beta = torch.fft.rfft2(x), x, 2 * strength
    while beta < 1e3:
        step_x, step_y = smooth.roll(-1, -1) - smooth, smooth.roll(-1, -2) - smooth
        small = (step_x.square() + step_y.square()).sum(1, keepdim=True) < strength / beta
        step_x, step_y = step_x.masked_fill(small, 0), step_y.masked_fill(small, 0)
        divergence = step_x.roll(1, -1) - step_x + step_y.roll(1, -2) - step_y
        solved = (spectrum + beta * torch.fft.rfft2(divergence)) / (1 + beta * laplacian)
        smooth, beta = torch.fft.irfft2(solved, s=size), 2 * beta
    return smooth[..., margin : margin + height, margin : margin + width]
