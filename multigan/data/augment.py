"""Augmentation that gradients flow through, the same for real and generated pictures.

DiffAugment, Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS
2020, https://arxiv.org/abs/2006.10738, section 4: colour, translation by up to 1/8 and a cutout of
half the side. Each function takes its random numbers as an argument and is therefore a plain
function; a discriminator must never see a picture, real or fake, that did not pass through here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

POLICIES = ("colour", "translation", "cutout")


class Noise(Protocol):
    """The source of random numbers that a training step hands to its losses."""

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1)."""
        ...


def diff_augment(x_BCHW: Tensor, noise: Noise, *, policy: Sequence[str] = POLICIES) -> Tensor:
    """Augment a batch of pictures, each in its own way.

    Args:
        x_BCHW: pictures in [-1, 1]; what leaves that range through colour is not clamped.
        noise: draws the random numbers; seven a picture.
        policy: which of "colour", "translation" and "cutout", applied in that order.

    Returns:
        Pictures of the same shape.

    Raises:
        ValueError: an unknown policy.
    """
    # All seven are drawn whatever the policy, so that changing it does not change later draws.
    return _augmented(x_BCHW, noise.uniform(len(x_BCHW), 7), policy)


def diff_augment_clips(
    x_BTCHW: Tensor, noise: Noise, *, policy: Sequence[str] = POLICIES
) -> Tensor:
    """Augment a batch of clips, each in its own way, but all frames of a clip alike.

    Drawn for every frame anew, the augmentation would be a motion of its own.

    Args:
        x_BTCHW: clips in [-1, 1].
        noise: draws the random numbers; seven a clip.
        policy: as in `diff_augment`.

    Returns:
        Clips of the same shape.

    Raises:
        ValueError: an unknown policy.
    """
    B, T = x_BTCHW.shape[:2]
    u_N7 = noise.uniform(B, 7).repeat_interleave(T, dim=0)
    return _augmented(x_BTCHW.flatten(0, 1), u_N7, policy).unflatten(0, (B, T))


def colour(x_BCHW: Tensor, u_B3: Tensor) -> Tensor:
    """Vary brightness by +-0.5, saturation by a factor of 0 to 2, contrast by one of 0.5 to 1.5.

    Args:
        x_BCHW: pictures.
        u_B3: numbers in [0, 1) for brightness, saturation and contrast.
    """
    brightness, saturation, contrast = u_B3.to(x_BCHW.dtype).T[:, :, None, None, None]
    x_BCHW = x_BCHW + (brightness - 0.5)
    grey = x_BCHW.mean(1, keepdim=True)
    x_BCHW = (x_BCHW - grey) * (2.0 * saturation) + grey
    mean = x_BCHW.mean((1, 2, 3), keepdim=True)
    return (x_BCHW - mean) * (contrast + 0.5) + mean


def translation(x_BCHW: Tensor, u_B2: Tensor, *, ratio: float = 0.125) -> Tensor:
    """Shift by whole pixels, up to `ratio` of the side, zeros coming in.

    Args:
        x_BCHW: pictures.
        u_B2: numbers in [0, 1) for down and right; 0.5 does not shift.
        ratio: longest shift as a share of the side.
    """
    batch, _, height, width = x_BCHW.shape
    down, right = (
        _whole(u_B2[:, 0], int(height * ratio + 0.5)),
        _whole(u_B2[:, 1], int(width * ratio + 0.5)),
    )
    rows = torch.arange(height, device=x_BCHW.device) - down[:, None]
    columns = torch.arange(width, device=x_BCHW.device) - right[:, None]
    # A border of zeros, one pixel wide, is what everything outside the picture reads.
    padded = functional.pad(x_BCHW, (1, 1, 1, 1)).permute(0, 2, 3, 1)
    rows = (rows + 1).clamp(0, height + 1)[:, :, None]
    columns = (columns + 1).clamp(0, width + 1)[:, None, :]
    which = torch.arange(batch, device=x_BCHW.device)[:, None, None]
    return padded[which, rows, columns].permute(0, 3, 1, 2)


def cutout(x_BCHW: Tensor, u_B2: Tensor, *, ratio: float = 0.5) -> Tensor:
    """Set a rectangle to zero, `ratio` of the side, anywhere, also partly outside.

    Args:
        x_BCHW: pictures.
        u_B2: numbers in [0, 1) for the place of its centre, from top and from left.
        ratio: its side as a share of the picture's.
    """
    height, width = x_BCHW.shape[-2:]
    keep = []
    for size, u in ((height, u_B2[:, 0]), (width, u_B2[:, 1])):
        side = int(size * ratio + 0.5)
        start = torch.floor(u * (size + 1 - side % 2)) - side // 2
        place = torch.arange(size, device=x_BCHW.device) - start[:, None]
        keep.append((place < 0) | (place >= side))
    outside = keep[0][:, :, None] | keep[1][:, None, :]
    return x_BCHW * outside[:, None].to(x_BCHW.dtype)


def _augmented(x_BCHW: Tensor, u_B7: Tensor, policy: Sequence[str]) -> Tensor:
    """A policy with its numbers drawn."""
    unknown = set(policy) - set(POLICIES)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ValueError(f"unknown policy {names}; choose from: {', '.join(POLICIES)}")
    if "colour" in policy:
        x_BCHW = colour(x_BCHW, u_B7[:, 0:3])
    if "translation" in policy:
        x_BCHW = translation(x_BCHW, u_B7[:, 3:5])
    if "cutout" in policy:
        x_BCHW = cutout(x_BCHW, u_B7[:, 5:7])
    return x_BCHW


def _whole(u_B: Tensor, most: int) -> Tensor:
    """Numbers in [0, 1) -> whole numbers from -most to most, all equally likely."""
    return torch.floor(u_B * (2 * most + 1)).long() - most
