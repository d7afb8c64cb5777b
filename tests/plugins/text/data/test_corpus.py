"""A corpus: what is trained on, what is held out, labels, and the same from a file as in memory."""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys

import pytest
import torch

from multigan.data.grammar import is_grammatical
from multigan.data.vocabulary import EOS, PAD, UNK
from multigan.errors import DataError
from multigan.plugins.text.data import corpus as module
from multigan.plugins.text.data import encoding
from multigan.plugins.text.data.corpus import Sentences, load_corpus
from multigan.plugins.text.recipe import TextData


def corpus_of(tmp_path, lines, **settings):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return load_corpus(TextData(source=str(path), **settings))


def test_sentences_survive_and_test_lines_are_unseen(tmp_path):
    lines = [f"The cat number{i} sat, here." for i in range(40)]
    corpus = corpus_of(tmp_path, [*lines, "", "   "], held_out=0.2)
    back = corpus.vocabulary.decode_batch(corpus.train_rows())
    assert set(back) < {line.lower() for line in lines}
    assert len(corpus.train) == 32 and len(corpus.test) == 8
    assert (corpus.test == UNK).any(1).all()  # their numbers were not trained on
    assert corpus.train_rows(5).shape == (5, 8) and corpus.max_length == 7
    assert corpus.mean_length == 8 and corpus.ends
    assert corpus.labels == () and corpus.test_labels is None
    assert not corpus.has_grammar


def test_builtin_captions_are_grammatical_and_held_out():
    corpus = load_corpus(TextData(builtin_size=100, held_out=0.2))
    train = corpus.vocabulary.decode_batch(corpus.train_rows())
    assert corpus.has_grammar and all(map(is_grammatical, train))
    assert not set(train) & set(corpus.vocabulary.decode_batch(corpus.test))


def test_long_sentences_and_rare_words_are_left_out_whole(tmp_path):
    lines = ["a b c", "a b", "b a", "a c", "a b c d e f", "a rare b"] * 3
    corpus = corpus_of(tmp_path, [*lines, "a unique"], max_length=3, min_count=2, held_out=0.01)
    texts = set(corpus.vocabulary.decode_batch(corpus.train_rows()))
    assert "a b c d e f" not in texts and "a unique" not in texts and "a b c" in texts
    rows = corpus.train_rows()
    assert not (rows == UNK).any() and ((rows == EOS).sum(1) == 1).all()
    assert corpus.mean_length == pytest.approx((rows != PAD).sum(1).double().mean().item())


def test_automatic_length_lets_99_percent_in(tmp_path):
    lines = [f"a b{i}" for i in range(298)] + ["x " * 50] * 2
    assert corpus_of(tmp_path, lines, held_out=0.001).max_length == 2


def test_chinese_characters(tmp_path):
    poems = ["江心秋月白，起柁信潮行。", "半夜吹笛聲。", "謀生今始知。"]
    for mode in ("character", "word"):
        corpus = corpus_of(tmp_path, poems, tokens=mode, held_out=0.1)
        assert set(corpus.vocabulary.decode_batch(corpus.train_rows())) <= set(poems)
        assert corpus.max_length == 12 or "江" not in corpus.vocabulary


def test_bad_data_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="max_length"):
        corpus_of(tmp_path, ["a b c d", "b c d e"], max_length=2)
    with pytest.raises(DataError, match="min_count"):
        corpus_of(tmp_path, ["a b", "a c", "a d"], min_count=2, held_out=0.1)
    with pytest.raises(DataError, match="one sentence"):
        corpus_of(tmp_path, ["a b"])
    with pytest.raises(DataError):
        corpus_of(tmp_path, ["", " "])
    with pytest.raises(DataError):
        load_corpus(TextData(source=str(tmp_path / "missing.txt")))
    with pytest.warns(UserWarning, match="left out"):
        corpus_of(tmp_path, ["a b"] * 3 + ["a b c d e"] * 9, max_length=2, held_out=0.1)


