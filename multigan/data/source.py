"""What `data.source` can be: a folder, a file, a hub id, or `builtin:scenes`.

Local pictures are listed and decoded here, one when it is asked for: a folder then starts at once
and needs no cache of a second copy, as it would through `datasets`, which serves hub ids only.
"""

from __future__ import annotations

import csv
import io
import json
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from multigan.data.files import list_files, reason
from multigan.data.media import SUFFIXES, list_images, read_image, to_picture
from multigan.data.pixels import over_white
from multigan.errors import DataError, suggestion

TEXT_SUFFIXES = (".txt", ".jsonl", ".csv")
TEXT_FIELDS = ("text", "caption", "captions", "sentence", "sentences")
SPLIT_FOLDERS = {"train": ("train",), "validation": ("validation", "valid", "val", "test")}
BUILTIN_SIZE = 20_000  # scenes have no end; a data set needs one
HUB_PATIENCE = 8.0  # seconds until the hub counts as out of reach


class Images:
    """Pictures as a map-style data set; each is decoded when it is asked for.

    Args:
        names: one for each picture, for messages.
        load: gives the picture of a number as uint8 (height, width, 3).
        transform: applied to each picture, for instance that of `image_transform`.
        on_error: "raise" at a picture that cannot be read; "skip" warns once and gives the
            next readable one instead.
    """

    def __init__(
        self,
        names: Sequence[str],
        load: Callable[[int], np.ndarray],
        *,
        transform: Callable[[np.ndarray], Any] | None = None,
        on_error: str = "raise",
    ) -> None:
        if on_error not in ("raise", "skip"):
            raise ValueError(f"unknown on_error '{on_error}'; choose raise or skip")
        self.names = names
        self.load = load
        self.transform = transform
        self.on_error = on_error
        self.skipped: set[int] = set()

    def __len__(self) -> int:
        """Number of pictures, unreadable ones included."""
        return len(self.names)

    def __getitem__(self, index: int) -> Any:
        """The transformed picture, or uint8 (height, width, 3) where there is no transform."""
        pixels = self._readable(range(len(self))[index])
        return pixels if self.transform is None else self.transform(pixels)

    def _readable(self, index: int) -> np.ndarray:
        for step in range(len(self)):
            candidate = (index + step) % len(self)
            if candidate in self.skipped:
                continue
            try:
                return self.load(candidate)
            except DataError as error:
                if self.on_error == "raise":
                    message = f"{error}; or leave such files out with data.on_error=skip"
                    raise DataError(message) from error
                self.skipped.add(candidate)
                warnings.warn(f"left out: {error}", stacklevel=3)
        raise DataError(f"{self.names[index]}: neither this picture nor any other can be read")


def images(
    source: str | Path,
    *,
    split: str = "train",
    transform: Callable[[np.ndarray], Any] | None = None,
    on_error: str = "raise",
    limit: int | None = None,
    size: int = 64,
) -> Images:
    """Open a source of pictures.

    Args:
        source: a folder (pictures of any size and format, also in folders below), one picture,
            a hub id, or "builtin:scenes".
        split: "train" or "validation". A folder may have folders of these names; where it has none,
            all of it is for training.
        transform: applied to each picture.
        on_error: "raise" or "skip", see `Images`.
        limit: no more than so many.
        size: side of the pictures of builtin:scenes.

    Raises:
        DataError: the source does not exist, holds no picture, or cannot be reached.
    """
    if _is_builtin(source):
        from multigan.data.scenes import render, scene, scene_index

        names = [f"{source}/{i}" for i in range(limit or BUILTIN_SIZE)]

        def load(index: int) -> np.ndarray:
            return render(scene(scene_index(index, split=split)), size)

    elif _is_hub_id(source):
        rows, column = _hub(str(source), split, ("image", "img", "picture"))
        names = [f"{source}/{i}" for i in range(len(rows))][:limit]

        def load(index: int) -> np.ndarray:
            picture = to_picture(rows[index][column])
            return over_white(picture.rgb, picture.alpha)

    else:
        path = _split_folder(Path(source), split)
        paths = [path] if path.is_file() else list_images(path)
        if path.suffix.lower() not in SUFFIXES and path.is_file():
            raise DataError(f"{path}: not a picture; give a folder, or one of {' '.join(SUFFIXES)}")
        names = [str(path) for path in paths][:limit]

        def load(index: int) -> np.ndarray:
            picture = read_image(names[index])
            return over_white(picture.rgb, picture.alpha)

    return Images(names, load, transform=transform, on_error=on_error)


def sentences(source: str | Path, *, split: str = "train", limit: int | None = None) -> list[str]:
    """Read a source of sentences: one a line, blank lines left out, blanks at both ends removed.

    Args:
        source: a .txt file (a sentence a line), .jsonl or .csv with a field "text", "caption(s)" or
            "sentence(s)", a folder of these, a hub id, or "builtin:scenes". Files are UTF-8.
        split: "train" or "validation", as in `images`.
        limit: no more than so many.

    Raises:
        DataError: the source does not exist, holds no sentence, or cannot be read or reached.
    """
    if _is_builtin(source):
        found: Iterator[str] = _scene_captions(limit or BUILTIN_SIZE, split)
    elif _is_hub_id(source):
        rows, column = _hub(str(source), split, TEXT_FIELDS)
        found = (text for row in rows for text in _texts(row[column]))
    else:
        path = _split_folder(Path(source), split)
        whole = path.is_file() or not path.exists()
        paths = [path] if whole else list_files(path, suffixes=TEXT_SUFFIXES, what="texts")
        found = (text for each in paths for text in _file_sentences(each))
    kept: list[str] = []
    for text in found:
        if limit is not None and len(kept) >= limit:
            break
        if text.strip():
            kept.append(text.strip())
    if not kept:
        raise DataError(f"{source}: no sentence in it; write one sentence a line")
    return kept


