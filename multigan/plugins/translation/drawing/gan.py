"""Photo to drawing: learn to draw like an algorithm, then play against real art.

A generator that starts at the photo and is trained by a discriminator alone stays near the photo
for very long. So the first stage is plain regression: the generator imitates one of `ABSTRACTIONS`,
which already has flat areas, livelier colours and drawn lines, or strokes. The second stage is a
game with two discriminators, split as in White-box Cartoonization (Wang and Yu 2020): one judges
lines and areas in grey of random channel weights, blind to colour; the other judges coarse colours,
blind to lines. Blurred art counts as fake too (CartoonGAN, Chen et al. 2018), so that lines must be
sharp. The drawing goes on to hold the content in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.errors import RecipeError
from multigan.inference.pipeline import pipeline
from multigan.losses.adversarial import discriminator_loss, generator_loss
from multigan.plugins.translation.domains import open_domain
from multigan.plugins.translation.drawing.abstractions.smoothing import gaussian_blur
from multigan.plugins.translation.drawing.data import DrawnPhotos
from multigan.plugins.translation.drawing.recipe import DrawingModel, DrawingRecipe
from multigan.plugins.translation.networks import CompactGenerator, PatchDiscriminator
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 4
QUIET = 0.02  # differences of neighbours that nobody sees, in units of [-1, 1]


class DrawingGAN:
    """Draws photos with one generator, judged by two discriminators."""

    def __init__(self, recipe: DrawingRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        model, data = recipe.model, recipe.data
        photos, art = (
            open_domain(
                source,
                builtin_size=data.builtin_size,
                size=max(*data.photo_sides, data.art_side),
            )
            for source in (data.photos, data.art)
        )
        self.data = DrawnPhotos(
            photos,
            art,
            drawing=data.drawing,
            size=data.size,
            photo_sides=data.photo_sides,
            art_side=data.art_side,
            cache=Path(data.cache) if data.cache else None,
        )
        width = model.discriminator_width
        self.networks = nn.ModuleDict(
            {
                "generator": _generator(model),
                "texture": PatchDiscriminator(
                    channels=1, width=width, layers=3, norm="none", spectral=True
                ),
                "surface": PatchDiscriminator(
                    channels=3, width=width, layers=2, norm="none", spectral=True
                ),
            }
        )
        self.memory = nn.ModuleDict()
        self.groups = {
            "imitation": ("generator",),
            "generator": ("generator",),
            "discriminators": ("texture", "surface"),
        }
        self.averaged = ("generator",)

    def stages(self) -> tuple[Stage, ...]:
        """Imitation, then the game, in which the discriminators judge what was just drawn."""
        steps = self.recipe.steps
        game = (
            Phase("generator", "generator", self.generator),
            Phase("discriminators", "discriminators", self.discriminators, fresh=False),
        )
        imitation = Phase("imitation", "imitation", self.imitate)
        return (
            Stage("abstraction", steps.abstraction, (imitation,)),
            Stage("adversarial", steps.adversarial, game),
        )

    def imitate(self, batch: Batch, step: Step) -> Losses:
        """Draw each photo as the abstraction does."""
        return self._likeness(self.networks["generator"](batch["photo"]), batch["drawing"])

    def generator(self, batch: Batch, step: Step) -> Losses:
        """Pass for art, and stay a drawing of this photo."""
        fake, real = self.networks["generator"](batch["photo"]), batch["art"]
        batch["fake"] = fake.detach()
        losses: dict[str, Tensor] = {}
        for name, (view_fake, view_real) in self._views(step, fake, real).items():
            judge = self.networks[name]
            logits_real = judge(view_real) if "relativistic" in self.loss.objective else None
            weight = getattr(self.loss, name)
            losses[name] = weight * generator_loss(
                self.loss.objective, judge(view_fake), logits_real
            )
        likeness = self._likeness(fake, batch["drawing"])
        return losses | {name: self.loss.drawing * term for name, term in likeness.items()}

    def discriminators(self, batch: Batch, step: Step) -> Losses:
        """Tell art from drawn photos and from blurred art."""
        fake, real = batch["fake"], batch["art"]
        blurred = gaussian_blur(real, 1.5)
        losses: dict[str, Tensor] = {}
        for name, views in self._views(step, real, fake, blurred).items():
            judge, objective = self.networks[name], self.loss.objective
            logits_real, logits_fake, logits_blurred = judge(torch.cat(views)).chunk(3)
            losses[name] = discriminator_loss(objective, logits_real, logits_fake)
            # Coarse colours look the same blurred or not.
            if self.loss.blurred and name == "texture":
                losses["blurred"] = self.loss.blurred * discriminator_loss(
                    objective, logits_real, logits_blurred
                )
        return losses

    def dataset(self) -> Dataset[Any]:
        """Crops of photos, drawings and art."""
        return self.data

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Rows of the photo, its abstraction, and what the generator draws."""
        photos, drawings, drawn = self._shown(networks)
        rows = torch.stack([photos, drawings, drawn], dim=1).flatten(0, 1)
        return Preview(images=rows.add(1).div(2).clamp(0, 1).float().cpu(), columns=3)

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """How far the generator is from the abstraction and from the photo, in [0, 1] units."""
        photos, drawings, drawn = self._shown(networks)
        return {
            "drawing-l1": float(F.l1_loss(drawn, drawings)) / 2,
            "photo-l1": float(F.l1_loss(drawn, photos)) / 2,
        }

    def model(self) -> dict[str, Any]:
        """The generator, which can be tiled: an output pixel sees no further than its reach."""
        reach: Any = self.networks["generator"].reach
        data, output = self.recipe.data, self.recipe.output
        return {
            "networks": ["generator"],
            "directions": {data.drawing: "generator"},
            "multiple": 4,
            "minimum": 16,
            "halo": int(reach),
            "side": output.side or 2 * max(data.photo_sides),
            "blocks": output.blocks,
            "colours": output.colours,
        }

    def _likeness(self, drawn: Tensor, drawing: Tensor) -> dict[str, Tensor]:
        """L1 distances of colours, where lines weigh more, and of differences of neighbours.

        Of the latter those weigh more that the drawing has not: what is left of a photo's texture
        is small everywhere, and only a firm hand makes areas flat.
        """
        with torch.autocast(drawn.device.type, enabled=False):
            grey = drawing.mean(1, keepdim=True)
            ink = (gaussian_blur(grey, 3.0) - grey).clamp_min(0)  # darker than around it
            weight = 1 + self.loss.lines * ink
            error = drawn.float() - drawing
            edges = torch.zeros((), device=drawn.device)
            for wrong, step in zip(_steps(error), _steps(drawing), strict=True):
                quiet = torch.exp(-step.abs() / QUIET)  # 1 where the drawing has no edge
                edges = edges + ((1 + self.loss.flatness * quiet) * wrong.abs()).mean()
            tint = error - error.mean(1, keepdim=True)
            return {
                "colour": (weight * error.abs()).mean(),
                "tint": self.loss.tint * (weight * tint.abs()).mean(),
                "edges": self.loss.edges * edges,
            }

    def _views(self, step: Step, *pictures: Tensor) -> dict[str, list[Tensor]]:
        """What each discriminator sees: random grey at full size, colours at a quarter."""
        count = len(pictures[0])
        # Weights around a third each, not those of luma: the game would paint lines green, the
        # channel by which a luma is moved with least effort.
        mix = 1 / 3 + 0.2 * (step.noise.uniform(count, 3, 1, 1) - 0.5)
        mix = mix / mix.sum(1, keepdim=True)
        return {
            "texture": [(mix * x).sum(1, keepdim=True) for x in pictures],
            "surface": [F.avg_pool2d(x, 4) for x in pictures],
        }

    def _shown(self, networks: Mapping[str, nn.Module]) -> tuple[Tensor, Tensor, Tensor]:
        device = next(networks["generator"].parameters()).device
        photos, drawings = (x.to(device) for x in self.data.shown(SHOWN))
        return photos, drawings, networks["generator"](photos)


def _generator(model: DrawingModel) -> CompactGenerator:
    """A fresh generator, or one with the weights of a trained model of the same shape."""
    generator = CompactGenerator(width=model.width, blocks=model.blocks)
    if model.start:
        trained = pipeline(model.start).components.get("generator")
        if not isinstance(trained, CompactGenerator) or trained.config != generator.config:
            raise RecipeError(
                f"model.start={model.start} is not a drawing model of model.width={model.width} "
                f"and model.blocks={model.blocks}"
            )
        generator.load_state_dict(trained.state_dict())
    return generator


def _steps(x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours, down and across."""
    return x_BCHW[..., 1:, :] - x_BCHW[..., :-1, :], x_BCHW[..., :, 1:] - x_BCHW[..., :, :-1]
