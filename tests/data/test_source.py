"""Everything `data.source` can be, and what is said where it is none of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multigan.data import source as module
from multigan.data.grammar import is_grammatical
from multigan.data.source import images, labelled_sentences, sentence_files, sentences
from multigan.errors import DataError


@pytest.fixture
def folder(tmp_path) -> Path:
    for i, (name, mode) in enumerate([("a1.png", "RGB"), ("a2.jpg", "L"), ("sub/a10.webp", "RGB")]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new(mode, (10 + i, 20), 200).save(tmp_path / name)
    return tmp_path


def test_a_folder_of_pictures_of_all_sizes(folder):
    data = images(folder)
    assert [data[i].shape for i in range(len(data))] == [(20, 10, 3), (20, 11, 3), (20, 12, 3)]
    assert images(folder, transform=np.shape)[-1] == (20, 12, 3)
    assert len(images(folder, limit=2)) == 2
    assert len(images(folder / "a1.png")) == 1
    with pytest.raises(IndexError):
        data[3]


def test_alpha_is_laid_over_white(tmp_path):
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert images(tmp_path)[0].min() == 255


def test_split_folders(folder):
    for name in ("train", "val"):
        (folder / name).mkdir()
        Image.new("RGB", (4, 4)).save(folder / name / f"{name}.png")
    assert [Path(n).name for n in images(folder).names] == ["train.png"]
    assert [Path(n).name for n in images(folder, split="validation").names] == ["val.png"]
    with pytest.raises(DataError, match="validation or valid or val"):
        images(folder / "sub", split="validation")


def test_broken_pictures_raise_or_are_replaced_by_the_next(folder):
    (folder / "a2.jpg").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"a2\.jpg.*data\.on_error=skip"):
        images(folder)[1]
    data = images(folder, on_error="skip")
    with pytest.warns(UserWarning, match=r"left out: .*a2\.jpg"):
        assert data[1].shape == (20, 12, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a second time nothing is said
        assert data[1].shape == (20, 12, 3)
    for name in ("a1.png", "sub/a10.webp"):
        (folder / name).write_bytes(b"")
    with pytest.warns(UserWarning), pytest.raises(DataError, match="nor any other"):
        images(folder, on_error="skip")[0]


def test_scenes_without_any_file():
    train, validation = (
        images("builtin:scenes", size=32),
        images("builtin:scenes", split="validation"),
    )
    assert train[3].shape == (32, 32, 3) and np.array_equal(train[3], train[3])
    assert not np.array_equal(images("builtin:scenes")[0], validation[0])
    said = sentences("builtin:scenes", limit=23)
    assert len(said) == 23 and all(map(is_grammatical, said))
    assert not set(said) & set(sentences("builtin:scenes", split="validation", limit=23))
    with pytest.raises(DataError, match="did you mean 'scenes'"):
        sentences("builtin:scene")


def test_text_files_of_all_kinds(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffein Satz\r\n\r\n  zwei\u2028halb \rdrei".encode())
    assert sentences(tmp_path / "a.txt") == ["ein Satz", "zwei\u2028halb", "drei"]
    assert sentences(tmp_path / "a.txt", limit=2) == ["ein Satz", "zwei\u2028halb"]
    lines = [{"text": "一"}, {"captions": ["two", "three"]}, "four", ["five"]]
    (tmp_path / "b.jsonl").write_text("\n\n".join(json.dumps(line) for line in lines))
    assert sentences(tmp_path / "b.jsonl") == ["一", "two", "three", "four", "five"]
    (tmp_path / "c.csv").write_text('id,sentence\n1,"with, comma"\n2,"two\nlines"\n3,\n')
    assert sentences(tmp_path / "c.csv") == ["with, comma", "two\nlines"]
    assert len(sentences(tmp_path)) == 3 + 5 + 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.txt", b"", "no sentence"),
        ("blank.txt", b" \n\n\t\n", "no sentence"),
        ("latin.txt", "Stra\xdfe".encode("latin-1"), r"latin\.txt:1: not UTF-8"),
        ("wide.txt", "text".encode("utf-16-le"), "zero bytes"),
        ("a.jsonl", b'{"text": "x"}\n{broken\n', r"a\.jsonl:2: not JSON"),
        ("b.jsonl", b'{"title": "x"}', "has title; name one field text"),
        ("c.jsonl", b'{"text": 3}', "expected a text"),
        ("d.csv", b"id,title\n1,x\n", "has id, title"),
        ("e.pdf", b"%PDF", "not a text"),
    ],
)
def test_texts_that_cannot_be_read(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        sentences(tmp_path / name)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_labels_of_rows(tmp_path):
    rows = [
        {"text": "one", "kind": "b"},
        {"captions": ["two", " ", "three"], "kind": 7},
        {"text": " "},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "b.csv").write_text('kind,text\n a ,"x\ny"\n,\n')
    first = [("one", "b"), ("two", "7"), ("three", "7")]
    assert list(labelled_sentences(tmp_path / "a.jsonl", label="kind")) == first
    assert list(labelled_sentences(tmp_path, label="kind")) == [*first, ("x\ny", "a")]
    assert list(labelled_sentences(tmp_path, label="kind", limit=2)) == first[:2]
    assert sentence_files(tmp_path) == [tmp_path / "a.jsonl", tmp_path / "b.csv"]


def test_labels_from_names_of_folders_and_files(tmp_path):
    for name in ("train/v1.5/x.txt", "train/v1.5/below/y.txt", "train/v2.txt", "test/v3.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    pairs = list(labelled_sentences(tmp_path, label="folder"))
    assert sorted(label for _, label in pairs) == ["v1.5", "v1.5", "v2"]
    assert all(f"train/{label}" in text for text, label in pairs)


@pytest.mark.parametrize(
    ("name", "content", "label", "message"),
    [
        ("a.jsonl", '{"text": "x", "kind": "a"}\n\n{"text": "x"}', "kind", "a.jsonl:3: 'kind'"),
        ("b.jsonl", '{"text": "x", "kind": " "}', "kind", "b.jsonl:1: 'kind' holds no label"),
        ("c.jsonl", '{"text": "x", "kind": ["a"]}', "kind", "c.jsonl:1: 'kind' holds no label"),
        ("d.jsonl", '"x"', "kind", "d.jsonl:1: 'kind' holds no label"),
        ("e.csv", "text,kind\nx,a\ny\n", "kind", "e.csv:3: 'kind' holds no label"),
        ("f.csv", "text,sort\nx,a\n", "kind", "has text, sort; data.label=kind"),
        ("g.txt", "x\n", "kind", "data.label=folder"),
        ("h.txt", "x\n", "folder", "is a file"),
    ],
)
def test_labels_that_are_missing(tmp_path, name, content, label, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as error:
        list(labelled_sentences(tmp_path / name, label=label))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_files_are_read_line_by_line(tmp_path):
    """The first sentences come before the end is looked at."""
    good = b"good\n" * 100_000
    for name in ("a.txt", "b.csv"):
        (tmp_path / name).write_bytes(b"text\n" + good + b"\xff\n")
        found = labelled_sentences(tmp_path / name)
        assert [next(found)[0] for _ in range(9)][-1] == "good"
        with pytest.raises(DataError, match=r"\.(txt|csv):100002: not UTF-8"):
            list(found)


@pytest.mark.parametrize("load", [images, sentences])
def test_missing_empty_and_wrong(tmp_path, load):
    with pytest.raises(DataError, match="no such file or folder"):
        load(tmp_path / "missing")
    with pytest.raises(DataError, match="looked for"):
        load(tmp_path)
    (tmp_path / "a.xyz").write_text("x")
    with pytest.raises(DataError, match="not a"):
        load(tmp_path / "a.xyz")


@pytest.mark.parametrize("name", ["images/cats", "someone/data-set_1.0"])
def test_hub_ids_are_told_from_paths(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert module._is_hub_id(name)
    (tmp_path / name).mkdir(parents=True)
    assert not module._is_hub_id(name)
    assert not module._is_hub_id("some/file.png") and not module._is_hub_id("a/b/c")
    assert not module._is_hub_id("my_art/") and not module._is_hub_id("/abs/path")


def test_offline_the_hub_is_given_up_in_one_line():
    script = "from multigan.data.source import images\nfrom multigan.errors import DataError\n"
    script += "try:\n    images('someone/things')\nexcept DataError as error:\n    print(error)\n"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(module.__file__).parents[2],
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("\n") == 1 and "someone/things: no such folder here" in done.stdout
    assert "out of reach" in done.stdout and done.stderr == ""


def test_a_silent_hub_does_not_hang(monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *args, **kw: time.sleep(30))
    monkeypatch.setattr(module, "HUB_PATIENCE", 0.1)
    start = time.perf_counter()
    with pytest.raises(DataError, match="out of reach"):
        sentences("someone/things")
    assert time.perf_counter() - start < 10


def test_rows_from_the_hub(monkeypatch):
    import datasets

    pictures = [Image.new("RGB", (5, 6)), Image.new("L", (7, 8))]
    table = datasets.Dataset.from_dict({"text": ["one", "two"]})
    monkeypatch.setattr(module, "_reach", lambda name: None)
    monkeypatch.setattr(datasets, "load_dataset", lambda name, split: table)
    assert sentences("someone/things") == ["one", "two"]
    with pytest.raises(DataError, match="has the columns text"):
        images("someone/things")
    features = {"text": datasets.Value("string"), "kind": datasets.ClassLabel(names=["no", "yes"])}
    table = datasets.Dataset.from_dict(
        {"text": ["one", " ", "two"], "kind": [1, 0, 0]}, features=datasets.Features(features)
    )
    pairs = [("one", "yes"), ("two", "no")]
    assert list(labelled_sentences("someone/things", label="kind")) == pairs
    with pytest.raises(DataError, match="label=sort is none of them"):
        next(labelled_sentences("someone/things", label="sort"))
    table = datasets.Dataset.from_dict(
        {"image": pictures}, features=datasets.Features({"image": datasets.Image()})
    )
    assert [images("someone/things")[i].shape for i in (0, 1)] == [(6, 5, 3), (8, 7, 3)]
