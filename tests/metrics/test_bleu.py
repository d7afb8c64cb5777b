import math
import random
from collections import Counter

import pytest

from multigan.metrics.bleu import bleu, corpus_bleu, self_bleu

ORDERS = (1, 2, 3, 4, 5)


def sentence_bleu(hypothesis, references, order):
    """Papineni et al. 2002 with nltk's method1, one hypothesis against each reference in turn."""
    if not hypothesis or not any(
        word in reference for word in hypothesis for reference in references
    ):
        return 0.0
    product = 1.0
    for n in range(1, order + 1):
        grams = [tuple(hypothesis[i : i + n]) for i in range(len(hypothesis) - n + 1)]
        clipped = 0
        for gram, count in Counter(grams).items():
            reach = [
                sum(tuple(r[i : i + n]) == gram for i in range(len(r) - n + 1)) for r in references
            ]
            clipped += min(count, max(reach))
        product *= (clipped if clipped else 0.1) / max(1, len(grams))
    nearest = sorted((abs(len(r) - len(hypothesis)), len(r)) for r in references)[0][1]
    penalty = 1.0 if len(hypothesis) > nearest else math.exp(1 - nearest / len(hypothesis))
    return penalty * product ** (1 / order)


def corpus(number, seed):
    rng = random.Random(seed)
    return [[rng.choice("abcdef") for _ in range(rng.randint(1, 9))] for _ in range(number)]


HYPOTHESES = [*corpus(40, 0), [], ["a"], ["zz", "yy"], list("aaaaaaaaaaaa")]
REFERENCES = corpus(25, 1)


def test_bleu_equals_independent_implementation():
    values = bleu(HYPOTHESES, REFERENCES, orders=ORDERS)
    for n in ORDERS:
        expected = sum(sentence_bleu(h, REFERENCES, n) for h in HYPOTHESES) / len(HYPOTHESES)
        assert values[n] == pytest.approx(expected, abs=1e-12)


def test_self_bleu_leaves_each_sentence_out_by_position():
    sentences = [*corpus(25, 2), list("abcabc"), list("abcabc"), list("abcdefabcdefabcdef")]
    values = self_bleu(sentences, orders=ORDERS)
    for n in ORDERS:
        expected = [
            sentence_bleu(s, sentences[:i] + sentences[i + 1 :], n) for i, s in enumerate(sentences)
        ]
        assert values[n] == pytest.approx(sum(expected) / len(expected), abs=1e-12)


def test_bleu_equals_nltk():
    nltk = pytest.importorskip("nltk.translate.bleu_score")
    method = nltk.SmoothingFunction().method1
    hypotheses = [each for each in HYPOTHESES if each]
    values = bleu(hypotheses, REFERENCES, orders=ORDERS)
    for n in ORDERS:
        weights = (1 / n,) * n
        expected = [
            nltk.sentence_bleu(REFERENCES, h, weights, smoothing_function=method)
            for h in hypotheses
        ]
        assert values[n] == pytest.approx(sum(expected) / len(expected), abs=1e-9)


@pytest.mark.parametrize(
    "hypotheses",
    [
        HYPOTHESES,
        corpus(5, 3),  # short: some order has no match
        [list("abab"), list("fe")],
        [["a"], ["b", "c"]],  # no hypothesis has four tokens
        [["zz", "yy", "xx", "ww"]],  # no match at all
        [["zz", "yy", "xx", "ww", "a"]],  # a match of single words only
        [[], ["a"]],
        [list("abcdefabcdefabcdef")],
        [REFERENCES[0], REFERENCES[1]],
    ],
)
def test_corpus_bleu_equals_sacrebleu(hypotheses):
    sacrebleu = pytest.importorskip("sacrebleu")
    lines = [" ".join(each) for each in hypotheses]
    streams = [[" ".join(each)] * len(lines) for each in REFERENCES]
    expected = sacrebleu.corpus_bleu(lines, streams, tokenize="none", force=True).score
    assert corpus_bleu(hypotheses, REFERENCES) == pytest.approx(expected, abs=1e-9)


def test_corpus_bleu_by_hand():
    # Precisions 3/4, 1/3, then no match of two and of one: 1/(2*2) and 1/(4*1).
    value = corpus_bleu([list("abxc")], [list("abcd")])
    assert value == pytest.approx(100 * (3 / 4 * 1 / 3 * 1 / 4 * 1 / 4) ** 0.25)
    # Half as long as the reference: a brevity penalty.
    assert corpus_bleu([list("abcd")], [list("abcdefgh")]) == pytest.approx(100 * math.exp(-1))


def test_closed_forms():
    assert bleu([list("abcd")], [list("abcd")], orders=(4,))[4] == pytest.approx(1)
    # Precisions 3/4 and 1/3, no brevity penalty.
    value = bleu([list("abxc")], [list("abcd")], orders=(2,))[2]
    assert value == pytest.approx(math.sqrt(3 / 4 * 1 / 3))
    # Of two references that are equally near in length the shorter counts: no brevity penalty.
    assert bleu([list("abc")], [list("ab"), list("abcd")], orders=(1,))[1] == pytest.approx(1)
    assert self_bleu([list("abcd")] * 3, orders=(3,))[3] == pytest.approx(1)
    assert self_bleu([["a"], ["b"]], orders=(2,))[2] == 0


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="at least two"):
        self_bleu([["a"]], orders=(2,))
    with pytest.raises(ValueError, match="no hypotheses"):
        bleu([], [["a"]], orders=(2,))
    with pytest.raises(ValueError, match="no references"):
        bleu([["a"]], [], orders=(2,))
    with pytest.raises(ValueError, match="no hypotheses"):
        corpus_bleu([], [["a"]])
    with pytest.raises(ValueError, match="from 1"):
        bleu([["a"]], [["a"]], orders=(0,))
