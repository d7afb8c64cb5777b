"""Captions of held-out pictures and their scores.

Shape suffixes: B pictures, K captions of each, L token positions, N cells, D features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.grammar import is_true
from multigan.data.transforms import to_float
from multigan.data.vocabulary import UNK
from multigan.metrics.caption_bleu import caption_bleu
from multigan.metrics.caption_diversity import caption_diversity, vocabulary
from multigan.metrics.cider import cider
from multigan.metrics.ptb import ptb_tokens
from multigan.metrics.retrieval import recall_at
from multigan.metrics.rouge import rouge_l
from multigan.plugins.captioning.data.collection import Collection
from multigan.plugins.captioning.data.corpus import Corpus, squeezed
from multigan.plugins.captioning.writing import by_chance, write
from multigan.training.phases import Noise

CHUNK = 50  # pictures at a time


@dataclass(frozen=True)
class Written:
    """Captions of held-out pictures.

    Attributes:
        texts: K captions of each picture.
        images: the pictures, uint8 (B, 3, size, size).
        grid_BND: the same as the encoder sees them.
    """

    texts: list[list[str]]
    images: Tensor
    grid_BND: Tensor


def write_held_out(
    networks: Mapping[str, nn.Module],
    corpus: Corpus,
    noise: Noise,
    *,
    pictures: int,
    captions: int,
    temperature: float,
    size: int,
) -> Written:
    """Captions of the first held-out pictures, each with noise of its own."""
    device, length = noise.generator.device, corpus.max_length + 1
    generator: Any = networks["generator"]
    texts: list[list[str]] = []
    images, grids = [], []
    for start in range(0, pictures, CHUNK):
        part = range(start, min(start + CHUNK, pictures))
        images.append(torch.stack([squeezed(corpus.test.load(i), size) for i in part]))
        grids.append(networks["encoder"](to_float(images[-1].to(device))))
        shape = (len(part), captions)
        choose = by_chance(noise.uniform(*shape, length), temperature=temperature)
        latents_BKZ = noise.normal(*shape, generator.latents)
        tokens_BKL = write(generator, grids[-1], latents_BKZ, choose, length=length)
        texts += [corpus.vocabulary.decode_batch(of) for of in tokens_BKL]
    return Written(texts, torch.cat(images), torch.cat(grids))


def evaluate_captions(
    networks: Mapping[str, nn.Module],
    corpus: Corpus,
    noise: Noise,
    *,
    pictures: int,
    captions: int,
    temperature: float,
    retrieval: int,
    size: int,
) -> dict[str, float]:
    """All scores of a model.

    Args:
        networks: encoder, generator and evaluator, in eval mode.
        corpus: its held-out pictures.
        noise: for the captions.
        pictures: how many.
        captions: of each.
        temperature: at which they are drawn.
        retrieval: among how many pictures the evaluator finds; 0 leaves it out.
        size: side of the pictures.
    """
    pictures = min(pictures, len(corpus.test))
    written = write_held_out(
        networks, corpus, noise, pictures=pictures, captions=captions,
        temperature=temperature, size=size,
    )  # fmt: skip
    scores = score_captions(written.texts, corpus.test, known=corpus.known)
    count = min(retrieval, pictures)
    if count > 1:
        scores |= retrieve(networks["evaluator"], written.grid_BND[:count], corpus)
    return scores


def score_captions(
    texts: Sequence[Sequence[str]], collection: Collection, *, known: frozenset[str] = frozenset()
) -> dict[str, float]:
    """Scores of captions of the first pictures of a collection.

    Args:
        texts: K >= 2 captions of each picture.
        collection: pictures and references.
        known: captions that are not new.
    """
    K = len(texts[0])
    words = [[ptb_tokens(text) for text in of] for of in texts]
    references = [[ptb_tokens(text) for text in collection.captions(i)] for i in range(len(texts))]
    flat = [caption for of in words for caption in of]
    repeated = [own for own in references for _ in range(K)]
    scores = accuracy(flat, repeated)
    scores["wrong-cider"] = _mean(cider(flat, repeated[K:] + repeated[:K]))
    scores |= caption_diversity(words)
    scores["vocabulary"] = float(vocabulary(flat))
    if known:
        scores["novel"] = _mean([text not in known for of in texts for text in of])
    if collection.scene is not None:
        scores["true"] = _mean(
            [is_true(text, collection.scene(i)) for i, of in enumerate(texts) for text in of]
        )
    return scores


def accuracy(
    hypotheses: Sequence[Sequence[str]], references: Sequence[Sequence[Sequence[str]]]
) -> dict[str, float]:
    """How near captions are to their references: the part of coco-caption that needs no Java."""
    return {
        "cider": _mean(cider(hypotheses, references)),
        "bleu-4": caption_bleu(hypotheses, references)[4],
        "rouge-l": _mean(rouge_l(hypotheses, references)),
    }


def retrieve(evaluator: Any, grid_BND: Tensor, corpus: Corpus) -> dict[str, float]:
    """How well the evaluator finds captions of pictures, and the other way round."""
    texts = [list(corpus.test.captions(i)) for i in range(len(grid_BND))]
    # What a person wrote of a picture may have words that are not known.
    tokens_CL = corpus.vocabulary.encode(
        [text for of in texts for text in of], max_length=corpus.max_length + 1
    )
    whose = [i for i, of in enumerate(texts) for _ in of]
    known = [c for c, row in enumerate(tokens_CL) if not (row == UNK).any()]
    if not known:
        return {}
    tokens_CL = tokens_CL[known].to(grid_BND.device)
    scores_IC = match_all(evaluator, tokens_CL, grid_BND)
    pictures_C = torch.tensor([whose[c] for c in known], device=scores_IC.device)
    return recall_at(scores_IC, pictures_C)


def match_all(evaluator: Any, tokens_CL: Tensor, grid_BND: Tensor) -> Tensor:
    """The evaluator's match of every picture with every caption, (B, C)."""
    return torch.stack(
        [evaluator(tokens_CL[None], grid_1ND).match_BK[0] for grid_1ND in grid_BND.split(1)]
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
