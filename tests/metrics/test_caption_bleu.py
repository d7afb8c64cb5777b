import math
from collections import Counter

import pytest

from multigan.metrics.caption_bleu import caption_bleu, mutual_bleu


def grams(sentence, n):
    return [tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1)]


def straightforward(hypotheses, references):
    """coco-caption's BLEU from its definition: every count anew for every n."""
    scores = {}
    for order in (1, 2, 3, 4):
        product = 1.0
        for n in range(1, order + 1):
            matches = total = 0
            for hypothesis, own in zip(hypotheses, references, strict=True):
                for gram, count in Counter(grams(hypothesis, n)).items():
                    matches += min(count, max(grams(r, n).count(gram) for r in own))
                    total += count
            product *= (matches + 1e-15) / (total + 1e-9)
        length = sum(map(len, hypotheses))
        nearest = sum(
            min((abs(len(r) - len(h)), len(r)) for r in own)[1]
            for h, own in zip(hypotheses, references, strict=True)
        )
        ratio = (length + 1e-15) / (nearest + 1e-9)
        scores[order] = product ** (1 / order) * (math.exp(1 - 1 / ratio) if ratio < 1 else 1)
    return scores


def test_equals_the_definition(pictures):
    hypotheses, references = pictures
    assert caption_bleu(*pictures) == pytest.approx(straightforward(*pictures), abs=1e-12)
    short = [each[:3] for each in hypotheses]  # punished for their length, no 4-gram at all
    assert caption_bleu(short, references) == pytest.approx(
        straightforward(short, references), abs=1e-12
    )


def test_equals_pycocoevalcap(pictures):
    """Its version 1.2 printed these for the same pictures."""
    expected = [0.7471264367787467, 0.6433882429655985, 0.570770221542329, 0.5068199806244891]
    assert list(caption_bleu(*pictures).values()) == pytest.approx(expected, abs=1e-12)


def test_by_hand():
    # Precisions 3/4, 1/3, 0, 0.
    value = caption_bleu([list("abxc")], [[list("abcd"), list("zzzzzzzzzz")]])
    assert value[1] == pytest.approx(3 / 4)
    assert value[2] == pytest.approx(math.sqrt(3 / 4 * 1 / 3))
    assert 0 < value[4] < 1e-3
    # Pooled over pictures: (4 + 0) of (4 + 4) words.
    assert caption_bleu([list("abcd"), list("wxyz")], [[list("abcd")]] * 2)[1] == pytest.approx(0.5)
    # Half as long as the reference.
    assert caption_bleu([list("abcd")], [[list("abcdefgh")]])[4] == pytest.approx(math.exp(-1))
    assert caption_bleu([[]], [[list("ab")]]) == dict.fromkeys((1, 2, 3, 4), 0.0)


def test_a_caption_is_compared_with_its_own_picture_only():
    hypotheses, references = [list("abcd"), list("efgh")], [[list("abcd")], [list("efgh")]]
    assert caption_bleu(hypotheses, references)[4] == pytest.approx(1)
    assert caption_bleu(hypotheses, references[::-1])[1] < 1e-6


def test_mutual_bleu_leaves_one_out(pictures):
    _, references = pictures
    several = [(own * 3)[:3] for own in references]  # some twice, some three times
    positions = [
        straightforward([own[i] for own in several], [own[:i] + own[i + 1 :] for own in several])
        for i in range(3)
    ]
    expected = {n: sum(each[n] for each in positions) / 3 for n in (1, 2, 3, 4)}
    assert mutual_bleu(several) == pytest.approx(expected, abs=1e-12)
    assert mutual_bleu([[list("abcd")] * 5] * 2)[4] == pytest.approx(1)


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="one caption for each"):
        caption_bleu([["a"]], [])
    with pytest.raises(ValueError, match="one caption for each"):
        caption_bleu([], [])
    with pytest.raises(ValueError, match="at least one reference"):
        caption_bleu([["a"]], [[]])
    with pytest.raises(ValueError, match="two or more"):
        mutual_bleu([[["a"]]])
    with pytest.raises(ValueError, match="as many"):
        mutual_bleu([[["a"], ["b"]], [["a"]] * 3])
