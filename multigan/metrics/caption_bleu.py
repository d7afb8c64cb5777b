"""BLEU of captions, as coco-caption counts it: every sentence has references of its own."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

from multigan.metrics.bleu import ReferenceTable

Sentence = Sequence[Hashable]

ORDERS = range(1, 5)
TINY, SMALL = 1e-15, 1e-9  # coco-caption adds them to counts and totals, against zero by zero


def caption_bleu(
    hypotheses: Sequence[Sentence], references: Sequence[Sequence[Sentence]]
) -> dict[int, float]:
    """BLEU-1..4 of captions as coco-caption counts them.

    Matches, totals and lengths are summed over all captions, each against the references of its own
    picture; the reference length is that of the one nearest in length. There is no smoothing but
    1e-15 and 1e-9, which leave a little where no 4-gram matches.

    Args:
        hypotheses: one tokenised caption for each picture.
        references: for each picture at least one.

    Returns:
        n -> value in [0, 1].

    Raises:
        ValueError: no picture, or one without references.
    """
    check_captions(hypotheses, references)
    tables = [ReferenceTable(each, max(ORDERS)) for each in references]
    return _pooled(tables, hypotheses)


def mutual_bleu(captions: Sequence[Sequence[Sentence]]) -> dict[int, float]:
    """mBLEU-1..4: `caption_bleu` of captions against the others of their picture.

    It is counted for the first captions of all pictures, for the second ones and so on, and
    averaged (Shetty et al. 2017).

    Args:
        captions: for each picture the same number of tokenised captions, at least two.

    Returns:
        n -> value in [0, 1]; 1 if the captions of a picture are all the same.

    Raises:
        ValueError: no picture, fewer than two captions, or not the same number everywhere.
    """
    numbers = sorted({len(each) for each in captions})
    if len(numbers) != 1 or numbers[0] < 2:
        raise ValueError(
            f"mutual BLEU needs as many captions of each picture, two or more, not {numbers}"
        )
    tables = [ReferenceTable(each, max(ORDERS)) for each in captions]
    columns = list(zip(*captions, strict=True))
    scores = [_pooled(tables, column, are_references=True) for column in columns]
    return {n: math.fsum(score[n] for score in scores) / len(scores) for n in ORDERS}


def check_captions(
    hypotheses: Sequence[Sentence], references: Sequence[Sequence[Sentence]]
) -> None:
    """Every caption needs references of its own.

    Raises:
        ValueError: no picture, or one without references.
    """
    if not hypotheses or len(hypotheses) != len(references):
        raise ValueError(
            f"{len(hypotheses)} captions and references of {len(references)} pictures: give one "
            "caption for each picture, and at least one picture"
        )
    if not all(references):
        raise ValueError("every picture needs at least one reference")


def _pooled(
    tables: Sequence[ReferenceTable], sentences: Sequence[Sentence], *, are_references: bool = False
) -> dict[int, float]:
    """coco-caption's BLEU of sentences, each against the table beside it."""
    pairs = list(zip(tables, sentences, strict=True))
    length = sum(map(len, sentences))
    nearest = sum(t.nearest_length(len(s), is_reference=are_references) for t, s in pairs)
    ratio = (length + TINY) / (nearest + SMALL)
    brevity = math.exp(min(0.0, 1 - 1 / ratio))
    product, scores = 1.0, {}
    for n in ORDERS:
        matches = sum(t.matches(s, n, is_reference=are_references) for t, s in pairs)
        total = sum(max(0, len(s) - n + 1) for s in sentences)
        product *= (matches + TINY) / (total + SMALL)
        scores[n] = brevity * product ** (1 / n)
    return scores
