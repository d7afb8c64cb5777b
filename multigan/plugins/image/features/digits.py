"""The shipped classifier of handwritten digits as a feature extractor."""

from __future__ import annotations

import json

import torch.nn.functional as F
from torch import Tensor

from multigan import registry
from multigan.errors import PluginError
from multigan.plugins.image.classifier.network import Classifier
from multigan.plugins.image.features.extractor import FeatureExtractor
from multigan.weights import fill, read_tensors

SIDE = 28
GREY = (0.299, 0.587, 0.114)  # ITU-R 601, as PIL's mode L


class Digits(FeatureExtractor):
    """128 features of a network that was trained on digits, and what digit it takes a picture for.

    Pictures are white on black, as MNIST's. The model card under assets/image/digits-classifier
    says how it was trained and how often it errs.

    Args:
        weights: None; they come with multigan.

    Raises:
        PluginError: weights were given.
    """

    name = "digits"
    protocol = "digits-classifier of multigan, grey, antialiased bilinear resizing to 28x28"

    def __init__(self, weights: str | None = None) -> None:
        super().__init__()
        if weights is not None:
            raise PluginError("features 'digits' come with multigan; leave --weights out")
        folder = registry.shipped_model("image", "digits-classifier") / "classifier"
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.network = Classifier(**config["arguments"])
        path = folder / "model.safetensors"
        fill(self.network, read_tensors(path), path)
        self.num_classes = self.network.classes
        self.class_names = tuple(map(str, range(self.num_classes)))

    def resize(self, x_N3HW: Tensor) -> Tensor:
        """To 28x28, grey, [-1, 1]."""
        x_N1HW = (x_N3HW * x_N3HW.new_tensor(GREY)[:, None, None]).sum(1, keepdim=True)
        if x_N1HW.shape[2:] != (SIDE, SIDE):
            x_N1HW = F.interpolate(x_N1HW, (SIDE, SIDE), mode="bilinear", antialias=True)
        return x_N1HW / 127.5 - 1

    def features(self, x_NCHW: Tensor) -> Tensor:
        """(N, 128)."""
        return self.network.features(x_NCHW)

    def logits(self, features_ND: Tensor) -> Tensor:
        """(N, 10)."""
        return self.network.head(features_ND)
