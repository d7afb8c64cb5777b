"""Whether captions find their pictures, and pictures their captions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

# I pictures, C captions


def recall_at(
    scores_IC: Tensor, pictures_C: Tensor, *, ks: Sequence[int] = (1, 5, 10)
) -> dict[str, float]:
    """Recall at k of image-caption retrieval in both directions (Hodosh et al. 2013).

    A picture has found a caption when one of its own is among the k that score best with it; a
    caption has found its picture when it is among the k best. Ties count against: what scores
    everything alike finds nothing.

    Args:
        scores_IC: how well each caption fits each picture, higher is better.
        pictures_C: the row of the picture that each caption belongs to.
        ks: how many may be looked at.

    Returns:
        "caption-recall@k" (from pictures) and "picture-recall@k" (from captions), shares in [0, 1].

    Raises:
        ValueError: shapes that do not fit, a score that is not a number, a picture without caption.
    """
    if scores_IC.dim() != 2 or pictures_C.shape != scores_IC.shape[1:]:
        shapes = f"{tuple(scores_IC.shape)} and {tuple(pictures_C.shape)}"
        raise ValueError(
            f"scores must be (pictures, captions) and pictures (captions), not {shapes}"
        )
    if torch.isnan(scores_IC).any():
        raise ValueError("a score is not a number")
    own_IC = torch.arange(len(scores_IC), device=pictures_C.device)[:, None] == pictures_C
    if not own_IC.any(1).all() or not own_IC.any(0).all():
        raise ValueError("every picture needs a caption, and every caption one of the pictures")
    wrong_IC = scores_IC.masked_fill(own_IC, -torch.inf)
    best_I = scores_IC.masked_fill(~own_IC, -torch.inf).max(1).values
    right_C = scores_IC.gather(0, pictures_C[None])[0]
    # Rank 0 is the first; only wrong ones stand before, captions of one picture do not compete.
    rank_I = ((wrong_IC >= best_I[:, None]) & ~own_IC).sum(1)
    rank_C = ((wrong_IC >= right_C) & ~own_IC).sum(0)
    ranks = {"caption": rank_I, "picture": rank_C}
    return {
        f"{found}-recall@{k}": (rank < k).float().mean().item()
        for found, rank in ranks.items()
        for k in ks
    }
