"""The networks of the captioning plugin, by name and by recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from multigan.plugins.captioning.networks.evaluator import Evaluator
from multigan.plugins.captioning.networks.grid import GridEncoder
from multigan.plugins.captioning.networks.lstm import AttentionGenerator
from multigan.plugins.captioning.networks.pretrained import PretrainedEncoder
from multigan.plugins.captioning.recipe import CaptionModel

NETWORKS: Mapping[str, type[nn.Module]] = {
    "grid-encoder": GridEncoder,
    "pretrained-encoder": PretrainedEncoder,
    "attention-generator": AttentionGenerator,
    "evaluator": Evaluator,
}


def build_encoder(model: CaptionModel, *, size: int) -> Any:
    """The encoder that a recipe describes.

    Args:
        model: of the recipe.
        size: side of the pictures.

    Raises:
        CheckpointError: the pretrained model cannot be had.
        PluginError: transformers is not installed.
    """
    if model.encoder == "grid":
        return GridEncoder(size=size, width=model.width, layers=model.layers)
    return PretrainedEncoder.load(model.encoder, size=size)
