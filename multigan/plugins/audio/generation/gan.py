"""A generator and a discriminator of sounds, waveforms or spectrograms.

The step, in the order in which it is played:

    discriminator   judges real sounds and new fakes, `discriminator_steps` times
    penalty         on the discriminator's slope; lazily, if every so many steps is enough
    generator       raises the verdicts on its sounds

Real and generated sounds go through the discriminator in one batch; neither family normalises over
it. Where the generator is not to learn from the fakes just judged, they are made without a graph.

Shape suffixes: B sounds, T samples, Z latents, V verdict and class logits, L shuffled layers. What
is judged is (B, 1, T) or (B, 1, mels, frames), here only x_B.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import dragan_penalty, gradient_penalty, r1_penalty, r2_penalty
from multigan.nn.graph import graph_of
from multigan.plugins.audio.data.clips import open_clips
from multigan.plugins.audio.generation.augment import augment
from multigan.plugins.audio.generation.build import build_networks
from multigan.plugins.audio.generation.data import some_clips
from multigan.plugins.audio.generation.encoding import Spectrograms, Waveforms, to_waveforms
from multigan.plugins.audio.generation.evaluation import Evaluation
from multigan.plugins.audio.generation.exhibit import write_neighbours
from multigan.plugins.audio.generation.labels import in_turn
from multigan.plugins.audio.generation.preview import show
from multigan.plugins.audio.generation.recipe import SoundGANRecipe, SpecGANRecipe, WaveGANModel
from multigan.plugins.audio.generation.vocoders import load_vocoder
from multigan.plugins.audio.networks.wavegan import WaveGANDiscriminator
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 40
CHUNK = 100  # sounds generated at once where no gradient is needed
MEASURED = 2000  # sounds of which the spectrograms' mean and deviation are taken, at most


class SoundGAN:
    """Trains a generator of sounds.

    Args:
        recipe: what to train.

    Raises:
        DataError: there are no such sounds, or they have no labels.
    """

    def __init__(self, recipe: SoundGANRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.data = open_clips(recipe.data)
        self.classes = self.data.classes if recipe.labelled else ()
        some_BT = some_clips(self.data, MEASURED, seed=recipe.seed)["waveform"]
        self.encoding: Spectrograms | Waveforms = Waveforms()
        if isinstance(recipe, SpecGANRecipe):
            self.encoding = Spectrograms(
                recipe.mel, range_db=recipe.model.range_db, clip=recipe.model.clip
            )
            self.encoding.measure(some_BT)
        self.spread = float(self.encoding.encode(some_BT).std())
        self.generator, self.discriminator = build_networks(recipe, classes=len(self.classes))
        self.networks = nn.ModuleDict(
            {"generator": self.generator, "discriminator": self.discriminator}
        )
        self.vocoder: nn.Module | None = None
        if isinstance(recipe, SpecGANRecipe) and recipe.model.vocoder:
            self.vocoder = load_vocoder(recipe.model.vocoder, mel=recipe.mel)
            self.networks["vocoder"] = self.vocoder  # in no group: it is kept as it is
        self.memory = nn.ModuleDict({"encoding": self.encoding})
        self.groups: dict[str, tuple[str, ...]] = {
            "generator": ("generator",),
            "discriminator": ("discriminator",),
        }
        self.averaged: tuple[str, ...] = ("generator",)
        self._evaluation: Evaluation | None = None

    def stages(self) -> tuple[Stage, ...]:
        """The game, see the top of the file."""
        loss = self.loss
        repeat = loss.discriminator_steps
        phases = [Phase("discriminator", "discriminator", self.judge_both, repeat=repeat)]
        if loss.penalised and loss.penalty_every > 1:
            every = loss.penalty_every
            phases.append(Phase("penalty", "discriminator", self.penalty, every=every, fresh=False))
        phases.append(Phase("generator", "generator", self.fool, fresh=False))
        return (Stage("adversarial", self.recipe.steps.adversarial, tuple(phases)),)

    # The phases -----------------------------------------------------------------------------------

    def judge_both(self, batch: Batch, step: Step) -> Losses:
        """The discriminator tells real sounds from fakes, and penalties keep its slope in check.

        Leaves what was judged for the penalty, and ``fake`` for the generator.
        """
        labels_B = self._labels(batch)
        real_B = self.encoding.encode(batch["waveform"])
        with graph_of(self.generator, wanted=self.loss.reuse_fakes):
            batch["fake"] = self.generate(len(real_B), labels_B, step.noise)
        batch["seen_real"] = self._seen(real_B, step)
        batch["seen_fake"] = self._seen(batch["fake"].detach(), step)
        real_BV, fake_BV = self._verdicts(batch, labels_B, step)
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
        loss, real_B, fake_B = self.loss, batch["seen_real"], batch["seen_fake"]
        labels_B, shifts = self._labels(batch), self._shifts(len(real_B), step.noise)

        def verdict(x_B: Tensor) -> Tensor:
            # forward: a compiled network has no second derivative.
            return self.discriminator.forward(x_B, labels_B, **shifts)[:, :1]

        terms: dict[str, Tensor] = {}
        if loss.gradient_penalty:
            alpha_B = step.noise.uniform(len(real_B))
            terms["gradient-penalty"] = loss.gradient_penalty * gradient_penalty(
                verdict, real=real_B, fake=fake_B, alpha=alpha_B
            )
        if loss.dragan:
            scatter_B = 0.5 * self.spread * step.noise.uniform(*real_B.shape)
            terms["dragan"] = loss.dragan * dragan_penalty(verdict, real=real_B, noise=scatter_B)
        if loss.r1:
            terms["r1"] = loss.r1 * r1_penalty(verdict, real=real_B)
        if loss.r2:
            terms["r2"] = loss.r2 * r2_penalty(verdict, fake=fake_B)
        return {name: loss.penalty_every * term for name, term in terms.items()}

    def fool(self, batch: Batch, step: Step) -> Losses:
        """The generator raises the verdicts on its sounds."""
        labels_B = self._labels(batch)
        # Popped: the graph behind the fakes is used up by this phase.
        fake_B = batch.pop("fake")
        if not self.loss.reuse_fakes:
            fake_B = self.generate(len(fake_B), labels_B, step.noise)
        batch["seen_fake"] = self._seen(fake_B, step)
        if OBJECTIVES[self.loss.objective].needs_real:
            real_BV, fake_BV = self._verdicts(batch, labels_B, step)
            adversarial = generator_loss(self.loss.objective, fake_BV[:, :1], real_BV[:, :1])
        else:
            shifts = self._shifts(len(fake_B), step.noise)
            fake_BV = self.discriminator(batch["seen_fake"], labels_B, **shifts)
            adversarial = generator_loss(self.loss.objective, fake_BV[:, :1])
        losses = {"adversarial": adversarial}
        if self._classifies and labels_B is not None:
            losses["classes"] = self.loss.classifier * _class_loss(fake_BV, labels_B)
        return losses

    # What they are made of ------------------------------------------------------------------------

    def generate(self, count: int, labels_B: Tensor | None, noise: Noise) -> Tensor:
        """Fakes as they are judged."""
        return self.generator(self.latents(count, noise), labels_B)

    def latents(self, count: int, noise: Noise) -> Tensor:
        """(B, Z) in the way of the recipe."""
        model = self.recipe.model
        if model.latent_noise == "uniform":
            return 2 * noise.uniform(count, model.latents) - 1
        return noise.normal(count, model.latents)

    def _seen(self, x_B: Tensor, step: Step) -> Tensor:
        """What the discriminator gets: augmented, and with the noise of the moment."""
        recipe, deviation = self.recipe, self.loss.instance_noise
        if isinstance(recipe, SpecGANRecipe) and recipe.augment.used:
            x_B = augment(x_B, step.noise, shift=recipe.augment.shift, mask=recipe.augment.mask)
        if deviation:
            x_B = x_B + deviation * (1.0 - step.fraction) * step.noise.normal(*x_B.shape)
        return x_B

    def _verdicts(self, batch: Batch, labels_B: Tensor | None, step: Step) -> tuple[Tensor, Tensor]:
        """Verdicts on both kinds, in one pass."""
        real_B, fake_B = batch["seen_real"], batch["seen_fake"]
        both_B = torch.cat([real_B, fake_B.to(real_B.dtype)])
        asked_B = None if labels_B is None else torch.cat([labels_B, labels_B])
        # Drawn for one kind after the other, so that several processes see what one would.
        of_real, of_fake = (self._shifts(len(real_B), step.noise) for _ in range(2))
        shifts_both = {name: torch.cat([of_real[name], of_fake[name]]) for name in of_real}
        real_BV, fake_BV = self.discriminator(both_B, asked_B, **shifts_both).chunk(2)
        return real_BV, fake_BV

    def _shifts(self, count: int, noise: Noise) -> dict[str, Tensor]:
        """Of phase shuffle, one for each sound and layer; nothing where there is none."""
        model, judge = self.recipe.model, self.discriminator
        if not isinstance(model, WaveGANModel) or not isinstance(judge, WaveGANDiscriminator):
            return {}
        most = model.phase_shuffle
        return {"shifts_BL": noise.integers(2 * most + 1, count, judge.shuffled) - most}

    def _labels(self, batch: Batch) -> Tensor | None:
        return batch["label"] if self.classes else None

    @property
    def _classifies(self) -> bool:
        return self.recipe.model.labels == "classifier"

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """The training sounds."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Spectrograms of the same latents every time, one column a class, and some to hear."""
        made_B, labels_B = self.sample(networks["generator"], SHOWN, noise)
        names = [] if labels_B is None else [self.classes[int(i)] for i in labels_B]
        return show(
            made_B,
            self.encoding,
            vocoder=networks.get("vocoder"),
            names=names,
            rate=self.recipe.data.rate,
        )

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores; what they mean is in the plugin's manifest."""
        if self._evaluation is None:
            self._evaluation = Evaluation(self.recipe, classes=self.classes)
        count = self.recipe.evaluate.samples
        made_B, labels_B = self.sample(networks["generator"], count, noise)
        waveforms_BT = to_waveforms(made_B, self.encoding, networks.get("vocoder"))
        return self._evaluation(waveforms_BT, labels_B)

    def model(self) -> dict[str, Any]:
        """The generator, and how what it makes becomes sound."""
        return {
            "networks": ["generator"] if self.vocoder is None else ["generator", "vocoder"],
            "classes": list(self.classes),
            "rate": self.recipe.data.rate,
            "latent_noise": self.recipe.model.latent_noise,
            **self.encoding.facts(),
        }

    def exhibit(self, run: Path) -> None:
        """Shows in the report whether sounds are copies."""
        write_neighbours(run, self.recipe)

    def sample(
        self, generator: nn.Module, count: int, noise: Noise
    ) -> tuple[Tensor, Tensor | None]:
        """What the generator makes, and its labels, the classes in turn."""
        latents_BZ = self.latents(count, noise)
        labels_B = None
        if self.classes:
            labels_B = torch.tensor(in_turn(self.classes, count), device=latents_BZ.device)
        parts = []
        for start in range(0, count, CHUNK):
            some = slice(start, start + CHUNK)
            given_B = None if labels_B is None else labels_B[some]
            parts.append(generator(latents_BZ[some], given_B).float())
        return torch.cat(parts), labels_B


def _class_loss(verdicts_BV: Tensor, labels_B: Tensor) -> Tensor:
    """Cross-entropy of the class logits behind the verdict."""
    return F.cross_entropy(verdicts_BV[:, 1:].float(), labels_B)
