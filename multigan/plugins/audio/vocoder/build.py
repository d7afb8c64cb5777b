"""The generator that a recipe asks for."""

from __future__ import annotations

from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.networks.refiner import RefinerGenerator
from multigan.plugins.audio.vocoder.recipe import VocoderRecipe

Generator = HiFiGANGenerator | RefinerGenerator


def build_generator(recipe: VocoderRecipe) -> Generator:
    """HiFi-GAN's, or a network behind a first guess, with new weights."""
    model = recipe.model
    if model.variant == "refiner":
        return RefinerGenerator(
            mel=recipe.mel.model_dump(mode="json"), **model.refiner.model_dump(mode="json")
        )
    return HiFiGANGenerator(mels=recipe.mel.mels, **model.generator)
