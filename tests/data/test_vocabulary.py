"""Texts to numbers and back, and what happens to a damaged vocabulary."""

from __future__ import annotations

import json

import pytest
import torch

from multigan.data.vocabulary import BOS, EOS, PAD, SPECIALS, UNK, Vocabulary, lengths
from multigan.errors import CheckpointError, DataError

TEXTS = ["a red circle", "a blue circle", "a red star"]


def test_order_is_by_count_then_alphabet_whatever_the_order_of_texts():
    vocabulary = Vocabulary.build(TEXTS)
    assert vocabulary.tokens == (*SPECIALS, "a", "circle", "red", "blue", "star")
    assert Vocabulary.build(TEXTS[::-1]) == vocabulary
    assert len(vocabulary) == 9 and "star" in vocabulary and "moon" not in vocabulary


def test_rare_tokens_and_a_largest_size():
    assert Vocabulary.build(TEXTS, min_count=2).tokens[4:] == ("a", "circle", "red")
    assert Vocabulary.build(TEXTS, max_size=6).tokens[4:] == ("a", "circle")
    with pytest.raises(DataError, match="no token"):
        Vocabulary.build([" ", ""])


def test_encoding_closes_and_fills_rows():
    vocabulary = Vocabulary.build(TEXTS)
    ids = vocabulary.encode(["a red moon", "star"])
    assert ids.dtype == torch.long
    assert ids.tolist() == [[4, 6, UNK, EOS], [8, EOS, PAD, PAD]]
    assert lengths(ids).tolist() == [4, 2]
    assert vocabulary.encode(TEXTS, max_length=3)[:, -1].tolist() == [EOS] * 3
    assert vocabulary.encode(["star"], max_length=5).tolist() == [[8, EOS, PAD, PAD, PAD]]
    assert vocabulary.encode([""]).tolist() == [[EOS]]
    assert vocabulary.encode([]).shape == (0, 1)


def test_lengths_without_an_end_and_with_several():
    ids = torch.tensor([[5, 6, 7], [EOS, 5, EOS], [5, EOS, PAD]])
    assert lengths(ids).tolist() == [3, 1, 2]


def test_decoding_stops_at_the_end():
    vocabulary = Vocabulary.build(TEXTS)
    assert vocabulary.decode([BOS, 4, 6, EOS, 5, 5]) == "a red"
    assert vocabulary.decode(torch.tensor([4, PAD, 8])) == "a star"
    assert vocabulary.decode_batch(vocabulary.encode(TEXTS)) == TEXTS


@pytest.mark.parametrize(
    "text",
    [
        "Hello, world! It's a well-known fact.",
        "He said (quietly): yes; or no?",
        "一只红色的猫，在桌子上。",
        "naïve café über straße",
        "she has 3 cats",
    ],
)
def test_words_round_trip_with_their_punctuation(text):
    vocabulary = Vocabulary.build([text])
    assert vocabulary.decode(vocabulary.encode([text])[0]) == text


def test_punctuation_and_chinese_are_tokens_of_their_own():
    assert Vocabulary([]).split("Stop, it's 红色!") == ["Stop", ",", "it's", "红", "色", "!"]
    assert Vocabulary([], lower=True).split("Big RED") == ["big", "red"]


@pytest.mark.parametrize("text", ["a  b, c!", "春眠不觉晓，处处闻啼鸟。", "naïve"])
def test_characters_round_trip(text):
    vocabulary = Vocabulary.build([text], mode="character")
    assert len(vocabulary) == 4 + len(set(text))
    assert vocabulary.decode(vocabulary.encode([text])[0]) == text


def test_a_text_cannot_forge_a_special_token():
    vocabulary = Vocabulary.build(["<eos> a <pad>"])
    ids = vocabulary.encode(["a <eos> a"])[0]
    assert ids.tolist().count(EOS) == 1 and ids[-1] == EOS


@pytest.mark.parametrize("mode", ["word", "character"])
def test_facts_round_trip_through_json(mode):
    vocabulary = Vocabulary.build(["A red, rød 红 star"], mode=mode, lower=True)
    again = Vocabulary.from_dict(json.loads(json.dumps(vocabulary.to_dict())))
    assert again == vocabulary
    assert again.encode(["Red 红"]).tolist() == vocabulary.encode(["Red 红"]).tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"tokens": ["a", "a"]},
        {"tokens": ["<pad>"]},
        {"tokens": [""]},
        {"tokens": ["a", 3]},
        {"tokens": "abc"},
        {"mode": "byte"},
        {"mode": ["word"]},
        {"lower": "yes"},
        {"more": 1},
    ],
)
def test_tampered_facts_are_refused(changes):
    facts = Vocabulary.build(TEXTS).to_dict() | changes
    with pytest.raises(CheckpointError, match="vocabulary is damaged"):
        Vocabulary.from_dict(facts)
    with pytest.raises(CheckpointError):
        Vocabulary.from_dict([])
