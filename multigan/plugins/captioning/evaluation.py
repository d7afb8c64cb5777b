"""Captions of held-out pictures and their scores.

Shape suffixes: B pictures, K captions of each, C captions, L token positions, N cells, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.grammar import is_true
from multigan.data.scenes import Scene
from multigan.data.transforms import to_float
from multigan.data.vocabulary import UNK
from multigan.metrics.cider import Cider, Sentence
from multigan.metrics.ptb import ptb_tokens
from multigan.metrics.retrieval import recall_at
from multigan.plugins.captioning.data.corpus import Corpus, squeezed
from multigan.plugins.captioning.scores import accuracy, variety
from multigan.plugins.captioning.writing import by_chance, write
from multigan.training.phases import Noise

CHUNK = 50  # pictures at a time


@dataclass(frozen=True)
class HeldOut:
    """The first held-out pictures and what people say of them.

    Attributes:
        images: uint8 (B, 3, size, size).
        captions: of each.
        scenes: what is in each, where it is known exactly.
    """

    images: Tensor
    captions: list[list[str]]
    scenes: list[Scene] | None

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.images)


def held_out(corpus: Corpus, *, pictures: int, size: int) -> HeldOut:
    """So many held-out pictures, or all that there are."""
    numbers, test = range(min(pictures, len(corpus.test))), corpus.test
    images = torch.stack([squeezed(test.load(i), size) for i in numbers])
    scenes = None if test.scene is None else [test.scene(i) for i in numbers]
    return HeldOut(images, [list(test.captions(i)) for i in numbers], scenes)


@torch.no_grad()
def encode(encoder: Any, images: Tensor, device: torch.device) -> Tensor:
    """Grids (B, N, D) of pictures, uint8 (B, 3, size, size)."""
    return torch.cat([encoder(to_float(part.to(device))) for part in images.split(CHUNK)])


def write_captions(
    generator: Any,
    corpus: Corpus,
    grid_BND: Tensor,
    noise: Noise,
    *,
    captions: int,
    temperature: float,
) -> list[list[str]]:
    """Captions of pictures, each with noise of its own."""
    texts: list[list[str]] = []
    for part_BND in grid_BND.split(CHUNK):
        shape = (len(part_BND), captions)
        uniforms_BKL = noise.uniform(*shape, corpus.max_length + 1)
        latents_BKZ = noise.normal(*shape, generator.latents)
        choose = by_chance(uniforms_BKL, temperature=temperature)
        tokens = write(generator, part_BND, latents_BKZ, choose, length=corpus.max_length + 1)
        texts += [corpus.vocabulary.decode_batch(of) for of in tokens]
    return texts


def evaluate_model(
    networks: Mapping[str, nn.Module],
    corpus: Corpus,
    noise: Noise,
    *,
    pictures: HeldOut,
    captions: int,
    temperature: float,
    retrieval: int,
) -> dict[str, float]:
    """All scores of a model.

    Args:
        networks: encoder, generator and evaluator, in eval mode.
        corpus: where the pictures are from.
        noise: for the captions.
        pictures: held out.
        captions: of each.
        temperature: at which they are drawn.
        retrieval: among how many pictures the evaluator finds; 0 leaves it out.
    """
    grid_BND = encode(networks["encoder"], pictures.images, noise.generator.device)
    texts = write_captions(
        networks["generator"], corpus, grid_BND, noise, captions=captions, temperature=temperature
    )
    scores = score_captions(texts, pictures, known=corpus.known)
    if min(retrieval, len(pictures)) > 1:
        scores |= retrieve(
            networks["evaluator"], grid_BND[:retrieval], pictures.captions[:retrieval], corpus
        )
    return scores


def score_captions(
    texts: Sequence[Sequence[str]], pictures: HeldOut, *, known: frozenset[str] = frozenset()
) -> dict[str, float]:
    """Scores of captions of pictures.

    Args:
        texts: K >= 2 captions of each.
        pictures: with their references.
        known: captions that are not new; empty where nobody knows.
    """
    words = [[ptb_tokens(text) for text in of] for of in texts]
    references = [[ptb_tokens(text) for text in of] for of in pictures.captions]
    every = [caption for of in words for caption in of]
    repeated = [own for own, of in zip(references, words, strict=True) for _ in of]
    ngrams = accuracy(every, repeated, metrics=("bleu", "rouge-l"))
    scores = {
        "cider": _cider(words, references, references),
        "wrong-cider": _cider(words, references[1:] + references[:1], references),
        "bleu-4": ngrams["bleu-4"],
        "rouge-l": ngrams["rouge-l"],
        **variety(words),
    }
    if known:
        scores["novel"] = mean([text not in known for of in texts for text in of])
    if pictures.scenes is not None:
        pairs = zip(texts, pictures.scenes, strict=True)
        scores["true"] = mean([is_true(text, scene) for of, scene in pairs for text in of])
    return scores


@torch.no_grad()
def retrieve(
    evaluator: Any, grid_BND: Tensor, captions: Sequence[Sequence[str]], corpus: Corpus
) -> dict[str, float]:
    """How well the evaluator finds people's captions of pictures, and the other way round.

    Captions with words that the model does not know are left out.
    """
    texts = [(text, i) for i, of in enumerate(captions) for text in of]
    tokens_CL = corpus.vocabulary.encode([text for text, _ in texts])
    known_C = ~(tokens_CL == UNK).any(1)
    if not known_C.any():
        return {}
    whose_C = torch.tensor([i for _, i in texts])[known_C]
    pictures, pictures_C = whose_C.unique(return_inverse=True)  # some may have no caption left
    device = grid_BND.device
    scores_IC = match_all(evaluator, tokens_CL[known_C].to(device), grid_BND[pictures.to(device)])
    return recall_at(scores_IC, pictures_C.to(device))


def match_all(evaluator: Any, tokens_CL: Tensor, grid_BND: Tensor) -> Tensor:
    """The evaluator's match of every picture with every caption, (B, C)."""
    rows = [evaluator(tokens_CL[None], grid_1ND).match_BK[0] for grid_1ND in grid_BND.split(1)]
    return torch.stack(rows)


def _cider(
    captions: Sequence[Sequence[Sentence]],
    references: Sequence[Sequence[Sentence]],
    every: Sequence[Sequence[Sentence]],
) -> float:
    """Mean CIDEr of several captions a picture; `every` says which words are rare."""
    scorer = Cider(every)
    pairs = zip(captions, references, strict=True)
    return mean([score for of, own in pairs for score in scorer.score(of, own)])


def mean(values: Sequence[float]) -> float:
    """Of at least one number."""
    return sum(values) / len(values)
