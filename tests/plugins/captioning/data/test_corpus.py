from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from multigan.data.media import write_image
from multigan.data.vocabulary import PAD
from multigan.errors import DataError
from multigan.plugins.captioning.data.corpus import load_corpus, squeezed
from multigan.plugins.captioning.recipe import CaptionData

CAPTIONS = [
    ["a red cat", "a cat that is red"],
    ["a blue dog", "the dog is blue", "a dog"],
    ["a green bird", "a very very very very long bird that is green and also a bird indeed"],
    ["a red dog", "xylophone"],
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = []
    for i in range(40):
        pixels = np.zeros((8, 16, 3), np.uint8)
        pixels[:, :8] = 6 * i
        write_image(pixels, tmp_path / f"{i}.png")
        rows.append({"file_name": f"{i}.png", "captions": CAPTIONS[i % 4]})
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path


def test_rows_are_captions_of_their_picture(folder: Path) -> None:
    corpus = load_corpus(CaptionData(source=str(folder), size=16, captions=3, max_length=6))
    assert len(corpus.train) == 36 and len(corpus.test) == 4
    assert corpus.max_length == 6 and corpus.several is False  # the third kind has one left
    decode = corpus.vocabulary.decode_batch
    for i in range(len(corpus.train)):
        number = int(corpus.train.collection.names[i].removesuffix(".png"))
        sample = corpus.train[i]
        assert sample["image"].shape == (3, 16, 16) and sample["image"].dtype == torch.uint8
        assert sample["image"][0, 8, 2] == 6 * number  # squeezed: the whole picture is there
        assert sample["tokens"].shape == (3, 7)
        assert set(decode(sample["tokens"])) <= set(CAPTIONS[number % 4])
    tokens = torch.cat([corpus.train.rows(i) for i in range(36)])
    assert corpus.mean_length == pytest.approx(float((tokens != PAD).sum()) / len(tokens))
    assert "a red cat" in corpus.known


def test_rare_words_take_their_caption_with_them(folder: Path) -> None:
    corpus = load_corpus(CaptionData(source=str(folder), size=16, min_count=15))
    assert "xylophone" not in corpus.vocabulary and "xylophone" not in corpus.known
    assert "a red dog" in corpus.known
    with pytest.warns(UserWarning, match="captions are left out"):
        load_corpus(CaptionData(source=str(folder), size=16, max_length=2))
    with pytest.raises(DataError, match="lower"):
        load_corpus(CaptionData(source=str(folder), size=16, max_length=1, min_count=15))


def test_sentences_without_pictures(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the moon is far\n" * 3, encoding="utf-8")
    corpus = load_corpus(
        CaptionData(source=str(folder), size=16, text=str(tmp_path / "text.txt"), max_length=6)
    )
    text = corpus.train[0]["text"]
    assert set(corpus.vocabulary.decode_batch(text)) == {"the moon is far"}


def test_flipped_half_of_the_time(folder: Path) -> None:
    corpus = load_corpus(CaptionData(source=str(folder), size=16, flip=True))
    torch.manual_seed(0)
    lit = [bool(corpus.train[5]["image"][0, 8, 2] > 0) for _ in range(60)]
    assert 15 < sum(lit) < 45


def test_scenes_have_no_end_and_no_memory() -> None:
    corpus = load_corpus(CaptionData(size=32, builtin_size=10**6))
    sample = corpus.train[10**6 - 1]
    assert sample["image"].shape == (3, 32, 32) and sample["tokens"].shape == (5, 17)
    assert len({tuple(row) for row in sample["tokens"].tolist()}) == 5
    assert corpus.several and not corpus.train._kept
    with pytest.raises(DataError, match="leave max_length out"):
        load_corpus(CaptionData(max_length=5))


def test_squeezed_keeps_pictures_of_the_right_size_exactly() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    assert (squeezed(pixels, 16).permute(1, 2, 0).numpy() == pixels).all()
    assert squeezed(pixels, 8).shape == (3, 8, 8)
