import pytest

from multigan.metrics.diversity import distinct, novelty, unique


def test_distinct_counts_by_hand():
    sample = [list("abab"), list("ab"), ["c"]]
    # Pairs: ab ba ab, ab: two different of four; singles: a b c of seven.
    assert distinct(sample, order=2) == pytest.approx(2 / 4)
    assert distinct(sample, order=1) == pytest.approx(3 / 7)
    assert distinct(sample, order=5) == 0


def test_unique_and_novel():
    sample = [[1, 2], [1, 2], [2, 1], []]
    assert unique(sample) == 3 / 4
    assert novelty(sample, [[1, 2], [9]]) == 2 / 4
    assert novelty(sample, [(1, 2)]) == 2 / 4
    assert unique([]) == novelty([], []) == 0