def _scene_captions(number: int, split: str) -> Iterator[str]:
    from multigan.data.grammar import captions
    from multigan.data.scenes import scene, scene_index

    for i in range(-(-number // 5)):
        yield from captions(scene(scene_index(i, split=split)), 5)


def _is_builtin(source: str | Path) -> bool:
    kind, colon, name = str(source).partition(":")
    if kind != "builtin" or not colon:
        return False
    if name != "scenes":
        raise DataError(f"{source}: no such built-in data{suggestion(name, ['scenes'])}")
    return True


def _is_hub_id(source: str | Path) -> bool:
    looks = re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", str(source)) is not None
    known = Path(source).suffix.lower() in {*SUFFIXES, *TEXT_SUFFIXES}
    return looks and not known and not Path(source).exists()


def _split_folder(path: Path, split: str) -> Path:
    if split not in SPLIT_FOLDERS:
        raise ValueError(f"unknown split '{split}'; choose one of: {', '.join(SPLIT_FOLDERS)}")
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    found = [path / name for name in SPLIT_FOLDERS[split] if (path / name).is_dir()]
    if found:
        return found[0]
    if split != "train":
        names = " or ".join(SPLIT_FOLDERS[split])
        raise DataError(f"{path}: has no folder {names}; make one with data it does not train on")
    return path


def _file_sentences(path: Path) -> Iterator[str]:
    suffix = path.suffix.lower()
    if suffix not in TEXT_SUFFIXES:
        raise DataError(f"{path}: not a text; use one of {' '.join(TEXT_SUFFIXES)}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"{path}: not UTF-8 at byte {error.start}; save it as UTF-8"
        raise DataError(message) from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({reason(error)}); check its permissions"
        ) from error
    if "\0" in text:
        raise DataError(f"{path}: not a text, it has zero bytes; save it as UTF-8")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    if suffix == ".txt":
        yield from lines.split("\n")  # not splitlines: it would also cut at U+2028 and form feeds
    elif suffix == ".jsonl":
        yield from _json_lines(lines, path)
    else:
        yield from _table_rows(lines, path)


def _json_lines(text: str, path: Path) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError:
            raise DataError(f"{path}:{number}: not JSON; write one object a line") from None
        if isinstance(value, dict):
            value = value[_field(list(value), f"{path}:{number}")]
        if not isinstance(value, str) and not (
            isinstance(value, list) and all(isinstance(text, str) for text in value)
        ):
            raise DataError(
                f"{path}:{number}: expected a text or a list of texts; correct the line"
            )
        yield from _texts(value)


def _table_rows(text: str, path: Path) -> Iterator[str]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    field = _field(list(rows.fieldnames or ()), str(path))
    try:
        for row in rows:
            yield row[field] or ""
    except csv.Error as error:
        raise DataError(f"{path}: not a table ({error}); export it again as CSV") from error


def _field(names: Sequence[str], where: str) -> str:
    for field in TEXT_FIELDS:
        if field in names:
            return field
    has = ", ".join(map(str, names)) or "nothing"
    raise DataError(f"{where}: has {has}; name one field {' or '.join(TEXT_FIELDS)}")


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _hub(name: str, split: str, columns: Sequence[str]) -> tuple[Any, str]:
    """Rows of a data set on the hub and the column to read."""
    _reach(name)
    import datasets

    try:
        rows = datasets.load_dataset(name, split=split)
    except Exception as error:  # what `datasets` raises here has no common base
        what = f"the hub's data set cannot be read ({reason(error)[:200]})"
        raise DataError(f"{name}: {what}; download it into a folder and name that") from error
    for column in columns:
        if column in rows.column_names:
            return rows, column
    has = ", ".join(rows.column_names)
    raise DataError(f"{name}: has the columns {has}; none is called {' or '.join(columns)}")


def _reach(name: str) -> None:
    """Ask the hub about a data set, and give up soon: `datasets` alone tries for minutes."""
    outcome: list[Exception | None] = []

    def ask() -> None:
        try:
            import huggingface_hub

            huggingface_hub.HfApi().dataset_info(name, timeout=HUB_PATIENCE)
            outcome.append(None)
        except Exception as error:
            outcome.append(error)

    # A name server that does not answer ignores every timeout, hence the thread.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_PATIENCE + 1)
    error = outcome[0] if outcome else TimeoutError("no answer")
    if error is None:
        return
    absent = type(error).__name__ in ("RepositoryNotFoundError", "HFValidationError")
    why = "is not on the Hugging Face hub" if absent else "the Hugging Face hub is out of reach"
    raise DataError(
        f"{name}: no such folder here, and {why}; check the path or name a folder"
    ) from error
