"""Which class a picture belongs to: said by a table beside it, or by the folder it lies in."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from multigan.data.files import natural_key, reason
from multigan.errors import DataError

TABLES = ("metadata.csv", "metadata.jsonl")


def read_labels(
    names: Sequence[str], root: str | Path, *, least: int = 2
) -> tuple[list[int], tuple[str, ...]]:
    """Classes of picture files.

    Args:
        names: paths of the pictures.
        root: the folder that they lie in. A table there, metadata.csv or metadata.jsonl with the
            columns file_name and label, says what each one is; without a table, the first folder
            below the root does.
        least: classes that there must be.

    Returns:
        A number for each picture, and the names of the classes in natural order.

    Raises:
        DataError: a picture without a label, too few classes, or a damaged table.
    """
    root = Path(root)
    table = next((root / name for name in TABLES if (root / name).is_file()), None)
    if table is not None:
        known = dict(_rows(table))
        found = [_looked_up(known, name, root, table) for name in names]
    else:
        found = [_folder(name, root) for name in names]
    classes = sorted(set(found), key=natural_key)
    if len(classes) < least:
        only = f"only the class '{classes[0]}'" if classes else "no class"
        raise DataError(f"{root}: {only}; labels need two folders, or two labels in {TABLES[0]}")
    numbers = {name: number for number, name in enumerate(classes)}
    return [numbers[name] for name in found], tuple(classes)


def _folder(name: str, root: Path) -> str:
    parts = Path(name).relative_to(root).parts
    if len(parts) < 2:
        raise DataError(
            f"{name}: lies in no class folder; use one folder a class below {root}, or {TABLES[0]}"
        )
    return parts[0]


def _looked_up(known: dict[str, str], name: str, root: Path, table: Path) -> str:
    relative = Path(name).relative_to(root).as_posix()
    if relative not in known:
        raise DataError(f"{table}: says nothing about {relative}; add a row, or remove the file")
    return known[relative]


def _rows(table: Path) -> Iterator[tuple[str, str]]:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{table}: cannot be read ({reason(error)}); save it as UTF-8") from error
    try:
        if table.suffix == ".csv":
            rows: list[Any] = list(csv.DictReader(io.StringIO(text, newline="")))
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (csv.Error, ValueError) as error:
        raise DataError(f"{table}: damaged ({reason(error)}); write it again") from error
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict) or row.get("file_name") is None or row.get("label") is None:
            raise DataError(f"{table}: row {number} needs file_name and label")
        yield Path(str(row["file_name"])).as_posix(), str(row["label"])
