"""Tables of numbers in memory-mapped files, kept in a cache until their source changes.

A table is a folder: one file a column, its rows one after the other as plain numbers, and
``columns.json`` with the columns' types and shapes.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from multigan.data.files import reason
from multigan.errors import DataError

LAYOUT = 1  # raised when the files of a cache change their meaning


def write_table(folder: Path, chunks: Iterable[Mapping[str, NDArray[Any]]]) -> None:
    """Write a table into a new folder, chunk by chunk.

    Args:
        folder: does not exist yet.
        chunks: rows of every column, (rows of the chunk, ...); at least one chunk.
    """
    folder.mkdir()
    columns: dict[str, dict[str, Any]] = {}
    with ExitStack() as files:
        opened = {}
        for chunk in chunks:
            for name, rows in chunk.items():
                if name not in opened:
                    opened[name] = files.enter_context(open(folder / name, "wb"))
                    columns[name] = {"dtype": rows.dtype.name, "shape": [0, *rows.shape[1:]]}
                opened[name].write(rows.tobytes())
                columns[name]["shape"][0] += len(rows)
    (folder / "columns.json").write_text(json.dumps(columns), encoding="utf-8")


def open_table(folder: Path) -> dict[str, NDArray[Any]]:
    """The columns of a table, read from the disk where they are looked at.

    Raises:
        OSError, ValueError: a file is missing or damaged.
    """
    columns = json.loads((folder / "columns.json").read_text(encoding="utf-8"))
    return {name: _map(folder / name, **column) for name, column in columns.items()}


def cache_folder(name: str, *, settings: Mapping[str, Any], files: Iterable[Path]) -> Path:
    """Where to keep what is made of files by settings: another folder whenever either changes.

    It lies in $MULTIGAN_CACHE or ~/.cache/multigan, and may be deleted at any time.

    Args:
        name: of the kind of data, "text".
        settings: JSON-able.
        files: their paths, sizes and times of change count, not their contents.
    """
    stats = [(str(file.resolve()), file.stat()) for file in files]
    facts = [[path, stat.st_size, stat.st_mtime_ns] for path, stat in stats]
    text = json.dumps([LAYOUT, settings, facts], sort_keys=True)
    root = os.environ.get("MULTIGAN_CACHE") or "~/.cache/multigan"
    return (
        Path(root).expanduser().absolute() / name / hashlib.sha256(text.encode()).hexdigest()[:32]
    )


@contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """Gives an empty folder to fill, which then becomes ``folder``: in one step, or not at all.

    Of several processes that write the same folder the first wins.

    Raises:
        DataError: the disk is full or not writable.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as temporary:
            inside = Path(temporary, folder.name)
            inside.mkdir()
            yield inside
            if not folder.exists():
                _rename(inside, folder)
    except OSError as error:
        what = f"cannot be written ({reason(error)})"
        raise DataError(
            f"{folder}: {what}; free some space or name another folder in MULTIGAN_CACHE"
        ) from error


def _rename(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError:
        if not target.is_dir():  # not the work of another process
            raise


def _map(path: Path, dtype: str, shape: list[int]) -> NDArray[Any]:
    if 0 in shape:  # nothing cannot be mapped
        return np.empty(shape, dtype)
    return np.memmap(path, dtype=dtype, mode="r", shape=tuple(shape))
