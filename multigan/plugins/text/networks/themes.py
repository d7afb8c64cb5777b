"""What a sentence is to be about: a noise vector, a label, both or neither.

Shape suffixes: B sentences, L positions, E embedding, Z latents, C = Z + number of labels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def make_theme(latents_BZ: Tensor, labels_B: Tensor | None = None, *, labels: int = 0) -> Tensor:
    """Themes (B, C): noise, and the label as a one-hot row.

    Args:
        latents_BZ: standard normal numbers; (B, 0) where there are none.
        labels_B: numbers of labels, where there are labels.
        labels: how many different ones there are.
    """
    if labels == 0:
        return latents_BZ
    assert labels_B is not None, "a generator with labels needs one for each sentence"
    return torch.cat([latents_BZ, F.one_hot(labels_B, labels).to(latents_BZ.dtype)], dim=1)


def with_theme(x_BLE: Tensor, theme_BC: Tensor) -> Tensor:
    """Words (B, L, E) with the theme beside each: (B, L, E + C)."""
    if theme_BC.shape[1] == 0:
        return x_BLE
    theme_BLC = theme_BC[:, None].expand(-1, x_BLE.shape[1], -1).to(x_BLE.dtype)
    return torch.cat([x_BLE, theme_BLC], dim=2)
