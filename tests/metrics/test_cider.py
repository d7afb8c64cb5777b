import math
from functools import cache

import pytest

from multigan.metrics.cider import Cider, cider


def straightforward(hypotheses, references):
    """CIDEr-D from formula and text of Vedantam et al. 2015, one n and one gram at a time."""

    def grams(sentence, n):
        return [tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1)]

    @cache
    def pictures_with(gram):
        return sum(any(gram in grams(r, len(gram)) for r in own) for own in references)

    def weight(gram, sentence, n):
        having = pictures_with(gram)
        return grams(sentence, n).count(gram) * math.log(len(references) / max(1, having))

    def norm(sentence, n):
        return math.sqrt(sum(weight(gram, sentence, n) ** 2 for gram in set(grams(sentence, n))))

    scores = []
    for hypothesis, own in zip(hypotheses, references, strict=True):
        total = 0.0
        for reference in own:
            bigrams = len(grams(hypothesis, 2)) - len(grams(reference, 2))
            for n in (1, 2, 3, 4):
                product = sum(
                    min(weight(gram, hypothesis, n), weight(gram, reference, n))
                    * weight(gram, reference, n)
                    for gram in set(grams(hypothesis, n))
                )
                scale = norm(hypothesis, n) * norm(reference, n)
                if scale:
                    total += product / scale * math.exp(-(bigrams**2) / 72) / 4
        scores.append(10 * total / len(own))
    return scores


def test_equals_the_definition(pictures):
    assert cider(*pictures) == pytest.approx(straightforward(*pictures), abs=1e-12)


def test_equals_pycocoevalcap(pictures):
    """Its version 1.2 printed these for the same pictures: the mean, and pictures 2 to 6."""
    scores = cider(*pictures)
    assert sum(scores) / len(scores) == pytest.approx(1.6992976972367728, abs=1e-12)
    assert scores[2:7] == pytest.approx(
        [0.03193846051320155, 0.12308255608597571, 1.25, 0.6873474454259891, 1.5], abs=1e-12
    )


def test_closed_forms():
    # Nothing in common between the pictures: each gram weighs log 2, the cosine is 1.
    said = [list("abcd"), list("efgh")]
    assert cider(said, [[each] for each in said]) == pytest.approx([10, 10])
    # One of two references is the caption, the other has nothing of it.
    assert cider(said, [[said[0], list("wxyz")], [said[1]]]) == pytest.approx([5, 10])
    # Three words of four: cosines sqrt(3/4) and sqrt(2/3), sqrt(1/2) and nothing; a shorter by one.
    expected = 10 / 4 * (3**0.5 / 2 + (2 / 3) ** 0.5 + 0.5**0.5) * math.exp(-1 / 72)
    assert cider([list("abc"), said[1]], [[each] for each in said])[0] == pytest.approx(expected)


def test_of_one_picture_it_is_0():
    assert cider([list("abcd")], [[list("abcd")]]) == [0.0]


def test_what_every_picture_has_weighs_nothing():
    references = [[["the", "cat"]], [["the", "dog"]]]
    assert cider([["the"], ["the"]], references) == [0.0, 0.0]
    assert cider([[], ["the", "dog"]], references)[0] == 0.0


def test_repeating_a_rare_word_does_not_pay():
    references = [[["red", "cat"]], [["blue", "dog"]]]
    once, often = (cider([said, ["dog"]], references)[0] for said in (["cat"], ["cat"] * 6))
    assert often < once


def test_scorer_of_a_larger_set_reads_token_ids(pictures):
    hypotheses, references = pictures
    ids: dict[str, int] = {}

    def encode(sentence):
        return [ids.setdefault(word, len(ids)) for word in sentence]

    scorer = Cider([[encode(r) for r in own] for own in references])
    expected = cider(*pictures)
    for hypothesis, own, score in zip(hypotheses, references, expected, strict=True):
        both = scorer.score([encode(hypothesis), []], [encode(r) for r in own])
        assert both == [pytest.approx(score, abs=1e-12), 0.0]


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="one caption for each"):
        cider([["a"]], [])
    with pytest.raises(ValueError, match="at least one reference"):
        cider([["a"]], [[]])
    with pytest.raises(ValueError, match="at least one picture"):
        Cider([])
    with pytest.raises(ValueError, match="without references"):
        Cider([[["a"]]]).score([["a"]], [])
