"""What a painted picture is compared with: Gram matrices of the style, layers of the photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from multigan.losses.reconstruction import (
    content_loss,
    gram_matrix,
    style_loss,
    total_variation,
)
from multigan.plugins.translation.stylize.layers import PerceptualFeatures

EXCESS = 100.0  # weight of values outside [-1, 1]


@dataclass(frozen=True)
class Weights:
    """How much each term counts. Style and content are relative errors, whatever the features."""

    content: float = 1.0
    style: float = 10.0
    tv: float = 0.3


class StyleObjective:
    """Near the style in Gram matrices, near the photo in deeper layers (Gatys et al. 2016).

    Gram matrices are taken about the style's mean of each channel (Novak and Nikulin 2016). About
    zero they are mostly means, that is, colours and brightness, beside which strokes hardly count.

    Args:
        features: Fixed; they follow the pictures from device to device.
        style_1CHW: RGB in [-1, 1].
        weights: Of the terms.
    """

    def __init__(
        self, features: PerceptualFeatures, style_1CHW: Tensor, *, weights: Weights
    ) -> None:
        self.features, self.weights = features, weights
        with torch.no_grad():
            layers = features(style_1CHW).style
            self.means = [layer.mean((2, 3), keepdim=True) for layer in layers]
            self.grams = [gram_matrix(layer) for layer in self._centred(layers)]

    def __call__(self, x_BCHW: Tensor, *, content: Sequence[Tensor]) -> dict[str, Tensor]:
        """Weighted terms for pictures in [-1, 1] whose photos have these layers."""
        style_error, content_error = self.errors(x_BCHW, content=content)
        return {
            "style": self.weights.style * style_error,
            "content": self.weights.content * content_error,
            "tv": self.weights.tv * total_variation(x_BCHW),
            # Of values that no pixel can have: a few extreme ones would fake a style's statistics.
            "excess": EXCESS * (x_BCHW.abs() - 1).clamp_min(0).square().mean(),
        }

    def errors(self, x_BCHW: Tensor, *, content: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """The relative errors of style and content."""
        self._follow(x_BCHW)
        layers = self.features(x_BCHW)
        style_error = style_loss(self._centred(layers.style), grams=self.grams)
        return style_error, content_loss(layers.content, features_content=content)

    @torch.no_grad()
    def content(self, photos_BCHW: Tensor) -> list[Tensor]:
        """The layers that tell what is where in photos in [-1, 1]."""
        self._follow(photos_BCHW)
        return self.features(photos_BCHW).content

    def _centred(self, layers: Sequence[Tensor]) -> list[Tensor]:
        return [layer - mean for layer, mean in zip(layers, self.means, strict=True)]

    def _follow(self, x_BCHW: Tensor) -> None:
        if self.grams[0].device != x_BCHW.device:
            self.features.to(x_BCHW.device)
            self.means = [mean.to(x_BCHW.device) for mean in self.means]
            self.grams = [gram.to(x_BCHW.device) for gram in self.grams]
