"""Captions and references of pictures in JSON, as COCO and its tools write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from multigan.data.files import reason
from multigan.errors import DataError

Captions = dict[str, list[str]]  # name of a picture -> what is said of it

_LISTS = ("captions", "refs")


def read_captions(path: Path) -> Captions:
    """Reads what a file says of each picture, in the order of the file.

    Args:
        path: COCO annotations, or a list of {"image_id": 1, "caption": "..."} in which a picture
            may stand several times, or of {"image_id": 1, "refs": ["...", "..."]} ("captions" is
            the same), once for each picture. A .jsonl file has these objects line by line. A name
            and a number that are written alike are one picture; "file_name" is a name as well.

    Raises:
        DataError: the file cannot be read, is none of these, or a caption in it is empty.
    """
    rows = _rows(path)
    found: Captions = {}
    listed = set()
    for number, row in enumerate(rows, start=1):
        where = f"{path}: entry {number}"
        if not isinstance(row, dict):
            raise DataError(f'{where} is no object; write {{"image_id": 1, "caption": "..."}}')
        name = _name(row, where)
        key = next((key for key in _LISTS if key in row), None)
        if name in listed or (key and name in found):
            raise DataError(f"{path}: image {name} stands there twice; join its captions")
        if key:
            listed.add(name)
        said = row[key] if key else [row.get("caption")]
        if not isinstance(said, list) or not all(isinstance(text, str) for text in said):
            what = f"a list of texts in '{key}'" if key else "a text in 'caption'"
            raise DataError(f"{where} (image {name}) needs {what}")
        if not said or not all(map(str.strip, said)):
            raise DataError(f"{path}: image {name} has an empty caption; write one or take it out")
        found.setdefault(name, []).extend(said)
    if not found:
        raise DataError(f"{path}: no captions in it")
    return found


def read_sentences(path: Path) -> list[str]:
    """All captions of a file, without their pictures; a .txt file holds one a line.

    Raises:
        DataError: as above.
    """
    if path.suffix.lower() != ".txt":
        return [text for said in read_captions(path).values() for text in said]
    found = [line for line in _text(path).split("\n") if line.strip()]
    if not found:
        raise DataError(f"{path}: no captions in it")
    return found


def _rows(path: Path) -> list[Any]:
    text = _text(path)
    if path.suffix.lower() == ".jsonl":
        lines = enumerate(text.split("\n"), start=1)
        return [_parsed(line, f"{path}:{number}") for number, line in lines if line.strip()]
    document = _parsed(text, str(path))
    rows = document.get("annotations") if isinstance(document, dict) else document
    if not isinstance(rows, list):
        raise DataError(
            f'{path}: no captions in it; write [{{"image_id": 1, "caption": "..."}}, ...] or COCO '
            "annotations"
        )
    return rows


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({reason(error)})") from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file; check the path") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({reason(error)}); give a UTF-8 file") from error


def _name(row: dict[str, Any], where: str) -> str:
    name = row.get("image_id", row.get("file_name"))
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise DataError(f"{where} names no image; write its number or name in 'image_id'")
    return str(name)
