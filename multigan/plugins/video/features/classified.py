"""The features of a clip classifier that multigan has trained."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from multigan.errors import PluginError
from multigan.inference.pipeline import pipeline
from multigan.plugins.video.networks.classifier import ClipClassifier


class ClassifierFeatures:
    """What a classifier's classes are read from.

    Args:
        model: a shipped model, run or model folder of the method ``classifier``.

    Raises:
        CheckpointError: there is no such model.
        PluginError: it is no clip classifier.
    """

    anywhere = False

    def __init__(self, model: str) -> None:
        loaded = pipeline(model)
        network = loaded.components.get("classifier")
        if not isinstance(network, ClipClassifier):
            raise PluginError(f"{model} is no clip classifier, so it has no features to score with")
        self.network, facts = network, loaded.facts
        self.name = Path(model).name
        self.frames, self.size = int(facts["frames"]), int(facts["size"])
        self.class_names = tuple(facts["classes"])
        self.protocol = (
            f"mean activations of the clip classifier {self.name}, {self.frames} frames of "
            f"{self.size}x{self.size}"
        )

    def to(self, device: torch.device | str) -> ClassifierFeatures:
        """Moves it."""
        self.network.to(device)
        return self

    def features(self, x_BTCHW: Tensor) -> Tensor:
        """(B, D) of clips in [0, 1]."""
        return self.network.features(x_BTCHW * 2 - 1)

    def logits(self, features_BD: Tensor) -> Tensor:
        """(B, K)."""
        return self.network.head(features_BD)

    def score_name(self, metric: str, *, count: int) -> str:
        """The metric and the classifier."""
        return f"{metric}-{self.name}"
