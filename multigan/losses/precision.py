"""The number format that losses are computed in."""

from __future__ import annotations

import torch
from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """Casts half and bfloat16 to float32; float32 and float64 pass through unchanged.

    bfloat16 keeps 8 significant bits: a mean over a batch, or 1 - D for a confident discriminator,
    would be rounded away. float64 is kept so that gradients can be checked numerically.

    Args:
        values: any shape, any floating type.

    Returns:
        The same values in float32 or float64.
    """
    return values if values.dtype is torch.float64 else values.float()
