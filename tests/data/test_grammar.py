"""Captions: varied, grammatical, true; and what is not is found out."""

from __future__ import annotations

import random

import pytest

from multigan.data.grammar import _grammar, captions, is_grammatical, is_true, vocabulary
from multigan.data.scenes import Scene, Thing, scene

# A small red circle above left, two large blue squares below right of it.
SCENE = Scene(
    (
        Thing("circle", "red", "small", 0.2, 0.2, 0.09, "right"),
        Thing("square", "blue", "large", 0.3, 0.7, 0.18, "spin"),
        Thing("square", "blue", "large", 0.75, 0.7, 0.18, "spin"),
    ),
    "white",
)
TRUE = [
    "there is a small red circle on a white background",
    "there are two large blue squares",
    "two big blue boxes are below the tiny circle",
    "the red circle is above both squares",
    "a red circle sits above two blue boxes",
    "there is a circle in the top left corner",
    "the circle is smaller than a square",
    "we see a square that is blue to the right of a circle",
    "both squares are blue and the circle is red",
    "the picture shows three objects",
    "above the two large squares is a red shape",
    "the red circle moves to the right while both squares spin",
    "we can see two blue squares spinning",
    "all three shapes can be seen on the left",
]
FALSE = [
    "there is a small blue circle on a white background",
    "there is a small red circle on a black background",
    "there are two large red squares",
    "there are three blue squares",
    "the square is blue and the circle is red",
    "a red circle sits below two blue boxes",
    "there is a circle in the top right corner",
    "the circle is bigger than a square",
    "both circles are red",
    "the square is in the bottom right corner",
    "the square is large",
    "the red circle moves to the left",
    "the red circle moves to the right while both squares bounce",
    "there is a star and a circle",
    "two squares are in the bottom right corner",
]
WRONG = [
    "",
    "circle",
    "there is a red circles",
    "there is a orange circle",
    "there is an red circle",
    "there is a oval",
    "there is an circle",
    "there are a red circle",
    "there is two red circles",
    "there are two red circle",
    "two circles is above a square",
    "a circle are above a square",
    "a circle sit above a square",
    "the circle move left",
    "both circle are red",
    "a red small circle is above a square",
    "there is a circle red",
    "there is a red red circle",
    "there is a red circle that is red",
    "a circle is above",
    "a circle is to left of a square",
    "a circle is left to a square",
    "there is a circle and",
    "above there is a circle",
    "the picture shows there is a circle",
    "there is a red circle on a white",
    "There is a red circle",
    "there is a red circle.",
    "there is a red circle there is a red circle",
]


@pytest.mark.parametrize("sentence", TRUE)
def test_true_sentences(sentence):
    expected = sentence != TRUE[-1]  # the second square is on the right
    assert is_grammatical(sentence)
    assert is_true(sentence, SCENE) == expected


@pytest.mark.parametrize("sentence", FALSE)
def test_false_sentences_are_grammatical(sentence):
    assert is_grammatical(sentence)
    assert not is_true(sentence, SCENE)


@pytest.mark.parametrize("sentence", WRONG)
def test_ungrammatical_sentences(sentence):
    assert not is_grammatical(sentence)
    assert not is_true(sentence, SCENE)


@pytest.mark.parametrize("moving", [False, True])
def test_captions_are_true_different_and_of_the_promised_length(moving):
    for i in range(300):
        each = scene(i)
        said = captions(each, 5, moving=moving)
        assert len(set(said)) == 5
        assert all(is_true(sentence, each) for sentence in said)
        assert all(5 <= len(sentence.split()) <= 16 for sentence in said)


def test_captions_are_repeatable_and_more_begin_with_fewer():
    assert captions(SCENE, 8) == captions(SCENE, 8)
    assert captions(SCENE, 8)[:3] == captions(SCENE, 3)
    assert captions(SCENE, 8) != captions(SCENE, 8, seed=1)


def test_captions_of_another_scene_are_mostly_false():
    said = [(s, scene(i + 1)) for i in range(400) for s in captions(scene(i))]
    assert sum(is_true(sentence, other) for sentence, other in said) < 0.05 * len(said)


def test_the_language_is_varied_and_its_vocabulary_small():
    assert _grammar().count("STILL") > 1e6
    assert 50 <= len(vocabulary()) <= 90
    assert 50 <= len(vocabulary(moving=True)) <= 90
    said = [sentence for i in range(400) for sentence in captions(scene(i))]
    assert len(set(said)) > 0.9 * len(said)
    assert len({tuple(sentence.split()[:3]) for sentence in said}) > 100
    assert {word for sentence in said for word in sentence.split()} == set(vocabulary())


def test_word_salad_is_ungrammatical():
    rng = random.Random(0)
    words = vocabulary()
    salads = (" ".join(rng.choices(words, k=rng.randint(5, 12))) for _ in range(5000))
    assert not any(map(is_grammatical, salads))
    said = [sentence for i in range(200) for sentence in captions(scene(i))]
    shuffled = [" ".join(rng.sample(s.split(), len(s.split()))) for s in said]
    assert sum(map(is_grammatical, shuffled)) < 0.01 * len(said)
