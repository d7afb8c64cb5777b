"""Contrastive losses: what belongs together is to be more alike than what does not."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from multigan.losses.precision import full_precision


def patch_nce(queries: Tensor, *, keys: Tensor, temperature: float = 0.07) -> Tensor:
    """PatchNCE: each patch of a result recognises its origin (Park et al. 2020).

    Cross-entropy over the patches of one picture: query i is to be more alike to key i than to the
    keys of the other patches of the same picture, the internal negatives of eq. 4. Likeness is the
    cosine divided by the temperature.

    Args:
        queries: features of P patches of the result (B, P, D), before normalisation.
        keys: features of the same patches of the input (B, P, D); no gradient flows to them.
        temperature: the paper's tau.

    Returns:
        Scalar, float32; log P where features say nothing.

    Raises:
        ValueError: shapes differ, or they are not (B, P, D).
    """
    if queries.shape != keys.shape or queries.dim() != 3:
        shapes = f"{tuple(queries.shape)} and {tuple(keys.shape)}"
        raise ValueError(f"queries and keys must both be (B, P, D), not {shapes}")
    # Outside autocast: divided by 0.07, half precision would round the logits to a few steps.
    with torch.autocast(queries.device.type, enabled=False):
        found = normalize(full_precision(queries), dim=2)
        wanted = normalize(full_precision(keys).detach(), dim=2)
        logits = found @ wanted.transpose(1, 2) / temperature
        right = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
        return cross_entropy(logits.flatten(0, 1), right.flatten())
