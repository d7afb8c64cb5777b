"""How varied and how new a sample of sentences is."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

Sentence = Sequence[Hashable]


def distinct(sentences: Sequence[Sentence], *, order: int) -> float:
    """Distinct-n: different n-grams divided by all n-grams of the sample (Li et al. 2016).

    It falls with the size of the sample: compare samples of the same number of sentences only.

    Args:
        sentences: tokenised.
        order: n.

    Returns:
        Value in [0, 1]; 0 where no sentence has n tokens.
    """
    grams = [
        tuple(sentence[start : start + order])
        for sentence in sentences
        for start in range(len(sentence) - order + 1)
    ]
    return len(set(grams)) / len(grams) if grams else 0.0


def unique(sentences: Sequence[Sentence]) -> float:
    """Different sentences divided by all sentences of the sample; 0 for an empty sample."""
    return len({tuple(each) for each in sentences}) / len(sentences) if sentences else 0.0


def novelty(sentences: Sequence[Sentence], known: Iterable[Sentence]) -> float:
    """Share of the sample's sentences that are not in ``known``; 0 for an empty sample.

    Args:
        sentences: the sample.
        known: the training data, tokenised in the same way.
    """
    seen = {tuple(each) for each in known}
    fresh = sum(tuple(each) not in seen for each in sentences)
    return fresh / len(sentences) if sentences else 0.0
