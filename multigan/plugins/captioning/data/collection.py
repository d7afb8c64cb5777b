"""Pictures with captions, from whatever people keep them in.

- a folder with `metadata.jsonl`, or a .jsonl file: rows `{"file_name": ..., "caption": ...}`, or
  `"captions": [...]`; `"file"` is read as well, and `"split"` where there is one
- COCO annotations: `{"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}`
- Karpathy's data set JSON: `{"images": [{"filename", "filepath", "split", "sentences"}]}`
- a hub id whose rows have a picture and captions
- `builtin:scenes`, whose pictures are drawn when they are asked for
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from multigan.data.files import reason
from multigan.data.media import read_image, to_picture
from multigan.data.pixels import over_white
from multigan.data.scenes import Scene, render, scene, scene_index
from multigan.data.source import hub_rows
from multigan.errors import DataError

TRAIN = ("train", "restval", "training")
CAPTIONS = 5  # of each scene
GOLDEN = 0.6180339887498949
PICTURE_FIELDS = ("file_name", "file", "image", "filename")
CAPTION_FIELDS = ("captions", "caption", "sentences", "text")


@dataclass(frozen=True)
class Collection:
    """Pictures with captions; neither need be in memory.

    Attributes:
        names: of the pictures, for messages and results.
        captions: of picture i, at least one; a function because scenes have no end.
        load: picture i as uint8 (height, width, 3).
        splits: "train" or another word for each picture; empty where the source says nothing.
        groups: what is held out together, for each picture; empty where everything is by itself.
        scene: what is in picture i, where it is known exactly.
    """

    names: Sequence[str]
    captions: Callable[[int], Sequence[str]]
    load: Callable[[int], np.ndarray]
    splits: Sequence[str] = ()
    groups: Sequence[str] = ()
    scene: Callable[[int], Scene] | None = None

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.names)

    def some(self, numbers: Sequence[int]) -> Collection:
        """Some of the pictures."""
        draw = self.scene
        return Collection(
            [self.names[i] for i in numbers],
            lambda i: self.captions(numbers[i]),
            lambda i: self.load(numbers[i]),
            [self.splits[i] for i in numbers] if self.splits else (),
            [self.groups[i] for i in numbers] if self.groups else (),
            None if draw is None else lambda i: draw(numbers[i]),
        )


def open_collection(
    source: str,
    *,
    pictures: str | None = None,
    group: str | None = None,
    split: str = "train",
    builtin_size: int = 1000,
    crowded: float = 0.0,
    size: int = 64,
) -> Collection:
    """Opens a source; see the top of this file.

    Args:
        source: folder, .jsonl or .json file, hub id or "builtin:scenes".
        pictures: folder of the pictures that a JSON file names; None: where the file is.
        group: field of .jsonl rows by which pictures belong together.
        split: of scenes and hub rows, "train" or "validation".
        builtin_size: number of scenes.
        crowded: share of them that have three things, whatever they would have.
        size: side of their pictures.

    Raises:
        DataError: the source cannot be read, or is of no such kind.
    """
    path = Path(source)
    if source == "builtin:scenes":
        return _scenes(builtin_size, crowded=crowded, size=size, split=split)
    if path.is_dir():
        path = path / "metadata.jsonl"
        if not path.is_file():
            raise DataError(
                f'{source}: has no metadata.jsonl; write one with rows like {{"file_name": '
                '"a.jpg", "caption": "a cat"}'
            )
    if path.is_file():
        folder = path.parent if pictures is None else Path(pictures)
        if path.suffix.lower() == ".jsonl":
            return _table(path, folder, group)
        if path.suffix.lower() == ".json":
            return _document(path, folder)
        raise DataError(f"{source}: not captions; give a .jsonl or .json file, or a folder")
    if re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", source) and path.suffix not in (".json", ".jsonl"):
        return _hub(source, split)
    raise DataError(f"{source}: no such file or folder; check the path")


def divide(collection: Collection, *, share: float) -> tuple[Collection, Collection]:
    """Pictures to train on, and pictures to evaluate with: as the source says, or a share of it.

    Raises:
        DataError: one of the two would be empty.
    """
    numbers = range(len(collection))
    if collection.splits and not all(split in TRAIN for split in collection.splits):
        train = [i for i in numbers if collection.splits[i] in TRAIN]
    else:
        groups = list(dict.fromkeys(collection.groups or map(str, numbers)))
        count = max(1, round(len(groups) * share))
        held_out = {groups[i] for i in random.Random(0).sample(range(len(groups)), count)}
        of = collection.groups or [str(i) for i in numbers]
        train = [i for i in numbers if of[i] not in held_out]
    others = sorted(set(numbers) - set(train))
    if not train or not others:
        raise DataError(
            "all pictures are of one split or group: nothing is left to train on, or to evaluate "
            "with; name other pictures in data.test"
        )
    return collection.some(train), collection.some(others)


def _scenes(count: int, *, crowded: float, size: int, split: str) -> Collection:
    from multigan.data.grammar import captions

    def scene_of(i: int) -> Scene:
        is_crowded = (i * GOLDEN) % 1 < crowded  # evenly spread, and always the same ones
        return scene(scene_index(i, split=split), things=3 if is_crowded else None)

    return Collection(
        _Names(count),
        lambda i: captions(scene_of(i), CAPTIONS),
        lambda i: render(scene_of(i), size),
        scene=scene_of,
    )


class _Names(Sequence[str]):
    """Names of scenes: there may be a great many."""

    def __init__(self, length: int) -> None:
        self.numbers = range(length)

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: Any) -> Any:
        return f"scene {self.numbers[index]}"


def _table(path: Path, folder: Path, group: str | None) -> Collection:
    names, captions, splits, groups = [], [], [], []
    for number, line in enumerate(_read(path).splitlines(), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        row = _json(line, where)
        if not isinstance(row, dict):
            raise DataError(f'{where}: expected an object such as {{"file_name": ...}}')
        names.append(str(_field(row, PICTURE_FIELDS, where)))
        captions.append(_texts(_field(row, CAPTION_FIELDS, where), where))
        splits.append(str(row.get("split", "train")))
        if group is not None:
            if group not in row:
                raise DataError(f"{where}: has no field '{group}' (data.group)")
            groups.append(str(row[group]))
    return _files(path, folder, names, captions, splits, groups)


def _document(path: Path, folder: Path) -> Collection:
    document = _json(_read(path), str(path))
    images = document.get("images") if isinstance(document, dict) else None
    if not isinstance(images, list) or not all(isinstance(image, dict) for image in images):
        raise DataError(f"{path}: not captions; COCO's and Karpathy's JSON have a list 'images'")
    try:
        if "annotations" in document:
            of: dict[Any, list[str]] = {image["id"]: [] for image in images}
            for row in document["annotations"]:
                of[row["image_id"]].append(row["caption"])
            names = [image["file_name"] for image in images]
            return _files(path, folder, names, [of[image["id"]] for image in images], [], [])
        names = [str(Path(image.get("filepath", ""), image["filename"])) for image in images]
        captions = [_sentences(image["sentences"]) for image in images]
        return _files(path, folder, names, captions, [image["split"] for image in images], [])
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: an image or annotation lacks {error}; correct the file") from None


def _files(
    path: Path,
    folder: Path,
    names: Sequence[str],
    captions: Sequence[Sequence[str]],
    splits: Sequence[str],
    groups: Sequence[str],
) -> Collection:
    kept = [i for i in range(len(names)) if any(text.strip() for text in captions[i])]
    if not kept:
        raise DataError(f"{path}: no picture in it has a caption")

    def load(i: int) -> np.ndarray:
        picture = read_image(folder / names[i])
        return over_white(picture.rgb, picture.alpha)

    return Collection(names, lambda i: captions[i], load, splits, groups).some(kept)


def _hub(name: str, split: str) -> Collection:
    rows, picture = hub_rows(name, split, ("image", "img", "picture"))
    found = [field for field in CAPTION_FIELDS if field in rows.column_names]
    if not found:
        has = ", ".join(rows.column_names)
        raise DataError(f"{name}: has the columns {has}; none is called captions or caption")

    def load(i: int) -> np.ndarray:
        image = to_picture(rows[i][picture])
        return over_white(image.rgb, image.alpha)

    texts = rows[found[0]]
    return Collection(
        [f"{name}/{i}" for i in range(len(rows))],
        lambda i: _texts(texts[i], f"{name}, row {i}"),
        load,
    )


def _sentences(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of Karpathy's JSON: raw texts, or only their tokens."""
    return [row["raw"] if "raw" in row else " ".join(row["tokens"]) for row in rows]


def _texts(value: Any, where: str) -> list[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise DataError(f"{where}: expected a caption or a list of captions; correct the row")
    return [text for text in texts if text.strip()]


def _field(row: Mapping[str, Any], names: Sequence[str], where: str) -> Any:
    for name in names:
        if name in row:
            return row[name]
    has = ", ".join(row) or "nothing"
    raise DataError(f"{where}: has {has}; name one field {' or '.join(names[:2])}")


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise DataError(f"{where}: not JSON; export it again") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not UTF-8; save it as UTF-8") from None
    except OSError as error:
        message = f"{path}: cannot be read ({reason(error)}); check its permissions"
        raise DataError(message) from error
