"""Files of sentences, read row by row: a file may be larger than memory."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from multigan.data.files import reason
from multigan.errors import DataError

TEXT_SUFFIXES = (".txt", ".jsonl", ".csv")
TEXT_FIELDS = ("text", "caption", "captions", "sentence", "sentences")


def read_texts(path: Path, *, label: str | None = None) -> Iterator[tuple[str, str]]:
    """Sentences of a file with their labels, in order; blank ones are left out.

    Args:
        path: a .txt file (a sentence a line), .jsonl or .csv with a field "text", "caption(s)" or
            "sentence(s)". UTF-8, with any of the three line ends.
        label: the field that holds the class of a sentence; with None labels are "".

    Raises:
        DataError: the file cannot be read, or a row of it has not the fields.
    """
    suffix = path.suffix.lower()
    if suffix not in TEXT_SUFFIXES:
        raise DataError(f"{path}: not a text; use one of {' '.join(TEXT_SUFFIXES)}")
    if suffix == ".txt" and label is not None:
        raise DataError(
            f"{path}: a .txt file has no field '{label}'; use .jsonl or .csv, or a file or folder "
            "for each class and data.label=folder"
        )
    if suffix == ".txt":
        rows: Iterator[tuple[str, str]] = ((line, "") for line in _lines(path))
    else:
        rows = (_json_rows if suffix == ".jsonl" else _table_rows)(path, label)
    for text, name in rows:
        if text := text.strip():
            yield text, name


def label_text(value: Any, *, field: str, where: str) -> str:
    """The label in a field as a text; whole numbers are labels too.

    Raises:
        DataError: it is missing, empty, or neither of the two.
    """
    text = str(value).strip() if isinstance(value, str | int) else ""
    if not text:
        raise DataError(f"{where}: '{field}' holds no label; write a word or a whole number there")
    return text


def _lines(path: Path) -> Iterator[str]:
    # Iterating cuts at line ends only; str.splitlines would also cut at U+2028 and form feeds.
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            for number, line in enumerate(file, start=1):
                if "\0" in line:
                    what = "not a text, it has zero bytes"
                    raise DataError(f"{path}:{number}: {what}; save it as UTF-8")
                if not _is_unicode(line):
                    raise DataError(f"{path}:{number}: not UTF-8; save it as UTF-8")
                yield line
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({reason(error)}); check its permissions"
        ) from error


def _is_unicode(line: str) -> bool:
    """Whether no byte of the line was left over from decoding."""
    try:
        line.encode()
    except UnicodeEncodeError:
        return False
    return True


def _json_rows(path: Path, label: str | None) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except ValueError:
            raise DataError(f"{where}: not JSON; write one object a line") from None
        fields = row if isinstance(row, dict) else {}
        value = row[_text_field(list(row), where)] if isinstance(row, dict) else row
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise DataError(f"{where}: expected a text or a list of texts; correct the line")
        if not any(text.strip() for text in texts):
            continue
        name = "" if label is None else label_text(fields.get(label), field=label, where=where)
        for text in texts:
            yield text, name


def _table_rows(path: Path, label: str | None) -> Iterator[tuple[str, str]]:
    rows = csv.DictReader(_lines(path))
    try:
        names = list(rows.fieldnames or ())
        field = _text_field(names, str(path))
        if label is not None and label not in names:
            raise DataError(f"{path}: has {', '.join(names)}; data.label={label} is none of them")
        for row in rows:
            if not (text := row[field] or "").strip():
                continue
            where = f"{path}:{rows.line_num}"
            name = "" if label is None else label_text(row[label], field=label, where=where)
            yield text, name
    except csv.Error as error:
        raise DataError(f"{path}: not a table ({error}); export it again as CSV") from error


def _text_field(names: Sequence[str], where: str) -> str:
    for field in TEXT_FIELDS:
        if field in names:
            return field
    has = ", ".join(map(str, names)) or "nothing"
    raise DataError(f"{where}: has {has}; name one field {' or '.join(TEXT_FIELDS)}")
