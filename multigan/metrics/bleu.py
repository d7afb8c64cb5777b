"""Sentence-BLEU, self-BLEU and corpus BLEU with many references, exact and fast.

`bleu` and `self_bleu` follow the protocol of Texygen (Zhu et al. 2018), and with it the published
tables of text GANs: nltk's sentence-BLEU with uniform weights over 1..n and smoothing ``method1``,
averaged over hypotheses. Given the same hypotheses and references the values agree with nltk to
rounding. `corpus_bleu` is the number of the sacreBLEU tool, from counts summed over the sample. The
number of references moves all of them a lot, so state it beside every number.

nltk compares a hypothesis with every reference. Here the references are counted once, into a table
of the largest count that each n-gram has in one of them; the second largest lets a sentence be
scored against all others of its own set.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence

Sentence = Sequence[Hashable]

EPSILON = 0.1  # method1's stand-in for a count of zero


def bleu(
    hypotheses: Sequence[Sentence], references: Sequence[Sentence], *, orders: Sequence[int]
) -> dict[int, float]:
    """Mean sentence-BLEU of tokenised hypotheses, every one against all references.

    Args:
        hypotheses: at least one.
        references: at least one.
        orders: the n of BLEU-n; all are computed in one pass.

    Returns:
        n -> value in [0, 1].

    Raises:
        ValueError: no hypothesis, no reference, or an order below 1.
    """
    _check(orders, hypotheses=hypotheses, references=references)
    table = ReferenceTable(references, max(orders))
    return _mean([table.score(each, orders) for each in hypotheses])


def self_bleu(sentences: Sequence[Sentence], *, orders: Sequence[int]) -> dict[int, float]:
    """Mean sentence-BLEU of every sentence against all the others: 1 if all are the same.

    A sentence is left out of its own references by position, so that its duplicates stay.

    Args:
        sentences: at least two, tokenised.
        orders: the n of BLEU-n.

    Returns:
        n -> value in [0, 1].

    Raises:
        ValueError: fewer than two sentences, or an order below 1.
    """
    if len(sentences) < 2:
        raise ValueError("self-BLEU compares sentences with each other: give at least two")
    _check(orders, sentences=sentences)
    table = ReferenceTable(sentences, max(orders))
    return _mean([table.score(each, orders, is_reference=True) for each in sentences])


def corpus_bleu(hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> float:
    """BLEU-4 of a whole sample as the sacreBLEU tool counts it (Post 2018).

    n-gram matches, totals and lengths are summed over the sample before the precisions are taken.
    The k-th precision without a match is 1 / (2^k total) ("exp" smoothing); without any match at
    all, or where no hypothesis has four tokens, the score is 0.

    Args:
        hypotheses: at least one, tokenised (the tool's ``tokenize="none"``).
        references: at least one; all of them serve every hypothesis.

    Returns:
        Value in [0, 100].

    Raises:
        ValueError: no hypothesis or no reference.
    """
    orders = range(1, 5)
    _check(orders, hypotheses=hypotheses, references=references)
    table = ReferenceTable(references, max(orders))
    matches = [sum(table.matches(each, n) for each in hypotheses) for n in orders]
    totals = [sum(max(0, len(each) - n + 1) for each in hypotheses) for n in orders]
    if not any(matches) or not all(totals):
        return 0.0
    logs, smoothing = 0.0, 1
    for match, total in zip(matches, totals, strict=True):
        smoothing *= 1 if match else 2
        logs += math.log(match / total if match else 1 / (smoothing * total))
    nearest = sum(table.nearest_length(len(each)) for each in hypotheses)
    brevity = min(0.0, 1 - nearest / totals[0])
    return 100 * math.exp(brevity + logs / len(orders))


class ReferenceTable:
    """What BLEU needs to know of a set of references.

    Attributes:
        largest: n-gram -> its largest count in one reference.
        second: the largest count in another reference than that one, where there is any.
        lengths: length -> number of references.
    """

    def __init__(self, references: Sequence[Sentence], max_order: int) -> None:
        self.max_order = max_order
        self.largest: dict[tuple[Hashable, ...], int] = {}
        self.second: dict[tuple[Hashable, ...], int] = {}
        self.lengths = Counter(len(reference) for reference in references)
        for reference in references:
            for order in range(1, max_order + 1):
                for gram, count in Counter(_grams(reference, order)).items():
                    best = self.largest.get(gram, 0)
                    self.second[gram] = max(self.second.get(gram, 0), min(best, count))
                    self.largest[gram] = max(best, count)

    def score(
        self, sentence: Sentence, orders: Sequence[int], *, is_reference: bool = False
    ) -> dict[int, float]:
        """BLEU-n of one sentence for all orders; a reference is scored against the others."""
        logs = [0.0]  # sums of log precisions over 1..n
        for order in range(1, self.max_order + 1):
            matches = self.matches(sentence, order, is_reference=is_reference)
            if order == 1 and matches == 0:
                return dict.fromkeys(orders, 0.0)
            total = max(1, len(sentence) - order + 1)
            logs.append(logs[-1] + math.log((matches or EPSILON) / total))
        nearest = self.nearest_length(len(sentence), is_reference=is_reference)
        brevity = min(0.0, 1 - nearest / len(sentence))
        return {order: math.exp(brevity + logs[order] / order) for order in orders}

    def matches(self, sentence: Sentence, order: int, *, is_reference: bool = False) -> int:
        """n-grams of a sentence that one of the references has as often."""
        counts = Counter(_grams(sentence, order))
        return sum(
            min(count, self._clip(gram, count, is_reference)) for gram, count in counts.items()
        )

    def nearest_length(self, length: int, *, is_reference: bool = False) -> int:
        """The length of the reference that is nearest in length, of two the shorter."""
        others = self.lengths
        if is_reference and others[length] == 1:
            others = Counter({n: count for n, count in others.items() if n != length})
        return min(others, key=lambda other: (abs(other - length), other))

    def _clip(self, gram: tuple[Hashable, ...], count: int, is_reference: bool) -> int:
        largest = self.largest.get(gram, 0)
        # Where the sentence itself may hold the record, only what others reach counts.
        return self.second[gram] if is_reference and count == largest else largest


def _grams(sentence: Sentence, order: int) -> Iterator[tuple[Hashable, ...]]:
    return zip(*(sentence[start:] for start in range(order)), strict=False)


def _mean(scores: Sequence[dict[int, float]]) -> dict[int, float]:
    return {n: math.fsum(score[n] for score in scores) / len(scores) for n in scores[0]}


def _check(orders: Sequence[int], **sentences: Sequence[Sentence]) -> None:
    if not orders or min(orders) < 1:
        raise ValueError(f"orders are numbers from 1 on, not {list(orders)}")
    for name, given in sentences.items():
        if not given:
            raise ValueError(f"BLEU of no {name} is not defined: give at least one")
