"""A generator and a discriminator of pictures, with everything that makes their game steadier.

The step, in the order in which it is played:

    discriminator   judges real pictures and new fakes, `discriminator_steps` times
    penalty         on the discriminator's slope; lazily, if every so many steps is enough
    generator       raises the verdicts on the fakes that were just judged
    path length     on the generator's slope, lazily

Generating once for both players, as DCGAN's authors did, saves a pass through the generator. Real
and generated pictures go through the discriminator in one batch, unless it normalises over the
batch: then each kind has its own statistics, and a pass of its own (Radford et al. 2016).

Shape suffixes: B pictures, C channels, H and W pixels, Z latents, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.data.augment import diff_augment
from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import (
    dragan_penalty,
    gradient_penalty,
    path_length_penalty,
    r1_penalty,
    r2_penalty,
)
from multigan.nn.graph import graph_of
from multigan.plugins.image.adversarial.ada import AdaptiveAugment
from multigan.plugins.image.adversarial.build import build_discriminator, build_generator
from multigan.plugins.image.adversarial.data import CHANNELS, open_pictures
from multigan.plugins.image.adversarial.encoding import Encoding
from multigan.plugins.image.adversarial.evaluation import Evaluation
from multigan.plugins.image.adversarial.exhibit import write_neighbours
from multigan.plugins.image.adversarial.memory import RunningMean, deviation_over_processes
from multigan.plugins.image.adversarial.points import Gaussians, coverage, heat_map
from multigan.plugins.image.adversarial.recipe import POINTS, ImageRecipe
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 64
CHUNK = 100  # pictures generated at once where no gradient is needed


class ImageGAN:
    """Trains a generator of pictures.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such pictures, or they have no labels.
    """

    def __init__(self, recipe: ImageRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.points = recipe.data.source == POINTS
        self.data: Any
        if self.points:
            self.data, self.classes = Gaussians(recipe.data.builtin_size), ()
        else:
            self.data = open_pictures(recipe.data, labelled=recipe.labelled)
            self.classes = self.data.classes
        self.size = 1 if self.points else recipe.data.size
        self.channels = 2 if self.points else CHANNELS[recipe.data.colours]
        shape = {"size": self.size, "channels": self.channels, "classes": len(self.classes)}
        self.generator = build_generator(recipe.model, **shape, bounded=not self.points)
        self.discriminator = build_discriminator(recipe.model, **shape)
        # In a joint batch each picture would be normalised by statistics of both kinds.
        self.apart = any(isinstance(m, nn.BatchNorm2d) for m in self.discriminator.modules())
        self.networks = nn.ModuleDict(
            {"generator": self.generator, "discriminator": self.discriminator}
        )
        augment = recipe.augment
        self.ada = AdaptiveAugment(target=augment.target, images=augment.images)
        self.path_length_mean = RunningMean()
        self.memory = nn.ModuleDict()
        if augment.policy == "ada":
            self.memory["ada"] = self.ada
        if self.loss.path_length:
            self.memory["path_length"] = self.path_length_mean
        self.groups: dict[str, tuple[str, ...]] = {
            "generator": ("generator",),
            "discriminator": ("discriminator",),
        }
        self.averaged: tuple[str, ...] = ("generator",)
        self.encoding: Encoding | None = None
        if recipe.steps.encoder:
            self._add_encoder()
        self._evaluation: Evaluation | None = None

    def stages(self) -> tuple[Stage, ...]:
        """The game, see the top of the file, and if wanted an encoder after it."""
        loss = self.loss
        repeat = loss.discriminator_steps
        phases = [Phase("discriminator", "discriminator", self.judge_both, repeat=repeat)]
        if loss.penalised and loss.penalty_every > 1:
            every = loss.penalty_every
            phases.append(Phase("penalty", "discriminator", self.penalty, every=every, fresh=False))
        phases.append(Phase("generator", "generator", self.fool, fresh=False))
        if loss.path_length:
            every = loss.path_length_every
            phases.append(
                Phase("path-length", "generator", self.path_length, every=every, fresh=False)
            )
        game = Stage("adversarial", self.recipe.steps.adversarial, tuple(phases))
        return (game,) if self.encoding is None else (game, self.encoding.stage())

    def _add_encoder(self) -> None:
        self.encoding = Encoding(
            self.recipe,
            generator=self.generator,
            discriminator=self.discriminator,
            size=self.size,
            channels=self.channels,
        )
        self.networks["encoder"] = self.encoding.encoder
        self.memory["usual"] = self.encoding.usual
        self.groups["encoder"] = ("encoder",)
        self.averaged += ("encoder",)

    # The phases -----------------------------------------------------------------------------------

    def judge_both(self, batch: Batch, step: Step) -> Losses:
        """The discriminator tells real pictures from fakes, and penalties keep its slope in check.

        Leaves ``fake`` for the generator, with its graph, and what was judged for the penalty.
        """
        real_BCHW, labels_B = batch["image"], batch.get("label")
        with graph_of(self.generator, wanted=self.loss.reuse_fakes):
            batch["fake"] = self._generate(len(real_BCHW), labels_B, step.noise)
        batch["seen_real"] = self._seen(real_BCHW, step)
        batch["seen_fake"] = self._seen(batch["fake"].detach(), step)
        verdicts = self._verdicts(batch["seen_real"], batch["seen_fake"], labels_B)
        real_BV, fake_BV = verdicts
        if "ada" in self.memory:
            self.ada.update(real_BV[:, :1])
        losses = {
            "adversarial": discriminator_loss(
                self.loss.objective,
                real_BV[:, :1],
                fake_BV[:, :1],
                smoothing=self.loss.smoothing,
            )
        }
        if self._classifies and labels_B is not None:
            losses["classes"] = self.loss.classifier * _class_loss(
                torch.cat([real_BV, fake_BV]), torch.cat([labels_B, labels_B])
            )
        if self.loss.penalty_every == 1:
            losses |= self.penalty(batch, step)
        return losses

    def penalty(self, batch: Batch, step: Step) -> Losses:
        """Penalties on the gradient of the verdict, at what the discriminator has just seen."""
        loss, real, fake = self.loss, batch["seen_real"].detach(), batch["seen_fake"]
        labels_B = batch.get("label")

        def verdict(x_BCHW: Tensor) -> Tensor:
            # forward: a compiled network has no second derivative.
            return self.discriminator.forward(x_BCHW, labels_B)[:, :1]

        terms: dict[str, Tensor] = {}
        if loss.gradient_penalty:
            alpha = step.noise.uniform(len(real))
            terms["gradient-penalty"] = loss.gradient_penalty * gradient_penalty(
                verdict, real=real, fake=fake, alpha=alpha
            )
        if loss.dragan:
            scatter = 0.5 * deviation_over_processes(real) * step.noise.uniform(*real.shape)
            terms["dragan"] = loss.dragan * dragan_penalty(verdict, real=real, noise=scatter)
        if loss.r1:
            terms["r1"] = loss.r1 * r1_penalty(verdict, real=real)
        if loss.r2:
            terms["r2"] = loss.r2 * r2_penalty(verdict, fake=fake)
        return {name: loss.penalty_every * term for name, term in terms.items()}

    def fool(self, batch: Batch, step: Step) -> Losses:
        """The generator raises the verdicts on its pictures."""
        labels_B = batch.get("label")
        # Popped: the graph behind the fakes is used up by this phase.
        fake_BCHW = batch.pop("fake")
        if not self.loss.reuse_fakes:
            fake_BCHW = self._generate(len(fake_BCHW), labels_B, step.noise)
        seen_BCHW = self._seen(fake_BCHW, step)
        if OBJECTIVES[self.loss.objective].needs_real:
            real_BV, fake_BV = self._verdicts(batch["seen_real"].detach(), seen_BCHW, labels_B)
            adversarial = generator_loss(self.loss.objective, fake_BV[:, :1], real_BV[:, :1])
        else:
            fake_BV = self.discriminator(seen_BCHW, labels_B)
            adversarial = generator_loss(self.loss.objective, fake_BV[:, :1])
        losses = {"adversarial": adversarial}
        if self._classifies and labels_B is not None:
            losses["classes"] = self.loss.classifier * _class_loss(fake_BV, labels_B)
        return losses

    def path_length(self, batch: Batch, step: Step) -> Losses:
        """Equal steps in the latents are to change pictures equally (Karras et al. 2020)."""
        image_BCHW, labels_B = batch["image"], batch.get("label")
        penalty, mean = path_length_penalty(
            lambda latents_BZ: self.generator.forward(latents_BZ, labels_B),
            latents=step.noise.normal(len(image_BCHW), self.recipe.model.latents),
            noise=step.noise.normal(*image_BCHW.shape),
            mean=self.path_length_mean.value,
        )
        self.path_length_mean.store(mean)
        return {"path-length": self.loss.path_length * self.loss.path_length_every * penalty}

    # What they are made of ------------------------------------------------------------------------

    def _generate(self, count: int, labels_B: Tensor | None, noise: Noise) -> Tensor:
        return self.generator(noise.normal(count, self.recipe.model.latents), labels_B)

    def _seen(self, x_BCHW: Tensor, step: Step) -> Tensor:
        """Pictures as the discriminator gets them: augmented, and with the noise of the moment."""
        policy, deviation = self.recipe.augment.policy, self.loss.instance_noise
        if policy == "diffaugment":
            x_BCHW = diff_augment(x_BCHW, step.noise)
        elif policy == "ada":
            x_BCHW = self.ada(x_BCHW, step.noise)
        if deviation:
            fading = deviation * (1.0 - step.fraction)
            x_BCHW = x_BCHW + fading * step.noise.normal(*x_BCHW.shape)
        return x_BCHW

    def _verdicts(
        self, real_BCHW: Tensor, fake_BCHW: Tensor, labels_B: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Verdicts on both kinds, in one pass where that changes nothing."""
        if self.apart:
            real_BV = self.discriminator(real_BCHW, labels_B)
            return real_BV, self.discriminator(fake_BCHW, labels_B)
        both_BCHW = torch.cat([real_BCHW, fake_BCHW.to(real_BCHW.dtype)])
        both_B = None if labels_B is None else torch.cat([labels_B, labels_B])
        real_BV, fake_BV = self.discriminator(both_BCHW, both_B).chunk(2)
        return real_BV, fake_BV

    @property
    def _classifies(self) -> bool:
        return self.recipe.model.discriminator_labels == "classifier"

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """The training pictures."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """The same latents every time, one column a class; points as a heat map."""
        if self.encoding is not None and self.encoding.usual.begun:
            return self.encoding.preview(networks, noise.generator.device)
        if self.points:
            points_B2 = self._sample(networks["generator"], 2000, noise)[0].flatten(1)
            return Preview(images=heat_map(points_B2))
        images_BCHW, _ = self._sample(networks["generator"], SHOWN, noise)
        columns = len(self.classes) if len(self.classes) <= SHOWN // 4 else 0
        whole = SHOWN // columns * columns if columns else SHOWN
        return Preview(images=images_BCHW[:whole].add(1).div(2), columns=columns)

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores; what they mean is in the plugin's manifest."""
        scores: dict[str, float] = {}
        config = self.recipe.evaluate
        if self.points:
            points_B2 = self._sample(networks["generator"], config.samples, noise)[0].flatten(1)
            scores = coverage(points_B2)
        elif config.features != "none":
            if self._evaluation is None:
                self._evaluation = Evaluation(self.recipe, device=noise.generator.device)
            images_BCHW, labels_B = self._sample(networks["generator"], config.samples, noise)
            scores = self._evaluation(images_BCHW, labels_B)
        if "ada" in self.memory:
            scores["augmentation"] = float(self.ada.p)
        if self.encoding is not None:
            scores |= self.encoding.evaluate(networks, noise.generator.device)
        return scores

    def model(self) -> dict[str, Any]:
        """The generator, the names of its classes, and what comes with an encoder."""
        facts = {
            "networks": ["generator"],
            "classes": list(self.classes),
            "colours": "points" if self.points else self.recipe.data.colours,
        }
        if self.encoding is not None:
            more = self.encoding.model()
            return facts | more | {"networks": ["generator", *more["networks"]]}
        return facts

    def exhibit(self, run: Path) -> None:
        """Shows in the report whether pictures are copies."""
        if not self.points:
            write_neighbours(run, self.recipe)

    def _sample(
        self, generator: nn.Module, count: int, noise: Noise
    ) -> tuple[Tensor, Tensor | None]:
        """Pictures on the CPU and their labels, the classes in turn."""
        latents_BZ = noise.normal(count, self.recipe.model.latents)
        labels_B = None
        if self.classes:
            labels_B = torch.arange(count, device=latents_BZ.device) % len(self.classes)
        parts = []
        for start in range(0, count, CHUNK):
            some = slice(start, start + CHUNK)
            given_B = None if labels_B is None else labels_B[some]
            parts.append(generator(latents_BZ[some], given_B).float().clamp(-1, 1).cpu())
        return torch.cat(parts), None if labels_B is None else labels_B.cpu()


def _class_loss(verdicts_BV: Tensor, labels_B: Tensor) -> Tensor:
    """Cross-entropy of the class logits behind the verdict."""
    return F.cross_entropy(verdicts_BV[:, 1:].float(), labels_B)
