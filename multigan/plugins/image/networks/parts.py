"""What the families of networks share: sizes and labels.

Shape suffixes: B pictures, C channels, H and W pixels, Z latents, F features, K classes.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GeneratorLabels = Literal["none", "concatenate", "batch-norm"]
DiscriminatorLabels = Literal["none", "concatenate", "projection", "classifier"]

LARGEST_BASE = 7  # pixels; what is left after halving a side as often as it can be


def pyramid(size: int) -> tuple[int, int]:
    """A side as base * 2**doublings with a base of 4 to 7: 64 is (4, 4), 28 is (7, 2).

    Raises:
        ValueError: the side is no such number, or smaller than 8.
    """
    base, doublings = size, 0
    while base > LARGEST_BASE and base % 2 == 0:
        base, doublings = base // 2, doublings + 1
    if not 4 <= base <= LARGEST_BASE or doublings == 0:
        raise ValueError(f"size {size} is not 4, 5, 6 or 7 times a power of two; try 32, 64 or 128")
    return base, doublings


class BatchNorm(nn.Module):
    """Batch normalisation; with classes, each one has a scale and shift of its own (Dumoulin 2017).

    Args:
        width: channels.
        classes: 0 makes it the plain one.
    """

    def __init__(self, width: int, classes: int = 0) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(width, affine=classes == 0)
        self.scale = nn.Embedding(classes, width) if classes else None
        self.shift = nn.Embedding(classes, width) if classes else None
        if self.scale is not None and self.shift is not None:
            nn.init.ones_(self.scale.weight)
            nn.init.zeros_(self.shift.weight)

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Normalises each channel over the batch; labels are numbers, or shares of the classes."""
        h_BCHW = self.normalise(x_BCHW)
        if self.scale is None or self.shift is None:
            return h_BCHW
        if labels_B is not None and labels_B.is_floating_point():
            scale_BC, shift_BC = labels_B @ self.scale.weight, labels_B @ self.shift.weight
        else:
            scale_BC, shift_BC = self.scale(labels_B), self.shift(labels_B)
        return h_BCHW * scale_BC[:, :, None, None] + shift_BC[:, :, None, None]


class MinibatchDeviation(nn.Module):
    """One more channel: how much the pictures of a group differ (Karras et al. 2018, section 3).

    A generator that collapses gives itself away by it. Groups are neighbours in the batch, so real
    and generated pictures judged in one batch do not mix.

    Args:
        group: pictures in a group; smaller where the batch is not divisible by it.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C + 1, H, W)."""
        B, C, H, W = x_BCHW.shape
        group = next(size for size in range(min(self.group, B), 0, -1) if B % size == 0)
        grouped = x_BCHW.float().reshape(B // group, group, C, H, W)
        variance = grouped.var(dim=1, correction=0)
        # The epsilon keeps the slope of the root finite where all pictures are alike.
        mean_N = (variance + 1e-8).sqrt().mean(dim=(1, 2, 3))
        plane_B1HW = mean_N.repeat_interleave(group).view(B, 1, 1, 1).expand(B, 1, H, W)
        return torch.cat([x_BCHW, plane_B1HW.to(x_BCHW.dtype)], dim=1)


def with_labels(latents_BZ: Tensor, labels_B: Tensor | None, classes: int) -> Tensor:
    """Latents with the label as K further numbers (cGAN, Mirza and Osindero 2014).

    The one that is not 0 is sqrt(K), so that each has the mean square 1 of a latent: as a 1 among a
    hundred latents, the label would hardly be heard. Shares of the classes (B, K) stand for
    something between them.
    """
    if not classes or labels_B is None:
        return latents_BZ
    shares_BK = labels_B if labels_B.is_floating_point() else F.one_hot(labels_B, classes)
    return torch.cat([latents_BZ, math.sqrt(classes) * shares_BK.to(latents_BZ.dtype)], dim=1)


def with_label_planes(x_BCHW: Tensor, labels_B: Tensor | None, classes: int) -> Tensor:
    """Pictures with the label as K further channels, one of them all ones."""
    if not classes or labels_B is None:
        return x_BCHW
    one_hot_BK11 = F.one_hot(labels_B, classes).to(x_BCHW.dtype)[:, :, None, None]
    planes_BKHW = one_hot_BK11.expand(-1, -1, *x_BCHW.shape[2:])
    return torch.cat([x_BCHW, planes_BKHW], dim=1)


def drawn_weight(module: nn.Module) -> Tensor:
    """The tensor to initialise: under spectral norm the weight itself is computed from another."""
    drawn = getattr(getattr(module, "parametrizations", None), "weight", None)
    return module.weight if drawn is None else drawn.original  # type: ignore[return-value]
