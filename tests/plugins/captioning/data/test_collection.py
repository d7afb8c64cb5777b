from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multigan.data.grammar import is_true
from multigan.data.media import write_image
from multigan.errors import DataError
from multigan.plugins.captioning.data import collection as module
from multigan.plugins.captioning.data.collection import divide, open_collection


def grey(value: int, size: tuple[int, int] = (6, 9)) -> np.ndarray:
    return np.full((*size, 3), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for value in range(4):
        write_image(grey(50 * value), tmp_path / "in" / f"{value}.png")
    return tmp_path


def write(path: Path, content: Any) -> str:
    lines = content if isinstance(content, list) else [content]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return str(path)


def test_a_folder_with_metadata(folder: Path) -> None:
    rows = [
        {"file_name": "in/1.png", "caption": "one"},
        {"file_name": "in/2.png", "captions": ["two", " ", "zwei"]},
        {"file_name": "in/3.png", "captions": []},
    ]
    write(folder / "metadata.jsonl", rows)
    found = open_collection(str(folder))
    assert list(found.names) == ["in/1.png", "in/2.png"]  # nothing is said of the third
    assert [list(found.captions(i)) for i in range(2)] == [["one"], ["two", "zwei"]]
    assert (found.load(1) == grey(100)).all()


def test_coco_annotations(folder: Path) -> None:
    document = {
        "images": [{"id": 7, "file_name": "2.png"}, {"id": 3, "file_name": "0.png"}],
        "annotations": [
            {"image_id": 3, "caption": "black"},
            {"image_id": 7, "caption": "grey"},
            {"image_id": 3, "caption": "dark"},
        ],
    }
    path = write(folder / "captions.json", document)
    found = open_collection(path, pictures=str(folder / "in"))
    assert {found.names[i]: list(found.captions(i)) for i in range(len(found))} == {
        "2.png": ["grey"],
        "0.png": ["black", "dark"],
    }
    assert (found.load(list(found.names).index("0.png")) == 0).all()


def test_karpathy_json_says_what_is_for_testing(folder: Path) -> None:
    def image(name: str, split: str) -> dict[str, Any]:
        sentences = [{"raw": f"A {name}.", "tokens": ["x"]}, {"tokens": ["a", name]}]
        return {"filename": f"{name}.png", "filepath": "in", "split": split, "sentences": sentences}

    splits = {"0": "train", "1": "restval", "2": "val", "3": "test"}
    images = [image(name, split) for name, split in splits.items()]
    found = open_collection(write(folder / "dataset.json", {"images": images}))
    assert list(found.captions(1)) == ["A 1.", "a 1"]
    train, test = divide(found, share=0.5)
    assert list(train.names) == ["in/0.png", "in/1.png"]
    assert list(test.names) == ["in/2.png", "in/3.png"]
    assert (test.load(0) == grey(100)).all()


def test_groups_are_held_out_whole(folder: Path) -> None:
    rows = [{"file": f"in/{i}.png", "caption": "x", "book": f"b{i % 5}"} for i in range(50)]
    found = open_collection(write(folder / "rows.jsonl", rows), group="book")
    train, test = divide(found, share=0.4)
    assert len(test) == 20 and len(train) == 30
    assert not set(train.groups) & set(test.groups)
    again = divide(found, share=0.4)[1]
    assert list(again.names) == list(test.names)


def test_scenes_are_true_and_the_splits_differ() -> None:
    train = open_collection("builtin:scenes", builtin_size=5, size=32)
    other = open_collection("builtin:scenes", builtin_size=5, size=32, split="validation")
    assert train.scene is not None and len(train) == 5
    assert train.load(3).shape == (32, 32, 3)
    for i in range(5):
        assert len(set(train.captions(i))) == 5
        assert all(is_true(text, train.scene(i)) for text in train.captions(i))
    assert [train.captions(i) for i in range(5)] != [other.captions(i) for i in range(5)]


def test_crowded_scenes() -> None:
    usual = open_collection("builtin:scenes", builtin_size=100)
    crowded = open_collection("builtin:scenes", builtin_size=100, crowded=0.5)
    assert usual.scene is not None and crowded.scene is not None
    counts = [len(crowded.scene(i).things) for i in range(100)]
    others = [i for i in range(100) if crowded.scene(i) == usual.scene(i)]
    assert 55 < counts.count(3) < 75 and 50 <= len(others) < 80
    assert is_true(crowded.captions(3)[0], crowded.scene(3))


def test_rows_of_a_hub_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    class Rows(list[dict[str, Any]]):
        column_names = ("image", "caption")

        def __getitem__(self, key: Any) -> Any:
            return [row[key] for row in self] if isinstance(key, str) else super().__getitem__(key)

    rows = Rows([{"image": Image.fromarray(grey(40)), "caption": ["a", "b"]}])
    monkeypatch.setattr(module, "hub_rows", lambda name, split, columns: (rows, "image"))
    found = open_collection("me/pictures")
    assert list(found.captions(0)) == ["a", "b"] and (found.load(0) == grey(40)).all()


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.jsonl", "{", "jsonl:1: not JSON"),
        ("a.jsonl", '{"caption": "x"}', "a.jsonl:1: has caption; name one field file_name"),
        ("a.jsonl", '{"file_name": "x.png", "caption": 3}', "expected a caption or a list"),
        ("a.jsonl", '{"file_name": "x.png", "captions": []}', "no picture in it has a caption"),
        ("a.json", "[]", "have a list 'images'"),
        ("a.json", '{"images": [{"id": 1}], "annotations": []}', "lacks 'file_name'"),
        ("a.txt", "x", "not captions"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, name: str, text: str, problem: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=problem) as caught:
        open_collection(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_missing_things(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no metadata"):
        open_collection(str(tmp_path))
    with pytest.raises(DataError, match="no such file"):
        open_collection(str(tmp_path / "x" / "y.json"))
    path = write(tmp_path / "a.jsonl", [{"file_name": "0.png", "caption": "x"}])
    with pytest.raises(DataError, match="nothing is left to train on"):
        divide(open_collection(path), share=0.5)
    with pytest.raises(DataError, match="no field 'book'"):
        open_collection(path, group="book")
