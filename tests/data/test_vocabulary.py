"""Texts to numbers and back, and what happens to a damaged vocabulary."""

from __future__ import annotations

import json
import random
import string

import pytest
import torch

from multigan.data import byte_pairs
from multigan.data import vocabulary as module
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


ANY_TEXTS = [
    "",
    "a  red circle",
    "naïve “Straße”",
    "一只红色的猫，在桌子上。",
    "👩‍👩‍👧 🇫🇷\ttab",
    "<eos> <pad> Ġ",
]


def test_byte_pairs_lose_nothing_of_any_text():
    vocabulary = Vocabulary.build(TEXTS, mode="bpe", max_size=300)
    assert vocabulary.decode_batch(vocabulary.encode(ANY_TEXTS)) == ANY_TEXTS
    ids = vocabulary.encode(ANY_TEXTS)
    assert not (ids == UNK).any() and ((ids == EOS).sum(1) == 1).all()
    # Half a character is no UTF-8, which a generator may well write.
    half = vocabulary.encode(["é"])[0][:1]
    assert vocabulary.decode(half) == "�"


def test_byte_pairs_are_merged_as_defined():
    """By hand: the most frequent neighbours become one, until there is no room."""
    texts, alphabet = ["abab", "abab", "abc"], 4 + 256
    vocabulary = Vocabulary.build(texts, mode="bpe", max_size=alphabet + 2)
    assert vocabulary.merges == (("a", "b"), ("ab", "ab"))
    assert len(vocabulary) == alphabet + 2 and vocabulary.tokens[:4] == SPECIALS
    assert vocabulary.split("abab abc") == ["abab", "Ġ", "ab", "c"]
    assert Vocabulary.build(texts, mode="bpe", max_size=alphabet + 9, min_count=5).merges == (
        ("a", "b"),
    )
    with pytest.raises(DataError, match="vocabulary_size=260"):
        Vocabulary.build(texts, mode="bpe", max_size=alphabet - 1)


def test_byte_pairs_do_not_depend_on_the_order_of_texts():
    texts = ["".join(random.Random(i).choices("abcdef ", k=40)) for i in range(200)]
    built = Vocabulary.build(texts, mode="bpe", max_size=500)
    assert Vocabulary.build(texts[::-1], mode="bpe", max_size=500) == built
    assert len(built) == 500


def test_byte_pairs_of_a_large_corpus_come_from_an_even_sample(monkeypatch):
    monkeypatch.setattr(byte_pairs, "MOST_CHARACTERS", 1000)
    texts = [f"{i:04}" for i in range(5000)]
    sample = byte_pairs._sample(iter(texts))
    assert sample == texts[:: int(sample[1])] and 500 <= sum(map(len, sample)) <= 1000


def test_counting_forgets_rare_tokens_only(monkeypatch):
    """Four frequent words among thousands that occur once keep their places and true order."""
    monkeypatch.setattr(module, "MOST_COUNTED", 100)
    source = random.Random(0)
    texts = [
        " ".join(source.choices("abcd", [8, 4, 2, 1], k=20)) + f" rare{i}" for i in range(2000)
    ]
    assert Vocabulary.build(texts, max_size=8).tokens[4:] == ("a", "b", "c", "d")
    assert len(Vocabulary.build(texts)) <= 4 + 101 + 4


def test_texts_that_are_too_long_are_not_counted():
    assert Vocabulary.build(["a b", "a c d"], longest=2).tokens[4:] == ("a", "b")


@pytest.mark.parametrize("mode", ["word", "character", "bpe"])
def test_a_prompt_is_the_beginning_of_its_sentence(mode):
    vocabulary = Vocabulary.build(TEXTS, mode=mode, max_size=300)
    prompt = vocabulary.encode_prefix("a red" if mode == "character" else "a red ")
    assert prompt == vocabulary.encode(["a red star"])[0][: len(prompt)].tolist()
    assert vocabulary.decode(prompt) == "a red" and EOS not in prompt
    assert vocabulary.encode_prefix("") == []
    if mode != "bpe":
        with pytest.raises(DataError, match=r"has no .*'Z'.*; use"):
            vocabulary.encode_prefix("a Z red Z Q")


def test_encoding_equals_row_by_row():
    """The vectorised filling against the definition."""
    source = random.Random(1)
    texts = [" ".join(source.choices(string.ascii_letters, k=n)) for n in range(30)]
    vocabulary = Vocabulary.build(texts[5:])
    for max_length in (None, 1, 7, 40):
        length = max_length or 30
        rows = []
        for text in texts:
            ids = [vocabulary.tokens.index(t) if t in vocabulary else UNK for t in text.split()]
            row = [*ids[: length - 1], EOS]
            rows.append(row + [PAD] * (length - len(row)))
        assert vocabulary.encode(texts, max_length=max_length).tolist() == rows


@pytest.mark.parametrize("mode", ["word", "character", "bpe"])
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


@pytest.mark.parametrize(
    "changes",
    [
        {"merges": [["a", "b"], ["ab", "xy"]]},
        {"merges": [["", "b"]]},
        {"merges": [["a", "b", "c"]]},
        {"merges": [["a", 3]]},
        {"merges": ["ab"]},
        {"merges": None},
        {"merges": [["<", "p"], ["<p", "a"], ["<pa", "d"], ["<pad", ">"]]},
        {"mode": "word"},
        {"tokens": []},
    ],
)
def test_tampered_merges_are_refused(changes):
    facts = Vocabulary.build(TEXTS, mode="bpe", max_size=280).to_dict() | changes
    with pytest.raises(CheckpointError, match="vocabulary is damaged"):
        Vocabulary.from_dict(facts)
