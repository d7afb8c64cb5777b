"""CIDEr of captions, as coco-caption computes it.

There are two of them in the paper (Vedantam et al. 2015). What coco-caption and pycocoevalcap call
CIDEr, and with them every published table, is the second one, CIDEr-D: counts are clipped to the
reference's, and a difference in length is punished. The first one is not here.

An n-gram (n from 1 to 4) weighs its count times log(pictures / pictures whose references have it),
so that the score depends on the whole set of references: of one picture alone it is 0. No word is
stemmed.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import NamedTuple

from multigan.metrics.caption_bleu import check_captions

Sentence = Sequence[Hashable]
Gram = tuple[Hashable, ...]

NUM_ORDERS = 4
SIGMA = 6.0  # of the Gaussian of the difference in length


def cider(hypotheses: Sequence[Sentence], references: Sequence[Sequence[Sentence]]) -> list[float]:
    """CIDEr-D of each caption against the references of its picture.

    Args:
        hypotheses: one tokenised caption for each picture.
        references: for each picture at least one; all together say which n-grams are rare.

    Returns:
        Values in [0, 10], one for each picture; the score of the sample is their mean.

    Raises:
        ValueError: no picture, or one without references.
    """
    check_captions(hypotheses, references)
    scorer = Cider(references)
    return [
        scorer.score([hypothesis], own)[0]
        for hypothesis, own in zip(hypotheses, references, strict=True)
    ]


class Cider:
    """CIDEr-D with the document frequencies of one set of pictures, as a reward needs it.

    Args:
        references: tokenised references of each picture of the set, words or token ids.

    Raises:
        ValueError: no picture.
    """

    def __init__(self, references: Sequence[Sequence[Sentence]]) -> None:
        if not references:
            raise ValueError("CIDEr needs the references of at least one picture")
        pictures: Counter[Gram] = Counter()
        for own in references:
            pictures.update({gram for sentence in own for gram in _grams(sentence)})
        self._unseen = math.log(len(references))
        self._rarity = {gram: self._unseen - math.log(df) for gram, df in pictures.items()}

    def score(self, hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> list[float]:
        """CIDEr-D of several captions of one picture.

        Args:
            hypotheses: tokenised.
            references: of this picture; it need not be one of the set.

        Raises:
            ValueError: no reference.
        """
        if not references:
            raise ValueError("a picture without references has no CIDEr")
        known = [self._weigh(reference) for reference in references]
        scores = []
        for hypothesis in hypotheses:
            own = self._weigh(hypothesis)
            total = math.fsum(_similarity(own, other) for other in known)
            scores.append(10 * total / len(known))
        return scores

    def _weigh(self, sentence: Sentence) -> _Weighted:
        weights = {
            gram: count * self._rarity.get(gram, self._unseen)
            for gram, count in Counter(_grams(sentence)).items()
        }
        squares = [0.0] * (NUM_ORDERS + 1)
        for gram, weight in weights.items():
            squares[len(gram)] += weight * weight
        return _Weighted(weights, [math.sqrt(square) for square in squares], len(sentence))


class _Weighted(NamedTuple):
    """A sentence as a vector of n-gram weights, with its norm for each n."""

    weights: dict[Gram, float]
    norms: list[float]
    length: int


def _similarity(hypothesis: _Weighted, reference: _Weighted) -> float:
    """Mean over n of the clipped cosine, smaller the more the lengths differ."""
    total = 0.0
    for gram, own in hypothesis.weights.items():
        other = reference.weights.get(gram)
        if other:  # what every picture has weighs nothing, and may be all there is
            scale = hypothesis.norms[len(gram)] * reference.norms[len(gram)]
            total += min(own, other) * other / scale
    difference = hypothesis.length - reference.length
    return total / NUM_ORDERS * math.exp(-(difference**2) / (2 * SIGMA**2))


def _grams(sentence: Sentence) -> list[Gram]:
    """All sequences of 1 to `NUM_ORDERS` tokens."""
    starts = [sentence[start:] for start in range(NUM_ORDERS)]
    return [gram for n in range(NUM_ORDERS) for gram in zip(*starts[: n + 1], strict=False)]
