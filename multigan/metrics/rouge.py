"""ROUGE-L of captions, as coco-caption computes it."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from multigan.metrics.caption_bleu import check_captions

Sentence = Sequence[Hashable]

BETA = 1.2  # how much more recall counts than precision


def rouge_l(
    hypotheses: Sequence[Sentence], references: Sequence[Sequence[Sentence]]
) -> list[float]:
    """ROUGE-L of each caption against the references of its picture (Lin 2004).

    Precision and recall are shares of the longest common subsequence. coco-caption takes the best
    precision and the best recall over the references, which need not be those of the same one, and
    joins them to an F-measure with `BETA`.

    Args:
        hypotheses: one tokenised caption for each picture.
        references: for each picture at least one.

    Returns:
        Values in [0, 1], one for each picture; the score of the sample is their mean.

    Raises:
        ValueError: no picture, or one without references.
    """
    check_captions(hypotheses, references)
    return [_score(*each) for each in zip(hypotheses, references, strict=True)]


def _score(hypothesis: Sentence, references: Sequence[Sentence]) -> float:
    places: dict[Hashable, int] = {}
    for place, token in enumerate(hypothesis):
        places[token] = places.get(token, 0) | 1 << place
    commons = [_common(places, len(hypothesis), reference) for reference in references]
    precision = max(commons) / max(1, len(hypothesis))
    recall = max(
        common / max(1, len(reference))
        for common, reference in zip(commons, references, strict=True)
    )
    if not precision:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _common(places: dict[Hashable, int], length: int, reference: Sentence) -> int:
    """Length of the longest common subsequence, a whole row of the table at a time.

    Neighbours in a row of the table differ by 0 or 1. The row is one integer with a zero bit for
    every 1, and adding moves all of them at once (Hyyrö 2004).

    Args:
        places: token of the hypothesis -> bits of its places.
        length: of the hypothesis.
        reference: the other sentence.
    """
    full = (1 << length) - 1
    row = full
    for token in reference:
        matches = row & places.get(token, 0)
        row = (row + matches | row - matches) & full
    return length - row.bit_count()
