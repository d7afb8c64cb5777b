"""From the model section of a recipe to networks."""

from __future__ import annotations

from typing import Any

from multigan.nn.network import Network
from multigan.plugins.image.adversarial.recipe import (
    DCGANModel,
    ImageModel,
    MLPModel,
    R3GANModel,
    SNGANModel,
)
from multigan.plugins.image.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from multigan.plugins.image.networks.mlp import MLPDiscriminator, MLPGenerator
from multigan.plugins.image.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from multigan.plugins.image.networks.resnet import ResNetDiscriminator, ResNetGenerator


def build_generator(
    model: ImageModel, *, size: int, channels: int, classes: int, bounded: bool = True
) -> Network:
    """A generator with fresh weights.

    Args:
        model: the family and its widths.
        size: side of the pictures.
        channels: of the pictures.
        classes: of the labels; 0 without.
        bounded: outputs lie in [-1, 1]; for points of a plane (mlp) they need not.
    """
    common: dict[str, Any] = {
        "size": size,
        "channels": channels,
        "classes": classes,
        "latents": model.latents,
        "labels": model.generator_labels,
    }
    match model:
        case DCGANModel():
            return DCGANGenerator(**common, width=model.width)
        case SNGANModel():
            return ResNetGenerator(**common, width=model.width)
        case R3GANModel():
            return R3GANGenerator(
                **common, width=model.width, blocks=model.blocks, group=model.group
            )
        case MLPModel():
            return MLPGenerator(**common, width=model.width, layers=model.layers, bounded=bounded)
    raise TypeError(f"no networks for {type(model).__name__}")


def build_discriminator(model: ImageModel, *, size: int, channels: int, classes: int) -> Network:
    """A discriminator with fresh weights; arguments as above."""
    common: dict[str, Any] = {
        "size": size,
        "channels": channels,
        "classes": classes,
        "width": model.discriminator_width,
        "labels": model.discriminator_labels,
    }
    deviation = model.minibatch_deviation
    match model:
        case DCGANModel():
            return DCGANDiscriminator(
                **common,
                norm=model.discriminator_norm,
                spectral=model.spectral_norm,
                minibatch_deviation=deviation,
            )
        case SNGANModel():
            return ResNetDiscriminator(
                **common, spectral=model.spectral_norm, minibatch_deviation=deviation
            )
        case R3GANModel():
            return R3GANDiscriminator(
                **common, blocks=model.blocks, group=model.group, minibatch_deviation=deviation
            )
        case MLPModel():
            return MLPDiscriminator(**common, layers=model.layers, spectral=model.spectral_norm)
    raise TypeError(f"no networks for {type(model).__name__}")
