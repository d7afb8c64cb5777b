"""Scores of a sample of sentences; the plugin's manifest says what each one is."""

from __future__ import annotations

from torch import Tensor

from multigan.data.grammar import is_grammatical
from multigan.data.vocabulary import EOS
from multigan.metrics.bleu import bleu, self_bleu
from multigan.metrics.diversity import distinct, novelty, unique
from multigan.plugins.text.data.corpus import Corpus

ORDERS = (2, 3, 4, 5)
MOST_KNOWN = 200_000  # training sentences that novelty is counted against


def score_samples(tokens_BL: Tensor, corpus: Corpus, *, references: int) -> dict[str, float]:
    """Quality and diversity of generated sentences.

    Args:
        tokens_BL: generated sentences.
        corpus: what they should be like.
        references: how many held-out sentences BLEU compares with.
    """
    sample, known = words(tokens_BL), words(corpus.train_rows(MOST_KNOWN))
    scores = {}
    if corpus.has_grammar:
        texts = corpus.vocabulary.decode_batch(tokens_BL)
        scores["grammatical"] = sum(map(is_grammatical, texts)) / len(texts)
    test = words(corpus.test[:references])
    scores |= {f"bleu-{n}": value for n, value in bleu(sample, test, orders=ORDERS).items()}
    if len(sample) > 1:
        for n, value in self_bleu(sample, orders=ORDERS).items():
            scores[f"self-bleu-{n}"] = value
    return scores | {
        "distinct-2": distinct(sample, order=2),
        "unique": unique(sample),
        "novel": novelty(sample, known),
    }


def words(tokens_BL: Tensor) -> list[list[int]]:
    """The words of each sentence without eos and pads."""
    return [row[: row.index(EOS)] if EOS in row else row for row in tokens_BL.tolist()]
