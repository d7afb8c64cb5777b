"""pix2pix: one kind of picture into another, learnt from pairs (Isola et al. 2017).

What differs from the reference implementation: instance normalisation, which batch normalisation at
its batch size of 1 is, so that batches can be larger and a trained model does what it did in
training; a moving average of the generator; and dropout, the only noise of this generator, is off
when a trained model is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.plugins.translation.held_out import hold_out
from multigan.plugins.translation.networks import (
    PatchDiscriminator,
    ResnetGenerator,
    UNetGenerator,
)
from multigan.plugins.translation.pix2pix.data import Pairs, open_pairs
from multigan.plugins.translation.pix2pix.evaluation import rows, scores
from multigan.plugins.translation.pix2pix.game import PairedGame
from multigan.plugins.translation.pix2pix.recipe import Pix2PixRecipe
from multigan.training.phases import Noise, Preview, Stage

SHOWN = 6


class Pix2Pix:
    """Translates A to B, or B to A.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no pictures, or one has no partner.
    """

    def __init__(self, recipe: Pix2PixRecipe) -> None:
        self.recipe = recipe
        model, data = recipe.model, recipe.data
        training, held_out = hold_out(open_pairs(data), data.held_out)
        self.data, self.held_out = Pairs(training, data), Pairs(held_out, data)
        self.networks = nn.ModuleDict(
            {
                "generator": self._generator(),
                "discriminator": PatchDiscriminator(
                    channels=6, width=model.discriminator_width, layers=model.discriminator_layers
                ),
            }
        )
        self.memory = nn.ModuleDict()
        self.groups = {"generator": ("generator",), "discriminator": ("discriminator",)}
        self.averaged = ("generator",)
        self.game = PairedGame(
            self.networks["generator"], self.networks["discriminator"], recipe.loss
        )

    def stages(self) -> tuple[Stage, ...]:
        """One stage; see `PairedGame`."""
        return (Stage("adversarial", self.recipe.steps.adversarial, self.game.phases()),)

    def dataset(self) -> Dataset[Any]:
        """Random crops of pairs that are not held out."""
        return self.data

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Rows of a held-out input, its translation and its partner."""
        return rows(networks["generator"], self.held_out.shown(SHOWN), baseline=_untouched)

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Likeness to the partners; the baseline is the input as it is."""
        count = self.recipe.evaluate.pictures
        if not count:
            return {}
        return scores(networks["generator"], self.held_out.shown(count), baseline=_untouched)

    def model(self) -> dict[str, Any]:
        """The generator; instance normalisation does not allow tiles."""
        multiple = 2**self.recipe.depth if self.recipe.model.generator == "unet" else 4
        return {
            "networks": ["generator"],
            "directions": {self.recipe.data.direction: "generator"},
            "multiple": multiple,
            "minimum": max(16, multiple),
            "halo": None,
        }

    def _generator(self) -> nn.Module:
        model = self.recipe.model
        if model.generator == "unet":
            return UNetGenerator(
                width=model.width, depth=self.recipe.depth, norm="instance", dropout=model.dropout
            )
        return ResnetGenerator(width=model.width, blocks=model.blocks, dropout=model.dropout)


def _untouched(x_BCHW: Tensor) -> Tensor:
    return x_BCHW
