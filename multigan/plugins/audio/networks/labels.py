"""How the networks of a sound GAN use the label: beside the latents, and in the verdict.

Shape suffixes: B sounds, Z latents, E numbers of a label, F features, K classes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

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


class SoundVerdict(nn.Module):
    """The last layer of a discriminator: a linear function of its features.

    "projection" adds the inner product of the features with a vector of the label (Miyato and
    Koyama 2018); "classifier" puts logits of the classes behind the verdict (AC-GAN, Odena et al.
    2017).

    Args:
        features: F.
        classes: K.
        labels: how the label is used.
        spectral: spectral normalisation.
    """

    def __init__(
        self,
        features: int,
        *,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
        spectral: bool = False,
    ) -> None:
        super().__init__()
        outputs = 1 + (classes if labels == "classifier" else 0)
        self.linear = normalised(nn.Linear(features, outputs), spectral)
        self.label: nn.Module | None = None
        if labels == "projection":
            embedding = nn.Embedding(classes, features)
            # At the usual unit variance the first verdicts would be noise.
            nn.init.xavier_uniform_(embedding.weight)
            self.label = normalised(embedding, spectral)

    def forward(self, h_BF: Tensor, labels_B: Tensor | None) -> Tensor:
        """(B, 1): logits, above 0 means real; (B, 1 + K) with class logits behind them."""
        verdict_BV = self.linear(h_BF)
        if self.label is not None:
            verdict_BV = verdict_BV + (self.label(labels_B) * h_BF).sum(1, keepdim=True)
        return verdict_BV


def normalised(module: nn.Module, spectral: bool) -> nn.Module:
    """The module, under spectral normalisation if wanted (Miyato et al. 2018)."""
    return spectral_norm(module) if spectral else module
