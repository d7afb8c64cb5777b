"""How the networks of a sound GAN use the label: beside the latents, or as `Verdict` does.

Shape suffixes: B sounds, Z latents, E numbers of a label, K classes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

DiscriminatorLabels = Literal["none", "projection", "classifier"]


class LabelledLatents(nn.Module):
    """Puts a learnt vector of the label behind the latents.

    Args:
        latents: Z.
        classes: K; 0 leaves the latents as they are.
        size: E, numbers of a label.
    """

    def __init__(self, latents: int, *, classes: int = 0, size: int = 32) -> None:
        super().__init__()
        self.label = nn.Embedding(classes, size) if classes else None
        self.width = latents + (size if classes else 0)

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None) -> Tensor:
        """(B, Z + E)."""
        if self.label is None:
            return latents_BZ
        return torch.cat([latents_BZ, self.label(labels_B).to(latents_BZ.dtype)], dim=1)
