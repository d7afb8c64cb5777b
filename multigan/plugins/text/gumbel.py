"""A text GAN through the Gumbel-softmax: hard words forwards, soft gradients backwards.

TextGAN in the manner of Kusner and Hernandez-Lobato 2016 and RelGAN (Nie et al. 2019). As in RelGAN
no gradient flows from a word into the words after it.

Shape suffixes: B sentences, L token positions, V vocabulary, E embedding, Z latents, C theme.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.vocabulary import PAD
from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import (
    double_backward,
    gradient_penalty,
    path_length_penalty,
    r1_penalty,
    r2_penalty,
)
from multigan.plugins.text.recipe import GumbelRecipe
from multigan.plugins.text.relaxation import SoftWords, noisy_logits, soft_rows, temperature
from multigan.plugins.text.task import TextTask
from multigan.training.phases import Batch, Losses, Noise, Phase, Stage, Step


class GumbelGAN:
    """Trains a sentence generator.

    Args:
        recipe: What to train.

    Raises:
        DataError: The data has no usable sentence.
        RecipeError: Sizes or options do not fit each other.
    """

    def __init__(self, recipe: GumbelRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.task = task = TextTask(recipe)
        self.generator, self.discriminator = task.generator, task.discriminator
        self.networks, self.groups = task.networks, task.groups
        self.optimizers, self.averaged = task.optimizers, task.averaged
        self.memory = nn.ModuleDict({"path_length": _Mean()} if self.loss.path_length else {})
        self.dataset, self.preview, self.evaluate = task.dataset, task.preview, task.evaluate
        self.model = task.model
        self.exhibit = task.exhibit if recipe.evaluate.sweep else None

    def stages(self) -> tuple[Stage, ...]:
        """Likelihood, a head start for the discriminator, the game."""
        judge = self.discriminator_loss
        repeat = self.loss.discriminator_steps
        return self.task.stages(
            discriminator=judge,
            adversarial=(
                Phase("discriminator", "discriminator", judge, repeat=repeat),
                Phase("generator", "generator", self.generator_loss, fresh=False),
            ),
        )

    def discriminator_loss(self, batch: Batch, step: Step) -> Losses:
        """Tells real sentences, or beginnings of sentences, from generated ones."""
        real_BL, labels_B, loss = batch["tokens"], batch.get("labels"), self.loss
        logits_real, logits_fake, fake_BL = self.task.judge_both(batch, step.noise)
        losses = {
            "objective": discriminator_loss(
                loss.objective, logits_real, logits_fake, smoothing=loss.smoothing
            )
        }
        with double_backward():
            if loss.r1:
                judge = self._judge(real_BL, labels_B)
                losses["r1"] = loss.r1 * r1_penalty(judge, real=self._embed(real_BL))
            if loss.r2:
                judge = self._judge(fake_BL, labels_B)
                losses["r2"] = loss.r2 * r2_penalty(judge, fake=self._embed(fake_BL))
            if loss.gradient_penalty:
                # Between two sentences the longer one says where the words are.
                longer_BL = torch.where(real_BL != PAD, real_BL, fake_BL)
                losses["gradient-penalty"] = loss.gradient_penalty * gradient_penalty(
                    self._judge(longer_BL, labels_B),
                    real=self._embed(real_BL),
                    fake=self._embed(fake_BL),
                    alpha=step.noise.uniform(len(real_BL)),
                )
        return losses

    def generator_loss(self, batch: Batch, step: Step) -> Losses:
        """Raises the verdicts on generated words, through hard words with soft gradients."""
        real_BL, labels_B, loss = batch["tokens"], batch.get("labels"), self.loss
        fake_BL, words_BLV, theme_BC = self._relaxed_sentences(batch, step)
        logits_fake = self.discriminator(fake_BL, words_BLV, labels_B)
        needs_real = OBJECTIVES[loss.objective].needs_real
        logits_real = self.discriminator(real_BL, None, labels_B) if needs_real else None
        losses = {"objective": generator_loss(loss.objective, logits_fake, logits_real)}
        if loss.mle_weight:
            losses["nll"] = loss.mle_weight * self.task.likelihood_loss(batch, step.noise)
        if loss.path_length:
            losses["path-length"] = loss.path_length * self._path_length(
                fake_BL, theme_BC, step.noise
            )
        return losses

    # -- parts ----------------------------------------------------------------------------------

    def _relaxed_sentences(self, batch: Batch, step: Step) -> tuple[Tensor, SoftWords, Tensor]:
        """Generated sentences (B, L), the same with soft gradients, and their themes (B, C)."""
        fake_BL, theme_BC = self.task.write(batch, step.noise)
        # The same words once more, all positions at once and with gradient; pads need none.
        h_BLH = self.generator.features(fake_BL, theme_BC)
        where_BL = (fake_BL != PAD) if fake_BL.device.type == "cpu" else None
        h_NH = h_BLH.flatten(0, 1) if where_BL is None else h_BLH[where_BL]
        tokens_N = fake_BL.flatten() if where_BL is None else fake_BL[where_BL]
        logits_NV = self.generator.logits(h_NH).float()
        if self.loss.relaxation == "expectation":
            return fake_BL, SoftWords(fake_BL, logits_NV.softmax(1), where_BL), theme_BC
        uniforms_BLV = step.noise.uniform(*fake_BL.shape, self.task.vocabulary_size)
        uniforms_NV = uniforms_BLV.flatten(0, 1) if where_BL is None else uniforms_BLV[where_BL]
        heat = temperature(
            self.loss.temperature_schedule,
            start=self.loss.temperature_start,
            end=self.loss.temperature_end,
            fraction=step.fraction,
        )
        noisy_NV = noisy_logits(logits_NV, tokens_N, uniforms_NV)
        soft_NV = soft_rows(logits_NV, noisy_NV, temperature=heat)
        return fake_BL, SoftWords(fake_BL, soft_NV, where_BL), theme_BC

    def _path_length(self, fake_BL: Tensor, theme_BC: Tensor, noise: Noise) -> Tensor:
        """How unevenly the expected words (as the generator embeds them) change with the noise."""
        Z = self.recipe.model.latents
        mean: Any = self.memory["path_length"]

        def expected_words(latents_BZ: Tensor) -> Tensor:
            theme = torch.cat([latents_BZ, theme_BC[:, Z:]], dim=1)
            rows_BLV = self.generator(fake_BL, theme).float().softmax(2)
            return (rows_BLV @ self.generator.embedding.weight.detach().float())[:, None]

        B, L = fake_BL.shape
        with double_backward():
            penalty, mean.value = path_length_penalty(
                expected_words,
                latents=theme_BC[:, :Z],
                noise=noise.normal(B, 1, L, self.task.sizes.embedding),
                mean=mean.value,
            )
        return penalty

    def _embed(self, tokens_BL: Tensor) -> Any:
        words = self.discriminator.embed(tokens_BL)
        return [*words] if isinstance(words, tuple) else words

    def _judge(self, tokens_BL: Tensor, labels_B: Tensor | None) -> Callable[[Any], Tensor]:
        def judge(words: Any) -> Tensor:
            words = tuple(words) if isinstance(words, list) else words
            return self.discriminator.judge(words, tokens_BL, labels_B)

        return judge


class _Mean(nn.Module):
    """The running mean of path lengths, which checkpoints keep."""

    value: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(()))