def test_batches_are_rows():
    tokens, labels = torch.tensor([[4, EOS], [EOS, PAD], [5, EOS]]), torch.tensor([7, 8, 9])
    data = Sentences(tokens)
    assert len(data) == 3 and data[1]["tokens"].tolist() == [EOS, PAD]
    assert data.batch(torch.tensor([2, 0]))["tokens"].tolist() == [[5, EOS], [4, EOS]]
    for columns in ((tokens, labels), (tokens.short().numpy(), labels.int().numpy())):
        data = Sentences(*columns)
        batch = data.batch(torch.tensor([2, 0]))
        assert batch["tokens"].tolist() == [[5, EOS], [4, EOS]] and batch["labels"].tolist() == [
            9,
            7,
        ]
        assert data[1]["labels"].item() == 8 and data[1]["tokens"].shape == (2,)
        assert {rows.dtype for rows in batch.values()} == {torch.long}
        with pytest.raises(IndexError):
            data[3]


def test_unknown_words_are_dropped_or_kept(tmp_path):
    lines = ["a b c"] * 30 + ["a rare c"] * 2
    settings = {"min_count": 5, "held_out": 0.01}
    dropped, kept = (
        corpus_of(tmp_path, lines, unknown=unknown, **settings) for unknown in ("drop", "keep")
    )
    assert dropped.vocabulary == kept.vocabulary and "rare" not in kept.vocabulary
    assert not (dropped.train_rows() == UNK).any()
    a, c = (kept.vocabulary.tokens.index(token) for token in "ac")
    assert [a, UNK, c, EOS] in kept.train_rows().tolist()
    assert len(kept.train) - len(dropped.train) == 2


def test_byte_pairs_know_every_word(tmp_path):
    lines = [f"{word} naïve 猫 🐱" for word in ("the", "a", "one", "this")] * 9 + ["Zebra Yak"] * 9
    corpus = corpus_of(tmp_path, lines, tokens="bpe", vocabulary_size=300, lower=False)
    assert set(corpus.vocabulary.decode_batch(corpus.train_rows())) == set(lines)
    assert not (corpus.test == UNK).any()
    with pytest.raises(DataError, match="260"):
        corpus_of(tmp_path, lines, tokens="bpe", vocabulary_size=200)


def test_a_test_sentence_is_no_training_sentence(tmp_path):
    """Compared as the networks read them: in lower case, whatever blanks there are."""
    lines = ["A b c.", "a  b c .", "b c d"] * 20 + [f"{x} y z" for x in "defghij"]
    corpus = corpus_of(tmp_path, lines, held_out=0.5)
    train = set(map(tuple, corpus.train_rows().tolist()))
    assert len(corpus.test) and not train & set(map(tuple, corpus.test.tolist()))
    with pytest.warns(UserWarning, match="also trained on"):
        assert len(corpus_of(tmp_path, ["a b", "b c"] * 20).test) == 1


def test_a_separate_test_file(tmp_path):
    (tmp_path / "test.txt").write_text("a b\nc a\nb a new one\nb new")
    lines = ["a b", "b a", "a c"]
    corpus = corpus_of(tmp_path, lines, test=str(tmp_path / "test.txt"), max_length=2)
    assert len(corpus.train) == 3
    assert corpus.vocabulary.decode_batch(corpus.test) == ["c a", "b <unk>"]
    (tmp_path / "test.txt").write_text("A B\nb a\na b c")
    with pytest.raises(DataError, match=r"test\.txt: every sentence is too long, or one of"):
        corpus_of(tmp_path, lines, test=str(tmp_path / "test.txt"), max_length=2)


