"""From a recipe to networks."""

from __future__ import annotations

from multigan.nn.network import Network
from multigan.plugins.audio.generation.recipe import SoundGANRecipe, SpecGANModel, WaveGANModel
from multigan.plugins.audio.networks.specgan import SpecGANDiscriminator, SpecGANGenerator
from multigan.plugins.audio.networks.wavegan import WaveGANDiscriminator, WaveGANGenerator


def build_networks(recipe: SoundGANRecipe, *, classes: int) -> tuple[Network, Network]:
    """A generator and a discriminator with fresh weights; classes is 0 without labels."""
    data, model = recipe.data, recipe.model
    match model:
        case SpecGANModel():
            frames = data.length // model.hop
            return (
                SpecGANGenerator(
                    mels=model.mels,
                    frames=frames,
                    latents=model.latents,
                    width=model.width,
                    classes=classes,
                    label_size=model.label_size,
                ),
                SpecGANDiscriminator(
                    mels=model.mels,
                    frames=frames,
                    width=model.discriminator_width,
                    spectral=model.spectral_norm,
                    classes=classes,
                    labels=model.labels,
                ),
            )
        case WaveGANModel():
            return (
                WaveGANGenerator(
                    length=data.length,
                    latents=model.latents,
                    width=model.width,
                    classes=classes,
                    label_size=model.label_size,
                    post_filter=model.post_filter,
                ),
                WaveGANDiscriminator(
                    length=data.length,
                    width=model.discriminator_width,
                    classes=classes,
                    labels=model.labels,
                ),
            )
    raise TypeError(f"no networks for {type(model).__name__}")
