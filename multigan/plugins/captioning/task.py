"""What the stages of a captioning GAN share: pictures, networks, likelihood, previews, scores.

Shape suffixes: B pictures, K captions of each, L token positions, V vocabulary, N cells, D features
of a cell, H hidden, Z latents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.transforms import to_float
from multigan.data.vocabulary import PAD
from multigan.plugins.captioning.data.corpus import Corpus, Pictures, load_corpus
from multigan.plugins.captioning.evaluation import (
    HeldOut,
    encode,
    evaluate_model,
    held_out,
    write_captions,
)
from multigan.plugins.captioning.networks import build_encoder
from multigan.plugins.captioning.networks.evaluator import Evaluator
from multigan.plugins.captioning.networks.lstm import AttentionGenerator
from multigan.plugins.captioning.recipe import CaptionRecipe
from multigan.training.phases import Batch, Losses, Noise, Preview, Step

PREVIEWS, PREVIEW_CAPTIONS = 8, 3


class CaptionTask:
    """Captions to learn, the networks that a recipe asks for, and how well they do.

    The encoder learns in the pretraining only. After that it is frozen, so that the game needs each
    picture's grid once, without gradient, for all captions and both players; the evaluator sees the
    same grid.

    Noise is given to the generator in all stages, with weights that begin at zero. Likelihood has
    no use for it: a caption's noise is drawn anew each time and tells nothing about its words, so
    it learns to be hardly moved by it, and the game decides what to make of it.

    Args:
        recipe: of a captioning GAN.

    Raises:
        DataError: the data has no usable caption.
        CheckpointError: the pretrained encoder cannot be had.
        RecipeError: sizes do not fit each other.
    """

    def __init__(self, recipe: CaptionRecipe) -> None:
        self.recipe = recipe
        model = recipe.model
        self.corpus: Corpus = load_corpus(recipe.data)
        self.length = self.corpus.max_length + 1
        self.encoder = build_encoder(model, size=recipe.data.size)
        common = {
            "vocabulary_size": len(self.corpus.vocabulary),
            "features": self.encoder.features,
            "embedding": model.embedding,
            "hidden": model.hidden,
            "heads": model.heads,
            "latents": model.latents,
        }
        self.generator = AttentionGenerator(**common, dropout=model.dropout)
        self.evaluator = Evaluator(
            **common,
            summary=model.summary,
            # Where people said one thing, how they would vary it is not known.
            kernels=model.kernels if self.corpus.several else 0,
            dropout=model.evaluator_dropout,
        )
        self.networks = nn.ModuleDict(
            {"encoder": self.encoder, "generator": self.generator, "evaluator": self.evaluator}
        )
        learns = model.encoder == "grid" or model.tune
        self.groups: Mapping[str, tuple[str, ...]] = {
            "pretraining": ("encoder", "generator") if learns else ("generator",),
            "generator": ("generator",),
            "evaluator": ("evaluator",),
        }
        self.averaged = ("encoder", "generator") if learns else ("generator",)

    def dataset(self) -> Pictures:
        """The pictures to train on."""
        return self.corpus.train

    # -- likelihood -------------------------------------------------------------------------------

    def mle_loss(self, batch: Batch, step: Step) -> Losses:
        """Nats per word of people's captions, from the pixels on."""
        weight = self.recipe.loss.doubly_stochastic
        nats, attention_BKLN = self._nats(self.encoder(to_float(batch["image"])), batch, step)
        losses = {"nll": nats}
        if weight:
            # All in all every cell is looked at once: what a caption leaves out costs.
            losses["attention"] = weight * (1 - attention_BKLN.sum(2)).square().sum(2).mean()
        return losses

    def language_loss(self, batch: Batch, step: Step) -> Losses:
        """Nats per word of sentences without pictures: the grid is all zeros."""
        grid_BND = torch.zeros(
            len(batch["text"]), self.encoder.cells, self.encoder.features,
            device=batch["text"].device,
        )  # fmt: skip
        nats, _ = self._nats(grid_BND, {"tokens": batch["text"]}, step)
        return {"nll": nats}

    def likelihood_loss(self, batch: Batch, step: Step) -> Tensor:
        """Nats per word of people's captions, for the generator alone."""
        return self._nats(self.grid(batch), batch, step)[0]

    def grid(self, batch: Batch) -> Tensor:
        """The pictures of a batch (B, N, D), without gradient, encoded once a step."""
        if "grid" not in batch:
            with torch.no_grad(), settled(self.encoder):
                batch["grid"] = self.encoder(to_float(batch["image"]))
        return batch["grid"]

    def latents(self, batch: int, captions: int, noise: Noise) -> Tensor:
        """Fresh noise (B, K, Z)."""
        return noise.normal(batch, captions, self.recipe.model.latents)

    def _nats(self, grid_BND: Tensor, batch: Batch, step: Step) -> tuple[Tensor, Tensor]:
        """Nats per word, where a batch counts as if it had the usual number of words.

        The mean over each batch's own words would weigh words unequally, and differently on two
        processes.
        """
        tokens_BKL = batch["tokens"]
        latents_BKZ = self.latents(len(tokens_BKL), tokens_BKL.shape[1], step.noise)
        h_BKLH, attention_BKLN = self.generator(tokens_BKL, grid_BND, latents_BKZ)
        nats_BKL = nll(self.generator, h_BKLH, tokens_BKL)
        usual = nats_BKL.shape[0] * nats_BKL.shape[1] * self.corpus.mean_length
        return nats_BKL.sum() / usual, attention_BKLN

    # -- looking ----------------------------------------------------------------------------------

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Held-out pictures and what is said of them."""
        pictures = self._held_out(PREVIEWS)
        grid_BND = encode(networks["encoder"], pictures.images, noise.generator.device)
        texts = write_captions(
            networks["generator"],
            self.corpus,
            grid_BND,
            noise,
            captions=PREVIEW_CAPTIONS,
            temperature=self.recipe.evaluate.temperature,
        )
        lines = [f"{number}: {text}" for number, of in enumerate(texts, start=1) for text in of]
        images = to_float(pictures.images).add(1).div(2)
        return Preview(texts=lines, images=images, columns=len(images))

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores of captions of held-out pictures; what they mean is in the plugin's manifest."""
        settings = self.recipe.evaluate
        return evaluate_model(
            networks,
            self.corpus,
            noise,
            pictures=self._held_out(settings.pictures),
            captions=settings.captions,
            temperature=settings.temperature,
            retrieval=settings.retrieval,
        )

    def model(self) -> dict[str, Any]:
        """Vocabulary and sizes."""
        return {
            "networks": ["encoder", "generator", "evaluator"],
            "vocabulary": self.corpus.vocabulary.to_dict(),
            "max_length": self.corpus.max_length,
            "size": self.recipe.data.size,
        }

    def _held_out(self, count: int) -> HeldOut:
        return held_out(self.corpus, pictures=count, size=self.recipe.data.size)


@contextmanager
def settled(network: nn.Module) -> Iterator[None]:
    """A network as it is used: without dropout, and with the statistics that it has learned."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def nll(generator: Any, h_BKLH: Tensor, tokens_BKL: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Nats of every token (B, K, L); 0 at pads.

    Args:
        generator: whose last layer makes logits of the features.
        h_BKLH: features of the tokens, from its forward pass.
        tokens_BKL: captions.
        temperature: by which logits are divided.
    """
    real_BKL = tokens_BKL != PAD
    logits_NV = generator.logits(h_BKLH[real_BKL]).float() / temperature
    nats_N = F.cross_entropy(logits_NV, tokens_BKL[real_BKL], reduction="none")
    return torch.zeros(tokens_BKL.shape, device=nats_N.device).masked_scatter(real_BKL, nats_N)
