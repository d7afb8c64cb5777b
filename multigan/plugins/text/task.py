"""What all text GANs share: sentences, networks, likelihood, previews and scores.

Shape suffixes: B sentences, L token positions, V vocabulary, H hidden, Z latents, C theme.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.plugins.text.data.corpus import Corpus, Sentences, load_corpus
from multigan.plugins.text.data.oracle import Oracle
from multigan.plugins.text.data.oracle_corpus import SHIFT, load_oracle
from multigan.plugins.text.evaluation.scores import score_samples
from multigan.plugins.text.likelihood import nll, predicted
from multigan.plugins.text.networks import build_discriminator, build_generator
from multigan.plugins.text.networks.themes import make_theme
from multigan.plugins.text.recipe import TextRecipe, fitted
from multigan.plugins.text.writing import Generator, by_chance, write
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

PREVIEWS = 20

Loss = Callable[[Batch, Step], Losses]


class TextTask:
    """Sentences to learn, the networks that a recipe asks for, and how well they do.

    Args:
        recipe: of a text GAN.

    Raises:
        DataError: the data has no usable sentence.
        RecipeError: sizes do not fit each other.
    """

    def __init__(self, recipe: TextRecipe) -> None:
        self.recipe = recipe
        self.oracle: Oracle | None = None
        self.corpus: Corpus
        if recipe.data.source == "builtin:oracle":
            self.oracle, self.corpus = load_oracle(recipe.data.oracle)
        else:
            self.corpus = load_corpus(recipe.data)
        self.vocabulary_size = len(self.corpus.vocabulary)
        self.labels = len(self.corpus.labels)
        self.length = self.corpus.max_length + (1 if self.corpus.ends else 0)
        self.sizes = sizes = fitted(recipe, vocabulary_size=self.vocabulary_size)
        common = {"vocabulary_size": self.vocabulary_size, "labels": self.labels}
        self.generator = build_generator(recipe.model, sizes, **common, ends=self.corpus.ends)
        self.discriminator = build_discriminator(recipe.model, sizes, **common, length=self.length)
        self.networks = nn.ModuleDict(
            {"generator": self.generator, "discriminator": self.discriminator}
        )
        self.groups: Mapping[str, tuple[str, ...]] = {
            "pretraining": ("generator",),
            "generator": ("generator",),
            "discriminator": ("discriminator",),
        }
        self.optimizers = sizes.optimizers
        self.averaged = ("generator",)

    def stages(self, *, discriminator: Loss, adversarial: tuple[Phase, ...]) -> tuple[Stage, ...]:
        """Likelihood, a head start for the discriminator, the game; those that have steps."""
        head_start = Phase("discriminator", "discriminator", discriminator)
        stages = (
            Stage("mle", self.sizes.mle_steps, (Phase("mle", "pretraining", self.mle_loss),)),
            Stage("discriminator", self.recipe.steps.discriminator, (head_start,)),
            Stage("adversarial", self.sizes.adversarial_steps, adversarial),
        )
        return tuple(stage for stage in stages if stage.steps > 0)

    def dataset(self) -> Sentences:
        """The training sentences."""
        return self.corpus.train

    def mle_loss(self, batch: Batch, step: Step) -> Losses:
        """Nats per word of real sentences."""
        return {"nll": self.likelihood_loss(batch, step.noise)}

    def likelihood_loss(self, batch: Batch, noise: Noise) -> Tensor:
        """Nats per word, where a batch counts as if it had the usual number of words.

        The mean over each batch's own words would weigh words unequally, and differently on two
        processes.
        """
        tokens_BL = batch["tokens"]
        nats = nll(self.generator, tokens_BL, self.theme(batch, noise)).sum()
        return nats / (len(tokens_BL) * self.corpus.mean_length)

    def theme(self, batch: Batch, noise: Noise) -> Tensor:
        """Fresh noise, and the labels of a batch, (B, C)."""
        return self._theme(len(batch["tokens"]), noise, batch.get("labels"))

    def write(
        self, batch: Batch, noise: Noise, *, generator: Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Generated sentences (B, L) with the labels of a batch, and their themes (B, C)."""
        theme_BC = self.theme(batch, noise)
        choose = by_chance(noise.uniform(len(theme_BC), self.length))
        return write(generator or self.generator, theme_BC, choose, length=self.length), theme_BC

    def judge_both(self, batch: Batch, noise: Noise) -> tuple[Tensor, Tensor, Tensor]:
        """Verdicts on real and on freshly generated sentences, (B, K) each, and the latter (B, L).

        In one pass: no discriminator here lets sentences of a batch influence each other.
        """
        real_BL, labels_B = batch["tokens"], batch.get("labels")
        fake_BL, _ = self.write(batch, noise)
        labels = None if labels_B is None else torch.cat([labels_B, labels_B])
        verdicts = self.discriminator(torch.cat([real_BL, fake_BL]), None, labels)
        logits_real, logits_fake = verdicts.chunk(2)
        return logits_real, logits_fake, fake_BL

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Sentences at temperature 1."""
        tokens_BL, labels_B = self._sample(networks["generator"], PREVIEWS, noise)
        texts = self.corpus.vocabulary.decode_batch(tokens_BL)
        if self.labels:
            names = [self.corpus.labels[i] for i in labels_B.tolist()]
            texts = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
        return Preview(texts=texts)

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores at temperature 1; what they mean is in the plugin's manifest."""
        generator: Any = networks["generator"]
        settings = self.recipe.evaluate
        tokens_BL, labels_B = self._sample(generator, settings.samples, noise)
        test_BL = self.corpus.test[: settings.references]
        train = self.corpus.train.batch(
            torch.arange(min(settings.references, len(self.corpus.train)))
        )
        likelihoods = {
            "nll-test": self._mean_nll(generator, test_BL, self.corpus.test_labels, noise),
            "nll-gen": self._mean_nll(generator, train["tokens"], train.get("labels"), noise),
            "nll-div": self._mean_nll(generator, tokens_BL, labels_B, noise),
        }
        if self.oracle is not None:
            oracle = self.oracle.to(tokens_BL.device)
            return {
                f"nll-oracle@{oracle.name}": oracle.nll(tokens_BL - SHIFT),
                f"own-nll@{oracle.name}": oracle.nll(test_BL.to(tokens_BL.device) - SHIFT),
                **likelihoods,
            }
        share = self.corpus.mean_length / self.length
        return {
            **score_samples(tokens_BL, corpus=self.corpus, references=len(test_BL)),
            **likelihoods,
            "nll-gen-padded": likelihoods["nll-gen"] * share,
        }

    def model(self) -> dict[str, Any]:
        """Vocabulary, length and labels."""
        return {
            "networks": ["generator"],
            "vocabulary": self.corpus.vocabulary.to_dict(),
            "max_length": self.corpus.max_length,
            "labels": list(self.corpus.labels),
            "ends": self.corpus.ends,
        }

    def exhibit(self, run: Path) -> None:
        """The temperature sweep of a complete run, beside that of its pretraining."""
        from multigan.plugins.text.evaluation.compare import compare_runs, settings_of

        compare_runs([run], run / "exhibits", settings=settings_of(run))

    # -- parts ----------------------------------------------------------------------------------

    def _theme(self, count: int, noise: Noise, labels_B: Tensor | None) -> Tensor:
        latents_BZ = noise.normal(count, self.recipe.model.latents)
        return make_theme(latents_BZ, labels_B, labels=self.labels)

    def _sample(self, generator: Any, count: int, noise: Noise) -> tuple[Tensor, Tensor]:
        """Sentences (count, L) of all labels in turn, and these labels."""
        numbers = torch.arange(count, device=noise.generator.device)
        labels_B = numbers % max(1, self.labels)
        theme_BC = self._theme(count, noise, labels_B)
        choose = by_chance(noise.uniform(count, self.length))
        return write(generator, theme_BC, choose, length=self.length), labels_B

    def _mean_nll(
        self, generator: Any, tokens_NL: Tensor, labels_N: Tensor | None, noise: Noise
    ) -> float:
        """Nats per word that the generator could have written."""
        device, size = noise.generator.device, self.recipe.train.batch_size
        total, words = 0.0, 0
        for start in range(0, len(tokens_NL), size):
            tokens_BL = tokens_NL[start : start + size].to(device)
            labels_B = None if labels_N is None else labels_N[start : start + size].to(device)
            theme_BC = self._theme(len(tokens_BL), noise, labels_B)
            total += nll(generator, tokens_BL, theme_BC).sum().item()
            words += int(predicted(tokens_BL).sum())
        return total / max(1, words)
