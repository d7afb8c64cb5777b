import math
import random

import pytest

from multigan.metrics.language_model import EDGE, LanguageModel, count_words

# Follows EDGE: a a b; a: b b c EDGE; b: a EDGE EDGE; c: EDGE.
TINY = [list("ab"), list("abac"), list("b"), []]


def corpus(number, seed, words="abcdefgh"):
    source = random.Random(seed)
    return [[source.choice(words) for _ in range(source.randint(0, 6))] for _ in range(number)]


def test_bigrams_by_hand():
    model = LanguageModel(TINY, vocabulary_size=6, order=2, discount=0.5)
    # Different words seen before each: a 2 (edge b), b 2 (edge a), c 1 (a), the end 3 (b c edge).
    low = (2 - 0.5 + 0.5 * 4 / 6) / 8
    assert model.probability("a", ()) == pytest.approx(low)
    # The first word: a twice, b once, the end once.
    assert model.probability("a", (EDGE,)) == pytest.approx((2 - 0.5 + 0.5 * 3 * low) / 4)
    # After a: b twice, c once.
    unseen = 0.5 * 4 / 6 / 8
    assert model.probability("z", ("a",)) == pytest.approx(0.5 * 2 * unseen / 3)
    assert model.probability("z", ("z",)) == pytest.approx(unseen)
    nll = -math.log(model.probability("b", (EDGE,))) - math.log(model.probability(EDGE, ("b",)))
    assert model.nll([["b"]]) == pytest.approx(nll / 2)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_probabilities_sum_to_one(order):
    words = ["a", "b", "c", "never seen", "nor this", EDGE]
    model = LanguageModel(TINY, vocabulary_size=len(words), order=order)
    for context in [(), (EDGE,), ("a",), (EDGE, "a", "b"), ("b", "a"), ("c", "c"), ("nor this",)]:
        total = sum(model.probability(word, context) for word in words)
        assert total == pytest.approx(1, abs=1e-12)


def test_equals_nltk_where_the_definitions_agree():
    """nltk neither discounts single words nor spreads anything over unseen ones."""
    lm = pytest.importorskip("nltk.lm")
    from nltk.lm.preprocessing import padded_everygram_pipeline

    text = [sentence for sentence in corpus(60, 0) if sentence]
    reference = lm.KneserNeyInterpolated(2, discount=0.7)
    reference.fit(*padded_everygram_pipeline(2, text))
    model = LanguageModel(text, vocabulary_size=9, order=2, discount=0.7)
    for before in ["<s>", *"abcdefgh"]:
        for word in [*"abcdefgh", "</s>"]:
            ours = [EDGE if each[0] == "<" else each for each in (before, word)]
            count, rest = reference.estimator.alpha_gamma(word, (before,))
            expected = count + rest * model.probability(ours[1], ())
            assert model.probability(ours[1], (ours[0],)) == pytest.approx(expected, abs=1e-12)


def by_definition(word, context, text, *, order, discount, size):
    """Interpolated Kneser-Ney as the papers write it, counting anew for every question."""
    context = ["start" if each is EDGE else each for each in context]
    padded = [["start", *sentence, EDGE] for sentence in text]

    def occurrences(gram):
        n = len(gram)
        return [
            (i, line)
            for line in padded
            for i in range(len(line) - n + 1)
            if line[i : i + n] == gram
        ]

    def count(gram):
        if len(gram) == order or gram[0] == "start":
            return len(occurrences(gram))
        return len({line[i - 1] for i, line in occurrences(gram) if i > 0})

    words = {word for sentence in text for word in sentence} | {EDGE}
    following = [n for n in (count([*context, each]) for each in words) if n]
    rest = 1 / size
    if context:
        shorter = context[1:]
        rest = by_definition(word, shorter, text, order=order, discount=discount, size=size)
    if not following:
        return rest
    kept = max(count([*context, word]) - discount, 0)
    return (kept + discount * len(following) * rest) / sum(following)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_equals_the_definition(order):
    text, source = corpus(12, 7, words="abcd"), random.Random(8)
    model = LanguageModel(text, vocabulary_size=7, order=order, discount=0.6)
    for line in corpus(12, 9, words="abcdz"):
        words = [EDGE, *line, EDGE]
        end = source.randint(1, len(words) - 1)
        context = words[max(0, end - order + 1) : end]
        expected = by_definition(words[end], context, text, order=order, discount=0.6, size=7)
        found = model.probability(words[end], tuple(words[:end]))
        assert found == pytest.approx(expected, abs=1e-12)


def test_longer_contexts_help_where_they_matter():
    text = [list("abc"), list("xbd")] * 3  # what follows b hangs on the word before it
    held_out = [list("abc")]
    nlls = [LanguageModel(text, vocabulary_size=6, order=n).nll(held_out) for n in (1, 2, 3)]
    assert nlls[2] < nlls[1] < nlls[0]


def test_a_collapsed_generator_is_found_out():
    real = corpus(300, 1)
    good, collapsed = corpus(300, 2), [real[5] or ["a"]] * 300
    size = count_words(real, good, collapsed)
    judge = LanguageModel(real, vocabulary_size=size)
    assert judge.nll(collapsed) < judge.nll(good)
    reverse = {
        name: LanguageModel(sample, vocabulary_size=size).nll(real)
        for name, sample in (("good", good), ("collapsed", collapsed))
    }
    assert reverse["good"] + 1 < reverse["collapsed"] < float("inf")


def test_few_words_earn_nothing():
    """A sample without half of the words explains real text worse, not better."""
    real, sample = corpus(300, 3), corpus(300, 4)
    poor = [[word for word in sentence if word < "e"] for sentence in sample]
    size = count_words(real, sample)
    assert size == 9
    scores = [LanguageModel(each, vocabulary_size=size).nll(real) for each in (sample, poor)]
    assert scores[0] < scores[1]


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="at least one sentence"):
        LanguageModel([], vocabulary_size=3)
    with pytest.raises(ValueError, match="4 different words"):
        LanguageModel(TINY, vocabulary_size=3)
    with pytest.raises(ValueError, match="discount=1"):
        LanguageModel(TINY, vocabulary_size=9, discount=1)
    with pytest.raises(ValueError, match="no sentence"):
        LanguageModel(TINY, vocabulary_size=9).nll([])
