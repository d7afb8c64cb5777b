"""Which part of a sentence is wrong."""

from __future__ import annotations

import pytest

from multigan.data.grammar import captions, is_true, truth
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
RIGHT, WRONG, UNSAID = True, False, None


@pytest.mark.parametrize(
    ("sentence", "objects", "colours", "relations"),
    [
        ("there is a red circle above a blue square", RIGHT, RIGHT, RIGHT),
        ("there is a green circle above a blue square", RIGHT, WRONG, WRONG),
        ("there is a red star above a blue square", WRONG, WRONG, WRONG),
        ("there is a red circle below a blue square", RIGHT, RIGHT, WRONG),
        ("there is a circle above a square", RIGHT, UNSAID, RIGHT),
        ("there is a red circle and a blue square", RIGHT, RIGHT, UNSAID),
        ("there is a blue circle and a red square", RIGHT, WRONG, UNSAID),
        ("there are two squares and a circle", RIGHT, UNSAID, UNSAID),
        ("there are three squares and a circle", WRONG, UNSAID, UNSAID),
        ("there are three objects on a white background", RIGHT, UNSAID, UNSAID),
        ("the circle is red and both squares are blue", RIGHT, RIGHT, UNSAID),
        ("the circle is red and both squares are green", RIGHT, WRONG, UNSAID),
        ("there is a circle in the top left corner", RIGHT, UNSAID, RIGHT),
        ("there is a circle in the top right corner", RIGHT, UNSAID, WRONG),
        ("there are two squares at the bottom", RIGHT, UNSAID, RIGHT),
        ("there are two squares on the left", RIGHT, UNSAID, WRONG),
        ("the circle is smaller than a square", RIGHT, UNSAID, RIGHT),
        ("the circle is bigger than a square", RIGHT, UNSAID, WRONG),
        ("a large circle is above a square", RIGHT, UNSAID, WRONG),
    ],
)
def test_parts_of_a_sentence(sentence, objects, colours, relations):
    expected = {"objects": objects, "colours": colours, "relations": relations}
    found = truth([sentence], [SCENE])
    assert found.pop("grammatical") == 1
    assert found.pop("true") == is_true(sentence, SCENE)
    assert found == {kind: right for kind, right in expected.items() if right is not None}


def test_a_true_sentence_is_right_in_every_part():
    scenes = [scene(i) for i in range(150) for _ in range(5)]
    said = [sentence for i in range(150) for sentence in captions(scene(i))]
    kinds = ("grammatical", "true", "objects", "colours", "relations")
    assert truth(said, scenes) == dict.fromkeys(kinds, 1.0)
    shifted = truth(said[5:], scenes[:-5])
    assert shifted["grammatical"] == 1
    assert shifted["true"] < 0.05
    assert shifted["colours"] < shifted["objects"] < 0.5


def test_shares_are_of_the_sentences_that_speak_of_it():
    said = ["there is a red circle", "there is a red star", "there is a circle", "a red red circle"]
    found = truth(said, [SCENE] * 4)
    assert found == pytest.approx(
        {"grammatical": 3 / 4, "true": 2 / 4, "objects": 2 / 3, "colours": 1 / 2}
    )
    assert truth(["red red"], [SCENE]) == {"grammatical": 0, "true": 0}


def test_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="one for each"):
        truth(["there is a red circle"], [])
    with pytest.raises(ValueError, match="one for each"):
        truth([], [])
