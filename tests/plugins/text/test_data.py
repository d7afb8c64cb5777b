import pytest
import torch

from multigan.data.grammar import is_grammatical
from multigan.data.vocabulary import EOS, PAD, UNK
from multigan.errors import DataError
from multigan.plugins.text.data import Sentences, load_corpus
from multigan.plugins.text.recipe import TextData


def corpus_of(tmp_path, lines, **settings):
    path = tmp_path / "lines.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return load_corpus(TextData(source=str(path), **settings))


def test_sentences_survive_and_test_lines_are_unseen(tmp_path):
    lines = [f"The cat number{i} sat, here." for i in range(40)]
    corpus = corpus_of(tmp_path, [*lines, "", "   "], held_out=0.2)
    back = corpus.vocabulary.decode_batch(corpus.train)
    assert set(back) < {line.lower() for line in lines}
    assert len(corpus.train) == 32 and len(corpus.test) == 8
    assert (corpus.test == UNK).any(1).all()  # their numbers were not trained on
    assert corpus.train.shape[1] == corpus.max_length + 1 == 8
    assert not corpus.has_grammar


def test_builtin_captions_are_grammatical_and_held_out():
    corpus = load_corpus(TextData(builtin_size=100, held_out=0.2))
    train = corpus.vocabulary.decode_batch(corpus.train)
    assert corpus.has_grammar and all(map(is_grammatical, train))
    assert not set(train) & set(corpus.vocabulary.decode_batch(corpus.test))


def test_long_sentences_and_rare_words_are_left_out_whole(tmp_path):
    lines = ["a b c", "a b", "b a", "a c", "a b c d e f", "a rare b"] * 3
    corpus = corpus_of(tmp_path, [*lines, "a unique"], max_length=3, min_count=2, held_out=0.01)
    texts = set(corpus.vocabulary.decode_batch(corpus.train))
    assert "a b c d e f" not in texts and "a unique" not in texts and "a b c" in texts
    assert not (corpus.train == UNK).any()
    assert ((corpus.train == EOS).sum(1) == 1).all()


def test_automatic_length_lets_99_percent_in(tmp_path):
    lines = [f"a b{i}" for i in range(298)] + ["x " * 50] * 2
    assert corpus_of(tmp_path, lines, held_out=0.001).max_length == 2


def test_chinese_characters(tmp_path):
    poems = ["江心秋月白，起柁信潮行。", "半夜吹笛聲。", "謀生今始知。"]
    for mode in ("character", "word"):
        corpus = corpus_of(tmp_path, poems, tokens=mode, held_out=0.1)
        assert set(corpus.vocabulary.decode_batch(corpus.train)) <= set(poems)
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
    tokens = torch.tensor([[4, EOS], [EOS, PAD], [5, EOS]])
    data = Sentences(tokens)
    assert len(data) == 3 and data[1]["tokens"].tolist() == [EOS, PAD]
    assert data.batch(torch.tensor([2, 0]))["tokens"].tolist() == [[5, EOS], [4, EOS]]
