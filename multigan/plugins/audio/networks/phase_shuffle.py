"""Phase shuffle: a discriminator of sounds is not to look at the phase (Donahue et al. 2019).

A stack of transposed convolutions leaves patterns with the period of their strides. A discriminator
that finds them at their fixed places learns nothing else; moved about at random between its layers,
they no longer give the generator away.

Shape suffixes: B sounds, C channels, T samples.
"""

from __future__ import annotations

import torch
from torch import Tensor


def phase_shuffle(x_BCT: Tensor, shifts_B: Tensor) -> Tensor:
    """Shifts each sound by samples of its own; what comes in is its reflection at the end.

    Args:
        x_BCT: activations, T at least 2.
        shifts_B: whole numbers, to the right where positive, none beyond T - 1.

    Returns:
        The same shape.
    """
    T = x_BCT.shape[-1]
    place_BT = torch.arange(T, device=x_BCT.device) - shifts_B[:, None]
    place_BT = place_BT.abs()
    place_BT = torch.where(place_BT < T, place_BT, 2 * (T - 1) - place_BT)
    return x_BCT.gather(2, place_BT[:, None].expand_as(x_BCT))
