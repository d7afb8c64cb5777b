"""Restoration: learn to undo a damage that can be done to any picture.

Super-resolution, inpainting and colourisation are one method: a picture is damaged, a generator is
given what is left, and the picture itself is the right answer. First comes plain regression, which
gives the best PSNR and soft results; then pix2pix's game beside it, as in SRGAN (Ledig et al.
2017), which gives texture and costs PSNR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.plugins.translation.networks import PatchDiscriminator
from multigan.plugins.translation.pix2pix.evaluation import rows, scores
from multigan.plugins.translation.pix2pix.game import PairedGame
from multigan.plugins.translation.restoration.data import Damaged, open_split
from multigan.plugins.translation.restoration.degradations import fade, punch, shrink
from multigan.plugins.translation.restoration.networks import (
    Colouriser,
    Enlarger,
    Inpainter,
    enlarge,
)
from multigan.plugins.translation.restoration.recipe import RestorationRecipe
from multigan.training.phases import Noise, Phase, Preview, Stage

SHOWN = 6


@dataclass(frozen=True)
class Task:
    """What distinguishes one restoration from another.

    Attributes:
        degrade: the damage to one picture.
        generator: what is to undo it.
        condition: what the discriminator sees of damaged pictures, at full size; its first three
            channels are the baseline.
        channels: of that condition.
    """

    degrade: Callable[[Tensor], Tensor]
    generator: nn.Module
    condition: Callable[[Tensor], Tensor]
    channels: int = 3


class Restoration:
    """Restores pictures with one generator.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such pictures.
    """

    def __init__(self, recipe: RestorationRecipe) -> None:
        self.recipe, self.task = recipe, make_task(recipe)
        model = recipe.model
        self.data, self.held_out = (
            Damaged(pictures, recipe.data, degrade=self.task.degrade)
            for pictures in open_split(recipe.data)
        )
        self.networks = nn.ModuleDict(
            {
                "generator": self.task.generator,
                # Spectral norm in place of instance norm, which is blind to a change of contrast.
                "discriminator": PatchDiscriminator(
                    channels=self.task.channels + 3,
                    width=model.discriminator_width,
                    layers=model.discriminator_layers,
                    norm="none",
                    spectral=True,
                ),
            }
        )
        self.memory = nn.ModuleDict()
        self.groups = {
            "regression": ("generator",),
            "generator": ("generator",),
            "discriminator": ("discriminator",),
        }
        self.averaged = ("generator",)
        self.game = PairedGame(
            self.networks["generator"],
            self.networks["discriminator"],
            recipe.loss,
            condition=self.task.condition,
        )

    def stages(self) -> tuple[Stage, ...]:
        """Regression, then the game."""
        steps = self.recipe.steps
        regression = Phase("regression", "regression", self.game.regress)
        return (
            Stage("regression", steps.regression, (regression,)),
            Stage("adversarial", steps.adversarial, self.game.phases()),
        )

    def dataset(self) -> Dataset[Any]:
        """Damaged crops of pictures that are not held out."""
        return self.data

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Rows of the baseline, the restored picture and the original, none of them trained on."""
        shown = self.held_out.shown(SHOWN)
        return rows(networks["generator"], shown, baseline=self._baseline)

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Likeness to held-out originals, beside that of the baseline."""
        count = self.recipe.evaluate.pictures
        if not count:
            return {}
        shown = self.held_out.shown(count)
        return scores(networks["generator"], shown, baseline=self._baseline)

    def model(self) -> dict[str, Any]:
        """The generator, which can be tiled: an output pixel sees no further than its reach."""
        enlarges = self.recipe.task == "super-resolution"
        reach: Any = self.task.generator.reach
        return {
            "networks": ["generator"],
            "directions": {"restore": "generator"},
            "task": self.recipe.task,
            "scale": self.recipe.scale if enlarges else 1,
            "multiple": 1 if enlarges else 4,
            "minimum": 4,
            "halo": int(reach),
        }

    def _baseline(self, x_BCHW: Tensor) -> Tensor:
        return self.task.condition(x_BCHW)[:, :3]


def make_task(recipe: RestorationRecipe) -> Task:
    """The damage and the network that a recipe names."""
    size = {"width": recipe.model.width, "blocks": recipe.model.blocks}
    match recipe.task:
        case "super-resolution":
            return Task(
                partial(shrink, scale=recipe.scale),
                Enlarger(scale=recipe.scale, **size),
                partial(enlarge, scale=recipe.scale),
            )
        case "inpainting":
            return Task(punch, Inpainter(**size), _as_given, channels=4)
        case "colourisation":
            return Task(fade, Colouriser(**size), _as_given)


def _as_given(x_BCHW: Tensor) -> Tensor:
    return x_BCHW
