"""The grammar machine on a grammar small enough to write all its sentences down."""

from __future__ import annotations

import random

import pytest

from multigan.data.phrases import Grammar

TEXT = """
S = subject:NP[n] VERB[n] object:NP[m] | subject:NP[n] VERB[n] AGAIN?
NP[sg] = a HUE? dog {animal=dog}
NP[pl] = HUE dogs {animal=dog}
| cats {animal=cat}
HUE = red {hue=red} | 3* blue {hue=blue}
VERB[sg] = sees
VERB[pl] = see
AGAIN = again {again=yes}
"""
SINGULAR = ["a dog", "a red dog", "a blue dog"]
PLURAL = ["red dogs", "blue dogs", "cats"]


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    numbers = ("sg", "pl")
    return Grammar(TEXT, features={"n": numbers, "m": numbers}, start="S")


def every_sentence() -> set[str]:
    found = set()
    for nouns, verb in ((SINGULAR, "sees"), (PLURAL, "see")):
        for noun in nouns:
            found |= {f"{noun} {verb}", f"{noun} {verb} again"}
            found |= {f"{noun} {verb} {other}" for other in SINGULAR + PLURAL}
    return found


def test_it_recognises_exactly_its_sentences(grammar):
    import itertools

    words = ["a", "red", "blue", "dog", "dogs", "cats", "sees", "see", "again"]
    assert grammar.words() == set(words)
    strings = (" ".join(p) for n in range(1, 6) for p in itertools.product(words, repeat=n))
    recognised = {text for text in strings if grammar.parse(text.split())}
    assert recognised == {text for text in every_sentence() if len(text.split()) <= 5}
    assert all(grammar.parse(text.split()) for text in every_sentence())
    assert grammar.count() == len(every_sentence())


def test_what_is_derived_is_parsed_as_the_same_frame(grammar):
    rng = random.Random(0)
    for sentence in every_sentence():
        (frame,) = grammar.parse(sentence.split())
        words = grammar.derive(frame, rng)
        assert words is not None
        assert grammar.parse(words) == [frame]


def test_frames_that_cannot_be_said(grammar):
    rng = random.Random(0)
    assert grammar.derive({"subject": {"animal": "cow"}}, rng) is None
    assert grammar.derive({"subject": {"animal": "cat", "hue": "red"}}, rng) is None
    assert grammar.derive({"object": {"animal": "cat"}}, rng) is None


def test_all_ways_are_used_and_weights_count(grammar):
    rng = random.Random(0)
    frame = {"subject": {"animal": "dog", "hue": "red"}}
    said = {" ".join(grammar.derive(frame, rng) or ()) for _ in range(100)}
    assert said == {"a red dog sees", "red dogs see"}


def test_a_key_is_set_once():
    grammar = Grammar(
        "S = HUE thing that is HUE\nHUE = red {h=red} | blue {h=blue}", features={}, start="S"
    )
    assert grammar.parse(["red", "thing", "that", "is", "blue"]) == []
    assert grammar.derive({"h": "red"}, random.Random(0)) is None


def test_mistakes_in_the_rules_are_found():
    with pytest.raises(ValueError, match="HUE in S has no rule"):
        Grammar("S = a HUE", features={}, start="S")
    with pytest.raises(ValueError, match="contains itself"):
        Grammar("S = a T\nT = b S", features={}, start="S")
