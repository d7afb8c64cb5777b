"""A text GAN: pretraining by likelihood, then an adversarial game through the Gumbel-softmax.

TextGAN in the manner of Kusner and Hernandez-Lobato 2016 and RelGAN (Nie et al. 2019): hard words
forwards, the gradient of the softmax backwards. As in RelGAN no gradient flows from a word into the
words after it; here the discriminator judges each beginning of a sentence by itself, so none is
needed at the equilibrium.

Shape suffixes: B sentences, L token positions, V vocabulary, Z latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import PAD, UNK
from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import double_backward, r1_penalty
from multigan.plugins.text.data import Corpus, Sentences, load_corpus
from multigan.plugins.text.networks import (
    LSTMDiscriminator,
    LSTMGenerator,
    by_chance,
    by_gumbel,
    write,
)
from multigan.plugins.text.recipe import TextGANRecipe, fitted
from multigan.plugins.text.relaxation import annealed, gumbel_noise, relaxed_rows
from multigan.plugins.text.scores import score_samples
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

PREVIEWS = 20


class TextGAN:
    """Trains a sentence generator.

    Args:
        recipe: What to train.

    Raises:
        DataError: The data has no usable sentence.
    """

    def __init__(self, recipe: TextGANRecipe) -> None:
        self.corpus: Corpus = load_corpus(recipe.data)
        vocabulary_size = len(self.corpus.vocabulary)
        self.recipe, model = recipe, recipe.model
        self.sizes = sizes = fitted(recipe, vocabulary_size=vocabulary_size)
        self.generator = LSTMGenerator(
            vocabulary_size=vocabulary_size,
            embedding=sizes.embedding,
            hidden=sizes.hidden,
            latents=model.latents,
            layers=model.layers,
        )
        self.discriminator = LSTMDiscriminator(
            vocabulary_size=vocabulary_size,
            embedding=sizes.discriminator_embedding,
            hidden=sizes.discriminator_hidden,
            dropout=model.dropout,
        )
        self.networks = nn.ModuleDict(
            {"generator": self.generator, "discriminator": self.discriminator}
        )
        self.memory = nn.ModuleDict()
        self.groups: Mapping[str, tuple[str, ...]] = {
            "pretraining": ("generator",),
            "generator": ("generator",),
            "discriminator": ("discriminator",),
        }
        self.optimizers = sizes.optimizers
        self.averaged = ("generator",)
        # One constant for all batches: the mean over each batch's own words would weigh words
        # unequally, and differently on two processes.
        self.words_per_sentence = (self.corpus.train != PAD).sum().item() / len(self.corpus.train)

    def stages(self) -> tuple[Stage, ...]:
        """Likelihood, a head start for the discriminator, the game."""
        steps, judge = self.recipe.steps, self.discriminator_loss
        stages = (
            Stage("mle", self.sizes.mle_steps, (Phase("mle", "pretraining", self.mle_loss),)),
            Stage(
                "discriminator",
                steps.discriminator,
                (Phase("discriminator", "discriminator", judge),),
            ),
            Stage(
                "adversarial",
                self.sizes.adversarial_steps,
                (
                    Phase(
                        "discriminator",
                        "discriminator",
                        judge,
                        repeat=self.recipe.loss.discriminator_steps,
                    ),
                    Phase("generator", "generator", self.generator_loss, fresh=False),
                ),
            ),
        )
        return tuple(stage for stage in stages if stage.steps > 0)

    def dataset(self) -> Sentences:
        """The training sentences, as one tensor in memory."""
        return Sentences(self.corpus.train)

    def mle_loss(self, batch: Batch, step: Step) -> Losses:
        """Nats per word of real sentences."""
        tokens_BL = batch["tokens"]
        return {"nll": self._nll(tokens_BL, self._latents(len(tokens_BL), step.noise))}

    def discriminator_loss(self, batch: Batch, step: Step) -> Losses:
        """Tells real beginnings of sentences from generated ones."""
        real_BL, loss = batch["tokens"], self.recipe.loss
        B, L = real_BL.shape
        uniforms_BL = step.noise.uniform(B, L)
        fake_BL = self._write(self._latents(B, step.noise), by_chance(uniforms_BL))
        logits_real, logits_fake = self.discriminator(real_BL), self.discriminator(fake_BL)
        losses = {"objective": discriminator_loss(loss.objective, logits_real, logits_fake)}
        if loss.r1 > 0:
            losses["r1"] = loss.r1 * self._r1(real_BL)
        return losses

    def generator_loss(self, batch: Batch, step: Step) -> Losses:
        """Raises the verdicts on generated words, through hard words with soft gradients."""
        real_BL, loss = batch["tokens"], self.recipe.loss
        B, L = real_BL.shape
        latents_BZ = self._latents(B, step.noise)
        gumbel_BLV = gumbel_noise(step.noise.uniform(B, L, len(self.corpus.vocabulary)))
        fake_BL = self._write(latents_BZ, by_gumbel(gumbel_BLV))
        # The same words once more, all positions at once and with gradient.
        logits_BLV = self.generator(fake_BL, latents_BZ)
        temperature = annealed(loss.temperature_start, loss.temperature_end, step.fraction)
        rows_BLV = relaxed_rows(logits_BLV, gumbel_BLV, fake_BL, temperature=temperature)
        logits_fake = self.discriminator(fake_BL, rows_BLV)
        needs_real = OBJECTIVES[loss.objective].needs_real
        logits_real = self.discriminator(real_BL) if needs_real else None
        losses = {"objective": generator_loss(loss.objective, logits_fake, logits_real)}
        if loss.mle_weight > 0:
            losses["nll"] = loss.mle_weight * self._nll(real_BL, self._latents(B, step.noise))
        return losses

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Sentences at temperature 1."""
        return Preview(texts=self._sample(networks["generator"], PREVIEWS, noise)[1])

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores at temperature 1; what they mean is in the plugin's manifest."""
        generator = networks["generator"]
        tokens_BL, _ = self._sample(generator, self.recipe.evaluate.samples, noise)
        test_BL = self.corpus.test[: self.recipe.evaluate.references].to(tokens_BL.device)
        scores = score_samples(tokens_BL, corpus=self.corpus, references=len(test_BL))
        nll, words = 0.0, 0
        for part_BL in test_BL.split(self.recipe.train.batch_size):
            logits_BLV = generator(part_BL, self._latents(len(part_BL), noise))
            # The generator cannot write unknown words: they are read, and not predicted.
            known_BL = part_BL.masked_fill(part_BL == UNK, PAD)
            nll += _cross_entropy(logits_BLV, known_BL).sum().item()
            words += int((known_BL != PAD).sum())
        return {**scores, "nll-test": nll / words}

    def model(self) -> dict[str, Any]:
        """Vocabulary and sizes."""
        return {
            "networks": ["generator"],
            "vocabulary": self.corpus.vocabulary.to_dict(),
            "max_length": self.corpus.max_length,
        }

    # -- parts of the losses -------------------------------------------------------------------

    def _latents(self, count: int, noise: Noise) -> Tensor:
        return noise.normal(count, self.recipe.model.latents)

    def _write(self, latents_BZ: Tensor, choose: Any, generator: Any = None) -> Tensor:
        return write(
            generator or self.generator, latents_BZ, choose, max_length=self.corpus.max_length
        )

    def _sample(self, generator: nn.Module, count: int, noise: Noise) -> tuple[Tensor, list[str]]:
        latents_BZ = self._latents(count, noise)
        uniforms_BL = noise.uniform(count, self.corpus.max_length + 1)
        tokens_BL = self._write(latents_BZ, by_chance(uniforms_BL), generator)
        return tokens_BL, self.corpus.vocabulary.decode_batch(tokens_BL)

    def _nll(self, tokens_BL: Tensor, latents_BZ: Tensor) -> Tensor:
        nats = _cross_entropy(self.generator(tokens_BL, latents_BZ), tokens_BL).sum()
        return nats / (len(tokens_BL) * self.words_per_sentence)

    def _r1(self, real_BL: Tensor) -> Tensor:
        with double_backward():
            return r1_penalty(
                lambda words: self.discriminator.judge(words[0], words[1], real_BL),
                real=list(self.discriminator.embed(real_BL)),
            )


def _cross_entropy(logits_BLV: Tensor, tokens_BL: Tensor) -> Tensor:
    """Nats of every token (B, L); 0 at pads."""
    # Flat rows: with the words in the middle, as (B, V, L), the softmax strides through memory.
    nats = F.cross_entropy(
        logits_BLV.float().flatten(0, 1), tokens_BL.flatten(), ignore_index=PAD, reduction="none"
    )
    return nats.view(tokens_BL.shape)