def test_near_duplicates_go_before_the_split(tmp_path):
    words = [f"w{i}" for i in range(12)]
    lines = []
    for i in range(40):
        base = random.Random(i).choices(words, k=12)
        lines += [" ".join(base), " ".join([*base, "again"]), " ".join(["so", *base])]
    corpus = corpus_of(tmp_path, lines, near_duplicates=0.7, held_out=0.3)
    assert corpus.near_duplicates == 80
    assert len(corpus.train) + len(corpus.test) == 40
    assert corpus_of(tmp_path, lines).near_duplicates == 0
    # The same where the test sentences are in a file of their own.
    (tmp_path / "test.txt").write_text(f"{lines[0]} too\n{' '.join(words)}")
    corpus = corpus_of(tmp_path, lines, near_duplicates=0.7, test=str(tmp_path / "test.txt"))
    assert corpus.near_duplicates == 81 and len(corpus.train) == 40
    assert corpus.vocabulary.decode_batch(corpus.test) == [" ".join(words)]


def test_similar_characters_are_near_duplicates_too(tmp_path):
    poems = ["春眠不覺曉，處處聞啼鳥。", "春眠不覺曉，處處聞啼鳥！", "白日依山盡，黃河入海流。"]
    assert corpus_of(tmp_path, poems, tokens="character", near_duplicates=0.8).near_duplicates == 1


def labelled(tmp_path, pairs):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"text": text, "kind": kind}) for text, kind in pairs))
    return TextData(source=str(path), label="kind", held_out=0.2)


def test_labels_stay_with_their_sentences(tmp_path):
    """Also where sentences in between are dropped as too long."""
    pairs = [(f"{kind} is {i}" + " x" * (i % 3), kind) for i in range(40) for kind in "cab"]
    config = labelled(tmp_path, pairs).model_copy(update={"max_length": 4})
    corpus = load_corpus(config)
    assert corpus.labels == ("a", "b", "c")
    rows = corpus.train.batch(torch.arange(len(corpus.train)))
    for tokens, labels in (
        (rows["tokens"], rows["labels"]),
        (corpus.test, corpus.test_labels),
    ):
        assert len(tokens) == len(labels) and labels.dtype == torch.long
        texts = corpus.vocabulary.decode_batch(tokens)
        assert [text[0] for text in texts] == [corpus.labels[label] for label in labels]
        assert {text.count("x") for text in texts} == {0, 1}


def test_labels_of_folders(tmp_path):
    for name in ("sea", "air"):
        (tmp_path / f"{name}.txt").write_text("\n".join(f"{name} {i}" for i in range(20)))
    corpus = load_corpus(TextData(source=str(tmp_path), label="folder"))
    assert corpus.labels == ("air", "sea")
    assert corpus.vocabulary.decode(corpus.train[0]["tokens"])[:3] == "air"
    assert corpus.train[0]["labels"] == 0


def test_labels_that_do_not_work(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="label=kind is 'a' everywhere"):
        load_corpus(labelled(tmp_path, [("x", "a"), ("y", "a")]))
    with pytest.raises(DataError, match="no training sentence with the label 'b' is left"):
        load_corpus(
            labelled(tmp_path, [("x y", "a")] * 20 + [("x " * 9, "b")]).model_copy(
                update={"max_length": 3}
            )
        )
    monkeypatch.setattr(encoding, "MOST_LABELS", 3)
    with pytest.raises(DataError, match="over 3 different values"):
        load_corpus(labelled(tmp_path, [(text, text) for text in "vwxyz"]))
    with pytest.raises(DataError, match="has no labels"):
        load_corpus(TextData(label="kind"))
    config = labelled(tmp_path, [("x", "a"), ("y", "b")])
    (tmp_path / "test.jsonl").write_text('{"text": "z", "kind": "c"}')
    with pytest.raises(DataError, match=r"label 'c' does not occur in .*rows\.jsonl"):
        load_corpus(config.model_copy(update={"test": str(tmp_path / "test.jsonl")}))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MULTIGAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "CHUNK", 64)
    monkeypatch.setattr(encoding, "CHUNK", 64)
    return tmp_path / "cache" / "text"


def same(first, second):
    indices = torch.randperm(len(first.train))
    one, two = first.train.batch(indices), second.train.batch(indices)
    assert one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)
    assert torch.equal(first.test, second.test)
    assert (first.test_labels is None) == (second.test_labels is None)
    assert first.test_labels is None or torch.equal(first.test_labels, second.test_labels)
    for name in ("vocabulary", "labels", "max_length", "mean_length", "has_grammar", "ends"):
        assert getattr(first, name) == getattr(second, name), name


