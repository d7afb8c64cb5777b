"""The networks of the text plugin, by name and by recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from multigan.errors import RecipeError
from multigan.plugins.text.networks.cnn import CNNDiscriminator
from multigan.plugins.text.networks.lstm import LSTMDiscriminator, LSTMGenerator
from multigan.plugins.text.networks.memory import RelationalGenerator
from multigan.plugins.text.networks.multi_cnn import MultiRepresentationDiscriminator
from multigan.plugins.text.recipe import Sizes, TextModel

NETWORKS: Mapping[str, type[nn.Module]] = {
    "lstm-generator": LSTMGenerator,
    "relational-generator": RelationalGenerator,
    "lstm-discriminator": LSTMDiscriminator,
    "cnn-discriminator": CNNDiscriminator,
    "multi-cnn-discriminator": MultiRepresentationDiscriminator,
}

GENERATORS = (LSTMGenerator, RelationalGenerator)


def build_generator(
    model: TextModel, sizes: Sizes, *, vocabulary_size: int, labels: int, ends: bool
) -> Any:
    """The generator that a recipe describes.

    Args:
        model: of the recipe.
        sizes: what the recipe leaves open.
        vocabulary_size: special tokens included.
        labels: number of labels of the sentences.
        ends: whether sentences end with eos.

    Raises:
        RecipeError: the sizes do not fit each other.
    """
    common: dict[str, Any] = {
        "vocabulary_size": vocabulary_size,
        "embedding": sizes.embedding,
        "latents": model.latents,
        "labels": labels,
        "ends": ends,
    }
    if model.generator == "lstm":
        return LSTMGenerator(
            **common,
            hidden=sizes.hidden,
            layers=model.layers,
            dropout=model.generator_dropout,
            init_std=model.init_std,
        )
    if sizes.hidden % model.heads:
        raise RecipeError(
            f"model.hidden={sizes.hidden} cannot be cut into model.heads={model.heads} equal parts"
        )
    head_size = sizes.hidden // model.heads
    return RelationalGenerator(**common, slots=model.slots, heads=model.heads, head_size=head_size)


def build_discriminator(
    model: TextModel, sizes: Sizes, *, vocabulary_size: int, labels: int, length: int
) -> Any:
    """The discriminator that a recipe describes.

    Args:
        model: of the recipe.
        sizes: what the recipe leaves open.
        vocabulary_size: special tokens included.
        labels: number of labels of the sentences.
        length: tokens of the longest sentence, its eos included.

    Raises:
        RecipeError: the sizes do not fit each other.
    """
    common: dict[str, Any] = {
        "vocabulary_size": vocabulary_size,
        "embedding": sizes.discriminator_embedding,
        "dropout": model.dropout,
        "labels": labels,
    }
    if model.discriminator == "lstm":
        return LSTMDiscriminator(**common, hidden=sizes.discriminator_hidden)
    if model.filters:
        common |= {"widths": model.filter_widths, "filters": model.filters}
    try:
        if model.discriminator == "cnn":
            return CNNDiscriminator(**common, length=length)
        return MultiRepresentationDiscriminator(**common, representations=model.representations)
    except ValueError as error:
        raise RecipeError(f"model.discriminator={model.discriminator}: {error}") from error
