"""CUT: translation in one direction, without a way back (Park et al. 2020).

Where CycleGAN asks that the input can be reconstructed, CUT asks that every patch of the result can
be recognised, among patches of the same input, as made from the one at its place. What is compared
are layers of the generator's own first half. One generator and one discriminator instead of two
each: half the memory, and about half the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.contrastive import patch_nce
from multigan.losses.penalties import path_length_constraint
from multigan.metrics.kernel import squared_mmd
from multigan.metrics.random_features import random_features
from multigan.plugins.translation.cut.heads import PatchHeads, choose_places
from multigan.plugins.translation.cut.recipe import CUTRecipe
from multigan.plugins.translation.cyclegan.data import Unpaired
from multigan.plugins.translation.domains import open_domain
from multigan.plugins.translation.networks import PatchDiscriminator, ResnetGenerator
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN, SCORED = 4, 32


class CUT:
    """Translates A to B.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such pictures.
    """

    def __init__(self, recipe: CUTRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        model, data = recipe.model, recipe.data
        a, b = (
            open_domain(
                source,
                size=data.size,
                builtin_size=data.builtin_size,
                unpaired=second,
                on_error=data.on_error,
            )
            for source, second in ((data.a, False), (data.b, True))
        )
        self.data = Unpaired(a, b, size=data.size, resize=data.resize, flip=data.flip)
        # The picture, both halvings, and two depths of the residual blocks, as in the paper.
        self.layers = sorted({0, 4, 7, 10, 10 + model.blocks // 2})
        width = model.width
        widths = [3, 2 * width, 4 * width, *[4 * width] * (len(self.layers) - 3)]
        self.networks = nn.ModuleDict(
            {
                "generator": ResnetGenerator(width=width, blocks=model.blocks),
                "heads": PatchHeads(widths=widths, features=model.features),
                "discriminator": PatchDiscriminator(
                    width=model.discriminator_width, layers=model.discriminator_layers
                ),
            }
        )
        self.generator: Any = self.networks["generator"]
        self.memory = nn.ModuleDict()
        self.groups = {"generator": ("generator", "heads"), "discriminator": ("discriminator",)}
        self.averaged = ("generator",)

    def stages(self) -> tuple[Stage, ...]:
        """The generator, then the discriminator on what was just made."""
        phases = (
            Phase("generator", "generator", self.generate),
            Phase("discriminator", "discriminator", self.judge, fresh=False),
        )
        return (Stage("adversarial", self.recipe.steps.adversarial, phases),)

    def generate(self, batch: Batch, step: Step) -> Losses:
        """Pass for B, patch by patch recognisably made from A, and leave B as it is."""
        loss, a, b = self.loss, batch["a"], batch["b"]
        mirrored_B = torch.zeros(len(a), dtype=torch.bool, device=a.device)
        if loss.flip_equivariance:
            mirrored_B = step.noise.uniform(len(a)) < 0.5
        given = _mirror(a, mirrored_B)
        if loss.identity:
            fake, same = self.generator(torch.cat([given, b])).chunk(2)
        else:
            fake = self.generator(given)
        batch["fake"] = fake.detach()
        judge = self.networks["discriminator"]
        logits_real = judge(b) if OBJECTIVES[loss.objective].needs_real else None
        losses = {"adversarial": generator_loss(loss.objective, judge(fake), logits_real)}
        # With both, each counts half, so that the sum keeps its size: the reference's rule.
        share = 0.5 if loss.identity else 1.0
        if loss.nce:
            contrast = self._contrast(fake, a, step, mirrored_B=mirrored_B)
            losses["nce"] = share * loss.nce * contrast
        if loss.identity:
            losses["identity"] = share * loss.identity * self._contrast(same, b, step)
        if loss.self_regularisation:
            losses["self-regularisation"] = path_length_constraint(
                fake, source=given, beta=loss.self_regularisation, distance=loss.distance
            )
        return losses

    def judge(self, batch: Batch, step: Step) -> Losses:
        """Tell pictures of B from translations; the factor is that of the reference."""
        judge, loss = self.networks["discriminator"], self.loss
        fake = batch["fake"].to(batch["b"].dtype)
        logits_real, logits_fake = judge(torch.cat([batch["b"], fake])).chunk(2)
        adversarial = discriminator_loss(
            loss.objective, logits_real, logits_fake, smoothing=loss.smoothing
        )
        return {"adversarial": 0.5 * adversarial}

    def dataset(self) -> Dataset[Any]:
        """Random crops of both domains."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Rows of A, its translation, and what becomes of a picture that is in B already."""
        a, b = self._shown(SHOWN, noise.generator.device)
        generator = networks["generator"]
        rows = torch.stack([a, generator(a), b, generator(b)], dim=1).flatten(0, 1)
        return Preview(images=_unit(rows).cpu(), columns=4)

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """How far translations, and for comparison their inputs, are from B as a whole."""
        a, b = self._shown(SCORED, noise.generator.device)
        made = torch.cat([networks["generator"](some) for some in a.split(SHOWN)])
        features_b = _pooled(b)
        return {
            "kernel-random-conv": float(squared_mmd(_pooled(made), features_b)),
            "kernel-random-conv-baseline": float(squared_mmd(_pooled(a), features_b)),
        }

    def model(self) -> dict[str, Any]:
        """The generator; instance normalisation does not allow tiles."""
        return {
            "networks": ["generator"],
            "directions": {"ab": "generator"},
            "multiple": 4,
            "minimum": 16,
            "halo": None,
        }

    def _contrast(
        self, result: Tensor, origin: Tensor, step: Step, *, mirrored_B: Tensor | None = None
    ) -> Tensor:
        """PatchNCE of a result with what it was made from, the mean over layers."""
        heads = self.networks["heads"]
        found = self.generator.features(result, self.layers)
        if mirrored_B is not None:
            found = [_mirror(x_BCHW, mirrored_B) for x_BCHW in found]
        places = [
            choose_places(step.noise.uniform(len(x), x[0, 0].numel()), self.loss.patches)
            for x in found
        ]
        with torch.no_grad():
            keys = heads(self.generator.features(origin, self.layers), places)
        terms = [
            patch_nce(queries_BPD, keys=keys_BPD, temperature=self.loss.temperature)
            for queries_BPD, keys_BPD in zip(heads(found, places), keys, strict=True)
        ]
        return torch.stack(terms).mean()

    def _shown(self, count: int, device: torch.device) -> tuple[Tensor, Tensor]:
        a, b = (
            self.data.shown(pictures, [i % len(pictures) for i in range(count)]).to(device)
            for pictures in (self.data.a, self.data.b)
        )
        return a, b


def _mirror(x_BCHW: Tensor, mirrored_B: Tensor) -> Tensor:
    """Flips those pictures left to right that are marked."""
    return torch.where(mirrored_B[:, None, None, None], x_BCHW.flip(-1), x_BCHW)


def _unit(x_BCHW: Tensor) -> Tensor:
    return x_BCHW.float().add(1).div(2).clamp(0, 1)


def _pooled(x_BCHW: Tensor) -> Tensor:
    """Means of random features over each picture, (B, 224)."""
    return torch.cat([layer.mean((2, 3)) for layer in random_features(_unit(x_BCHW))], dim=1)
