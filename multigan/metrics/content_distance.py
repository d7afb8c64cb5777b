"""Average content distance: does a clip show the same thing from its first frame to its last?

MoCoGAN (Tulyakov et al. 2018, section 4) averages, over all pairs of frames of a clip, the distance
of a feature that is to stay: the mean colour of a shape, or a face's embedding. The value says
nothing without the feature and without that of real clips; a still picture has 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 4  # of each colour channel


def content_distance(features_BTD: Tensor) -> Tensor:
    """The mean distance of two different frames of a clip.

    Args:
        features_BTD: what is to stay, for each frame; two frames at least.

    Returns:
        (B,): Euclidean distances, averaged over the pairs.

    Raises:
        ValueError: fewer than two frames, or not (B, T, D).
    """
    if features_BTD.dim() != 3 or features_BTD.shape[1] < 2:
        raise ValueError(f"features must be (B, T >= 2, D), not {tuple(features_BTD.shape)}")
    T = features_BTD.shape[1]
    # Not torch.cdist's matrix product, whose rounding makes equal frames differ.
    apart_BTTD = features_BTD[:, :, None] - features_BTD[:, None]
    return apart_BTTD.norm(dim=3).sum((1, 2)) / (T * (T - 1))


def colour_shares(x_BTCHW: Tensor) -> Tensor:
    """The share of each of 64 colours in each frame: what clothes and hair are, and not poses.

    Args:
        x_BTCHW: three channels in [0, 1].

    Returns:
        (B, T, 64), rows sum to 1.
    """
    level_BTCHW = (x_BTCHW * BINS).long().clamp(0, BINS - 1)
    place = torch.tensor([BINS * BINS, BINS, 1], device=x_BTCHW.device)[:, None, None]
    bin_BTN = (level_BTCHW * place).sum(2).flatten(2)
    shares = torch.zeros(*bin_BTN.shape[:2], BINS**3, device=x_BTCHW.device)
    return (
        shares.scatter_add_(2, bin_BTN, torch.ones_like(bin_BTN, dtype=shares.dtype))
        / (bin_BTN.shape[2])
    )
