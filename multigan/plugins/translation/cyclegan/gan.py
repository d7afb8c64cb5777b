"""CycleGAN: two generators that undo each other, judged by two discriminators (Zhu et al. 2017).

What differs from the reference implementation: the generator phase runs each generator once on the
real pictures of both domains (translation and identity together) instead of twice, and the
discriminator phase reuses the fakes of the generator phase from the batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from multigan.losses.adversarial import discriminator_loss, generator_loss
from multigan.losses.penalties import gradient_penalty, path_length_constraint, r1_penalty
from multigan.losses.reconstruction import cycle_loss, identity_loss
from multigan.plugins.translation.cyclegan.data import Unpaired
from multigan.plugins.translation.cyclegan.pool import ImagePool
from multigan.plugins.translation.cyclegan.recipe import CycleGANRecipe
from multigan.plugins.translation.domains import open_domain
from multigan.plugins.translation.networks import (
    PatchDiscriminator,
    ResnetGenerator,
    UNetGenerator,
)
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 4


class CycleGAN:
    """Translates A to B (``generator_ab``) and B to A (``generator_ba``)."""

    def __init__(self, recipe: CycleGANRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        model, size = recipe.model, recipe.data.size
        data = recipe.data
        self.data = Unpaired(
            *(
                open_domain(
                    source,
                    size=data.size,
                    builtin_size=data.builtin_size,
                    unpaired=second,
                    on_error=data.on_error,
                )
                for source, second in ((data.a, False), (data.b, True))
            ),
            size=data.size,
            resize=data.resize,
            flip=data.flip,
        )

        def discriminator() -> nn.Module:
            return PatchDiscriminator(
                width=model.discriminator_width, layers=model.discriminator_layers
            )

        self.networks = nn.ModuleDict(
            {
                "generator_ab": self._generator(),
                "generator_ba": self._generator(),
                "discriminator_a": discriminator(),
                "discriminator_b": discriminator(),
            }
        )
        shape = (3, size, size)
        self.memory = nn.ModuleDict(
            {
                "pool_a": ImagePool(self.loss.pool, shape=shape),
                "pool_b": ImagePool(self.loss.pool, shape=shape),
            }
        )
        self.groups = {
            "generators": ("generator_ab", "generator_ba"),
            "discriminators": ("discriminator_a", "discriminator_b"),
        }
        self.averaged = ("generator_ab", "generator_ba")

    def stages(self) -> tuple[Stage, ...]:
        """Generators, then discriminators, on the same batch."""
        phases = [
            Phase("generators", "generators", self.generators),
            Phase("discriminators", "discriminators", self.discriminators, fresh=False),
        ]
        if self.loss.r1:
            every = self.loss.r1_every
            phases.append(Phase("r1", "discriminators", self.r1, every=every, fresh=False))
        return (Stage("adversarial", self.recipe.steps.adversarial, tuple(phases)),)

    def generators(self, batch: Batch, step: Step) -> Losses:
        """Fool both discriminators, come back in a cycle, leave the other domain as it is."""
        real = {"a": batch["a"], "b": batch["b"]}
        losses: dict[str, Tensor] = {}
        for source, target in (("a", "b"), ("b", "a")):
            forth = self.networks[f"generator_{source}{target}"]
            if self.loss.identity:
                both = forth(torch.cat([real[source], real[target]]))
                fake, same = both.chunk(2)
                identity = identity_loss(same, original=real[target])
                losses[f"identity-{target}"] = self.loss.cycle * self.loss.identity * identity
            else:
                fake = forth(real[source])
            back = self.networks[f"generator_{target}{source}"](fake)
            cycle = cycle_loss(back, original=real[source])
            losses[f"cycle-{source}"] = self.loss.cycle * cycle
            if self.loss.self_regularisation:
                losses[f"self-regularisation-{target}"] = path_length_constraint(
                    fake,
                    source=real[source],
                    beta=self.loss.self_regularisation,
                    distance=self.loss.distance,
                )
            judge = self.networks[f"discriminator_{target}"]
            logits_real = judge(real[target]) if "relativistic" in self.loss.objective else None
            losses[f"adversarial-{target}"] = generator_loss(
                self.loss.objective, judge(fake), logits_real
            )
            batch[f"fake_{target}"] = fake.detach()
        return losses

    def discriminators(self, batch: Batch, step: Step) -> Losses:
        """Tell real pictures from fakes, former fakes among them."""
        losses: dict[str, Tensor] = {}
        for domain in ("a", "b"):
            judge, real = self.networks[f"discriminator_{domain}"], batch[domain]
            count = len(real)
            pool: ImagePool = self.memory[f"pool_{domain}"]  # type: ignore[assignment]
            fake = pool.exchange(
                batch[f"fake_{domain}"],
                chance_B=step.noise.uniform(count),
                slot_B=step.noise.integers(max(1, pool.size), count),
            )
            # In one batch: instance normalisation keeps pictures apart.
            logits_real, logits_fake = judge(torch.cat([real, fake.to(real.dtype)])).chunk(2)
            adversarial = discriminator_loss(
                self.loss.objective, logits_real, logits_fake, smoothing=self.loss.smoothing
            )
            # The factor of the reference implementation slows the discriminators down.
            losses[f"adversarial-{domain}"] = 0.5 * adversarial
            if self.loss.gradient_penalty:
                alpha = step.noise.uniform(count)
                penalty = gradient_penalty(judge.forward, real=real, fake=fake, alpha=alpha)
                losses[f"penalty-{domain}"] = self.loss.gradient_penalty * penalty
        return losses

    def r1(self, batch: Batch, step: Step) -> Losses:
        """The zero-centred gradient penalty on real pictures (Mescheder et al. 2018)."""
        weight = self.loss.r1 * self.loss.r1_every
        return {
            f"r1-{domain}": weight
            * r1_penalty(self.networks[f"discriminator_{domain}"].forward, real=batch[domain])
            for domain in ("a", "b")
        }

    def dataset(self) -> Dataset[Any]:
        """Random crops of both domains."""
        return self.data

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Rows of A, B from A, A again; B, A from B, B again."""
        a, b = self._shown(networks)
        fake_b, fake_a = networks["generator_ab"](a), networks["generator_ba"](b)
        back_a, back_b = networks["generator_ba"](fake_b), networks["generator_ab"](fake_a)
        rows = torch.stack([a, fake_b, back_a, b, fake_a, back_b], dim=1).flatten(0, 1)
        return Preview(images=rows.add(1).div(2).clamp(0, 1).float().cpu(), columns=6)

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """How well each domain survives the cycle, on the pictures of the preview."""
        scores = {}
        for name, real in zip("ab", self._shown(networks), strict=True):
            forth, back = ("ab", "ba") if name == "a" else ("ba", "ab")
            again = networks[f"generator_{back}"](networks[f"generator_{forth}"](real))
            scores[f"cycle-l1-{name}"] = float(F.l1_loss(again, real)) / 2
        return scores

    def model(self) -> dict[str, Any]:
        """Both generators; instance normalisation does not allow tiles."""
        unet = self.recipe.model.generator == "unet"
        multiple = 2**self.recipe.model.depth if unet else 4
        return {
            "networks": ["generator_ab", "generator_ba"],
            "directions": {"ab": "generator_ab", "ba": "generator_ba"},
            "multiple": multiple,
            "minimum": max(16, multiple),
            "halo": None,
        }

    def _generator(self) -> nn.Module:
        model = self.recipe.model
        if model.generator == "unet":
            return UNetGenerator(width=model.width, depth=model.depth, norm="instance")
        return ResnetGenerator(width=model.width, blocks=model.blocks, upsampling=model.upsampling)

    def _shown(self, networks: Mapping[str, nn.Module]) -> tuple[Tensor, Tensor]:
        device = next(networks["generator_ab"].parameters()).device
        a, b = (
            self.data.shown(pictures, [i % len(pictures) for i in range(SHOWN)]).to(device)
            for pictures in (self.data.a, self.data.b)
        )
        return a, b