@pytest.mark.parametrize(
    "settings",
    [
        {"tokens": "word", "min_count": 2},
        {"tokens": "word", "min_count": 2, "unknown": "keep", "vocabulary_size": 70_000},
        {"tokens": "character", "max_length": 30},
        {"tokens": "bpe", "vocabulary_size": 400, "label": "kind"},
    ],
)
def test_from_a_file_as_in_memory(tmp_path, cache, settings):
    source = random.Random(0)
    words = [f"w{i}" for i in range(80)]
    weights = [1 / (i + 1) for i in range(80)]
    pairs = [
        (" ".join(source.choices(words, weights, k=source.randrange(12))), source.choice("ab"))
        for _ in range(500)
    ]
    config = labelled(tmp_path, pairs).model_copy(update={"label": None, **settings})
    streamed = load_corpus(config.model_copy(update={"streaming": True}))
    assert not isinstance(streamed.train.columns["tokens"], torch.Tensor)
    same(load_corpus(config), streamed)
    assert len(list(cache.iterdir())) == 1


def test_the_cache_is_used_renewed_and_mended(tmp_path, cache, monkeypatch):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(f"a b{i % 7} c{i % 5}" for i in range(300)))
    config = TextData(source=str(path), streaming=True)
    first = load_corpus(config)
    (folder,) = cache.iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(module, "labelled_sentences", None)  # nothing is read a second time
        same(load_corpus(config), first)
    (folder / "train" / "tokens").write_bytes(b"12345678")
    same(load_corpus(config), load_corpus(config.model_copy(update={"streaming": False})))
    path.write_text("\n".join(f"d e{i % 7} f{i % 5}" for i in range(300)))
    assert "d" in load_corpus(config).vocabulary and len(list(cache.iterdir())) == 2


def test_what_streaming_cannot_do_is_told(tmp_path):
    with pytest.raises(ValueError, match="near_duplicates compares all sentences in memory"):
        TextData(source="a.txt", streaming=True, near_duplicates=0.5)
    with pytest.raises(ValueError, match="built-in corpus fits into memory"):
        TextData(streaming=True)


PEAK = """
import sys
from multigan.plugins.text.data.corpus import load_corpus
from multigan.plugins.text.recipe import TextData

def peak():  # not resource.getrusage: that begins with the memory of the parent process
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024

before = peak()
corpus = load_corpus(TextData(source=sys.argv[1], streaming=True, tokens=sys.argv[2]))
corpus.train_rows(1000)
print(peak() - before, len(corpus.train), len(corpus.vocabulary))
"""


@pytest.mark.slow
@pytest.mark.parametrize("tokens", ["word", "bpe"])
def test_a_corpus_larger_than_memory(tmp_path, monkeypatch, tokens):
    """60 MB with half a million different words: at most 150 MB more than importing torch takes."""
    monkeypatch.setenv("MULTIGAN_CACHE", str(tmp_path / "cache"))
    source = random.Random(0)
    words = ["".join(source.choices("abcdefghij", k=source.randint(2, 9))) for _ in range(20_000)]
    weights = list(itertools.accumulate(1 / (i + 1) for i in range(len(words))))
    path, size = tmp_path / "large.txt", 0
    with path.open("w") as file:
        for i in range(10**9):
            drawn = source.choices(words, cum_weights=weights, k=8)
            line = " ".join(drawn) + (f" number{i}\n" if i % 2 else "\n")
            size += file.write(line)
            if size > 60_000_000:
                break
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), tokens], capture_output=True, text=True, check=True
    )
    extra, rows, vocabulary = map(int, done.stdout.split())
    print(f"{tokens}: {extra} MB more, {rows} rows, {vocabulary} tokens")
    assert extra < 150 and rows > 100_000 and vocabulary == 10_000
