"""What all feature extractors share: pictures of any kind in, one row of features each out.

Shape suffixes: N pictures, C channels, H and W pixels, D features, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from multigan.errors import PluginError


class FeatureExtractor(nn.Module, ABC):
    """Maps pictures to features. A subclass says how they are resized and what looks at them.

    Pictures are uint8, or floats in [0, 1], which are rounded to the same 256 levels: a tensor
    scores exactly like the PNG that it would be saved as. Grey becomes RGB; alpha is laid over
    white, as when a file is read.

    Attributes:
        name: as in ``extractor(name)``.
        protocol: one sentence: which weights, how pictures are resized.
        num_classes: K where it is a classifier, else 0.
        class_names: as folders of pictures may be called; empty where they have no short names.
        official: metric -> the name that published numbers have, where this is exactly what they
            were made with; else empty.
    """

    name: str
    protocol: str
    num_classes: int = 0
    class_names: tuple[str, ...] = ()
    official: Mapping[str, str] = {}

    def forward(self, images_NCHW: Tensor) -> Tensor:
        """Features (N, D) of pictures of one size."""
        return self.features(self.prepare(images_NCHW))

    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """What `features` takes: after this, pictures of all sizes fit into one batch."""
        return self.resize(rgb(images_NCHW))

    @abstractmethod
    def resize(self, x_N3HW: Tensor) -> Tensor:
        """From RGB in 0 to 255 to the network's own size and range."""

    @abstractmethod
    def features(self, x_NCHW: Tensor) -> Tensor:
        """Features (N, D) of prepared pictures."""

    def logits(self, features_ND: Tensor) -> Tensor:
        """Class logits (N, K); only classifiers have them."""
        raise PluginError(f"{self.name} knows no classes")


def rgb(images_NCHW: Tensor) -> Tensor:
    """RGB (N, 3, H, W) with the whole numbers 0 to 255 as float32.

    Raises:
        ValueError: not (N, 1, 3 or 4, H, W), or neither uint8 nor floating point.
    """
    if images_NCHW.dim() != 4 or images_NCHW.shape[1] not in (1, 3, 4):
        shape = tuple(images_NCHW.shape)
        raise ValueError(f"pictures must be (N, C, H, W) with 1, 3 or 4 channels, not {shape}")
    if images_NCHW.is_floating_point():
        x_NCHW = (images_NCHW.detach().float() * 255).round().clamp(0, 255)
    elif images_NCHW.dtype == torch.uint8:
        x_NCHW = images_NCHW.float()
    else:
        raise ValueError(f"pictures must be uint8 or floats in [0, 1], not {images_NCHW.dtype}")
    if x_NCHW.shape[1] == 4:
        alpha_N1HW = x_NCHW[:, 3:]
        white_N1HW = 255 * (255 - alpha_N1HW)
        # Rounded as in data.pixels.over_white.
        return ((x_NCHW[:, :3] * alpha_N1HW + white_N1HW + 127) / 255).floor()
    return x_NCHW.expand(-1, 3, -1, -1)
