"""Near-duplicates against comparing every sentence with every other."""

from __future__ import annotations

import random

import pytest

from multigan.data.near_duplicates import first_of_near_duplicates


def brute_force(sentences, threshold, order):
    def grams(words):
        return {tuple(words[i : i + order]) for i in range(max(1, len(words) - order + 1))}

    kept = []
    for i, sentence in enumerate(sentences):
        mine = grams(sentence)
        others = [grams(sentences[j]) for j in kept]
        if all(len(mine & other) / len(mine | other) < threshold for other in others):
            kept.append(i)
    return kept


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.55, 0.7, 0.9, 1.0])
@pytest.mark.parametrize("order", [1, 3])
def test_equals_brute_force(threshold, order):
    """Random sentences and edited copies of them, so that every similarity occurs."""
    source = random.Random(0)
    sentences = [source.choices("abcdefgh", k=source.randrange(25)) for _ in range(150)]
    for _ in range(150):
        copy = list(source.choice(sentences))
        for _ in range(source.randrange(4)):
            copy.insert(source.randrange(len(copy) + 1), source.choice("abcdefgh"))
        sentences.append(copy)
    kept = first_of_near_duplicates(sentences, threshold=threshold, order=order)
    assert kept == brute_force(sentences, threshold, order)
    assert 0 < len(kept) < len(sentences)


def test_a_similarity_of_exactly_the_threshold_is_too_much():
    """14 of 25 n-grams in common: 0.56 * 25 rounds to more than 14."""
    first, second = list(range(25)), list(range(14))
    assert first_of_near_duplicates([first, second], threshold=0.56, order=1) == [0]
    assert first_of_near_duplicates([first, second], threshold=0.561, order=1) == [0, 1]


def test_only_sentences_that_stay_count():
    """b is like a and c like b, but c is not like a: c stays."""
    a, b, c = "abcdef", "bcdefg", "cdefgh"
    assert first_of_near_duplicates([a, b, c], threshold=0.6, order=1) == [0, 2]


def test_short_and_empty_sentences():
    sentences = [["a"], ["a"], ["a", "b"], [], [], ["a", "b", "c"]]
    assert first_of_near_duplicates(sentences, threshold=0.1) == [0, 2, 3, 5]
    assert first_of_near_duplicates([], threshold=0.5) == []


@pytest.mark.parametrize(("threshold", "order"), [(0, 3), (1.1, 3), (0.5, 0)])
def test_what_makes_no_sense_is_refused(threshold, order):
    with pytest.raises(ValueError, match="threshold"):
        first_of_near_duplicates(["abc"], threshold=threshold, order=order)
