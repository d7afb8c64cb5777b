"""What `data.source` can be: a folder, a file, a hub id, or `builtin:scenes`.

Local pictures are listed and decoded here, one when it is asked for: a folder then starts at once
and needs no cache of a second copy, as it would through `datasets`, which serves hub ids only.
"""

from __future__ import annotations

import itertools
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
from multigan.data.text_files import TEXT_FIELDS, TEXT_SUFFIXES, label_text, read_texts
from multigan.errors import DataError, suggestion

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
        rows, column = hub_rows(str(source), split, ("image", "img", "picture"))
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
    return [text for text, _ in labelled_sentences(source, split=split, limit=limit)]


def labelled_sentences(
    source: str | Path,
    *,
    label: str | None = None,
    split: str = "train",
    limit: int | None = None,
) -> Iterator[tuple[str, str]]:
    """Sentences with the classes they belong to, one after the other: nothing is kept in memory.

    Args:
        source: as in `sentences`.
        label: the field of .jsonl, .csv or hub rows that holds the class; "folder": the class is
            the name of the folder below the source, or of the file in it, that a sentence comes
            from. With None classes are "".
        split: "train" or "validation", as in `images`.
        limit: no more than so many.

    Raises:
        DataError: as in `sentences`, or a sentence has no label.
    """
    found: Iterator[tuple[str, str]]
    if _is_builtin(source):
        if label is not None:
            raise DataError(f"{source}: has no labels; leave data.label out")
        found = ((text, "") for text in _scene_captions(limit or BUILTIN_SIZE, split))
    elif _is_hub_id(source):
        found = _hub_texts(str(source), split, label)
    else:
        found = _folder_texts(_split_folder(Path(source), split), label)
    found = itertools.islice(found, limit)
    first = next(found, None)
    if first is None:
        raise DataError(f"{source}: no sentence in it; write one sentence a line")
    yield first
    yield from found


def sentence_files(source: str | Path, *, split: str = "train") -> list[Path]:
    """The files that `labelled_sentences` reads; of a hub id, those that it was downloaded to.

    Raises:
        DataError: as in `sentences`.
    """
    if _is_builtin(source):
        return []
    if _is_hub_id(source):
        rows, _ = hub_rows(str(source), split, TEXT_FIELDS)
        return [Path(file["filename"]) for file in rows.cache_files]
    return _text_files(_split_folder(Path(source), split))


def hub_rows(name: str, split: str, columns: Sequence[str]) -> tuple[Any, str]:
    """Rows of a data set on the hub, and which of these columns it has.

    Raises:
        DataError: it does not exist, cannot be reached or read, or has none of the columns.
    """
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


def _text_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return list_files(path, suffixes=TEXT_SUFFIXES, what="texts")


def _folder_texts(path: Path, label: str | None) -> Iterator[tuple[str, str]]:
    if label == "folder" and path.is_file():
        raise DataError(f"{path}: is a file; data.label=folder needs a folder with one a class")
    for file in _text_files(path):
        if label == "folder":
            inside = file.relative_to(path).parts
            name = inside[0] if len(inside) > 1 else file.stem
            yield from ((text, name) for text, _ in read_texts(file))
        else:
            yield from read_texts(file, label=label)


def _hub_texts(name: str, split: str, label: str | None) -> Iterator[tuple[str, str]]:
    rows, column = hub_rows(name, split, TEXT_FIELDS)
    if label is not None and label not in rows.column_names:
        has = ", ".join(rows.column_names)
        raise DataError(f"{name}: has the columns {has}; data.label={label} is none of them")
    # Classes that the data set itself has names for are numbers in its rows, -1 where unknown.
    classes = getattr(rows.features[label], "names", None) if label is not None else None
    for number, row in enumerate(rows):
        texts = [row[column]] if isinstance(row[column], str) else row[column] or ()
        name_of_class = ""
        if label is not None:
            value = row[label]
            if classes is not None and value is not None:
                value = classes[value] if value >= 0 else None
            name_of_class = label_text(value, field=label, where=f"{name}, row {number}")
        yield from ((text.strip(), name_of_class) for text in texts if text.strip())


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
