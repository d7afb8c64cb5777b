from functools import cache

import pytest

from multigan.metrics.rouge import rouge_l


def straightforward(hypothesis, references):
    def common(a, b):
        @cache
        def longest(i, j):
            if i == len(a) or j == len(b):
                return 0
            if a[i] == b[j]:
                return 1 + longest(i + 1, j + 1)
            return max(longest(i + 1, j), longest(i, j + 1))

        return longest(0, 0)

    precision = max(common(hypothesis, r) / max(1, len(hypothesis)) for r in references)
    recall = max(common(hypothesis, r) / max(1, len(r)) for r in references)
    if precision == 0:
        return 0.0
    return (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision)


def test_equals_the_definition(pictures):
    expected = [straightforward(*each) for each in zip(*pictures, strict=True)]
    assert rouge_l(*pictures) == pytest.approx(expected, abs=1e-12)


def test_equals_pycocoevalcap(pictures):
    """Its version 1.2 printed this for the same pictures."""
    scores = rouge_l(*pictures)
    assert sum(scores) / len(scores) == pytest.approx(0.7401309115924735, abs=1e-12)


def test_by_hand():
    # a c d of a b c d: precision 3/3, recall 3/4.
    value = rouge_l([list("acd")], [[list("abcd")]])[0]
    assert value == pytest.approx(2.44 * 0.75 / (0.75 + 1.44))
    # The best precision is the second reference's, the best recall the first one's.
    both = rouge_l([list("abx")], [[list("ab"), list("abxyzuvw")]])[0]
    assert both == pytest.approx(1)
    # Order counts, and a word is matched once.
    assert rouge_l([list("ba")], [[list("ab")]])[0] == pytest.approx(0.5)
    assert rouge_l([list("aaa")], [[list("a")]])[0] == pytest.approx(2.44 / 3 / (1 + 1.44 / 3))
    assert rouge_l([[], list("a")], [[list("a")], [[]]]) == [0.0, 0.0]


def test_sentences_longer_than_a_machine_word():
    long = [str(n) for n in range(200)]
    assert rouge_l([long], [[long[::2]]])[0] == pytest.approx(2.44 * 0.5 / (1 + 1.44 * 0.5))
    assert rouge_l([long], [[long[::-1]]])[0] == pytest.approx(1 / 200)


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="one caption for each"):
        rouge_l([["a"]], [])
    with pytest.raises(ValueError, match="at least one reference"):
        rouge_l([["a"]], [[]])
