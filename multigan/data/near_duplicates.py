"""Sentences that say almost the same as an earlier one.

Found exactly, by prefix filtering (Chaudhuri et al. 2006, Bayardo et al. 2007): two sets with a
Jaccard similarity of at least t share at least t |A| elements, so they share one even among the
first |A| - ceil(t |A|) + 1 elements of A and the first |B| - ceil(t |B|) + 1 of B, in any common
order. With rare elements first, few pairs have to be compared.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence


def first_of_near_duplicates(
    sentences: Sequence[Sequence[Hashable]], *, threshold: float, order: int = 3
) -> list[int]:
    """Positions of the sentences that are not too similar to a sentence that stays before them.

    Similarity is the Jaccard index of the sets of n-grams: common ones over all of both. A sentence
    shorter than an n-gram is similar to its equals only.

    Args:
        sentences: tokens of each.
        threshold: in (0, 1]; at this similarity and above only the first is kept.
        order: n.

    Raises:
        ValueError: threshold or order is out of range.
    """
    if not 0 < threshold <= 1 or order < 1:
        raise ValueError(f"threshold={threshold}, order={order}: give one in (0, 1] and one from 1")
    sets = _rarest_first([_grams(sentence, order) for sentence in sentences])
    members = [frozenset(grams) for grams in sets]
    holders: defaultdict[int, list[int]] = defaultdict(list)  # n-gram -> sentences kept
    kept = []
    for i, grams in enumerate(sets):
        # The small number undoes rounding, as in 0.56 * 25 = 14.000000000000002.
        prefix = grams[: len(grams) - math.ceil(threshold * len(grams) - 1e-9) + 1]
        candidates = {j for gram in prefix for j in holders[gram]}
        if not any(_jaccard(members[i], members[j]) >= threshold for j in candidates):
            kept.append(i)
            for gram in prefix:
                holders[gram].append(i)
    return kept


def _grams(sentence: Sequence[Hashable], order: int) -> set[tuple[Hashable, ...]]:
    last = max(1, len(sentence) - order + 1)
    return {tuple(sentence[start : start + order]) for start in range(last)}


def _rarest_first(sets: Sequence[set[tuple[Hashable, ...]]]) -> list[list[int]]:
    """N-grams as numbers, the rarest of all sets with the smallest numbers, in order."""
    counts = Counter(gram for grams in sets for gram in grams)
    rank = {gram: i for i, gram in enumerate(sorted(counts, key=counts.__getitem__))}
    return [sorted(rank[gram] for gram in grams) for grams in sets]


def _jaccard(first: frozenset[int], second: frozenset[int]) -> float:
    common = len(first & second)
    return common / (len(first) + len(second) - common)
