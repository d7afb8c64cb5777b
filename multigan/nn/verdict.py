"""The last layer of a discriminator, in every modality.

Shape suffixes: B samples, F features, K classes.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm


class Verdict(nn.Module):
    """Is it real, and does it fit its label?

    The verdict is a linear function of the features. With labels in the way of "projection" the
    inner product with a vector of the label is added (Miyato and Koyama 2018). With "classifier"
    there are logits of the classes beside it, for AC-GAN (Odena et al. 2017) with known classes and
    for InfoGAN (Chen et al. 2016) with drawn ones. "none" uses none here, and "concatenate" used
    them where the network begins.

    Args:
        features: F.
        classes: K.
        labels: how the label is used.
        spectral: spectral normalisation.
        bias: of the verdict.
    """

    def __init__(
        self,
        features: int,
        *,
        classes: int = 0,
        labels: Literal["none", "concatenate", "projection", "classifier"] = "none",
        spectral: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.real = normalised(nn.Linear(features, 1, bias=bias), spectral)
        self.label: nn.Module | None = None
        if labels == "projection":
            embedding = nn.Embedding(classes, features)
            # At the usual unit variance the first verdicts would be noise.
            nn.init.xavier_uniform_(embedding.weight)
            self.label = normalised(embedding, spectral)
        self.classes: nn.Module | None = None
        if labels == "classifier":
            self.classes = normalised(nn.Linear(features, classes), spectral)

    def forward(self, h_BF: Tensor, labels_B: Tensor | None) -> Tensor:
        """(B, 1): logits, above 0 means real; (B, 1 + K) with class logits behind them."""
        verdict_B1 = self.real(h_BF)
        if self.label is not None:
            verdict_B1 = verdict_B1 + (self.label(labels_B) * h_BF).sum(1, keepdim=True)
        if self.classes is not None:
            return torch.cat([verdict_B1, self.classes(h_BF)], dim=1)
        return verdict_B1


def normalised(module: nn.Module, spectral: bool) -> nn.Module:
    """The module, under spectral normalisation if wanted (Miyato et al. 2018)."""
    return spectral_norm(module) if spectral else module
