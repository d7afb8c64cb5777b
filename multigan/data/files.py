"""Files on disk: listed in an order that never changes, written whole or not at all."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection
from pathlib import Path

from multigan.errors import DataError


def list_files(
    folder: str | os.PathLike[str],
    *,
    suffixes: Collection[str],
    what: str = "files",
    recursive: bool = True,
) -> list[Path]:
    """Files of a kind in a folder, in natural order; hidden ones are left out, links followed.

    Args:
        folder: where to look.
        suffixes: endings in lower case with their dot; upper case on disk matches too.
        what: the kind in plural, for messages: "pictures".
        recursive: look into the folders below as well.

    Raises:
        DataError: the folder is missing, is a file, is unreadable, or holds no such file.
    """
    folder = Path(folder)
    if not folder.exists():
        raise DataError(f"{folder}: no such folder; check the path")
    if not folder.is_dir():
        raise DataError(f"{folder}: is a file; give the folder that holds the {what}")
    found: list[Path] = []
    seen: set[str] = set()
    try:
        for parent, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
            real = os.path.realpath(parent)
            if real in seen:  # a link to a folder above would go round for ever
                folders.clear()
                continue
            seen.add(real)
            folders[:] = sorted(name for name in folders if recursive and name[0] != ".")
            found += [Path(parent, name) for name in names if _matches(name, suffixes)]
    except OSError as error:
        message = f"{error.filename}: cannot be read ({reason(error)}); check its permissions"
        raise DataError(message) from error
    if not found:
        where = " or below it" if recursive else ""
        raise DataError(f"{folder}: no {what} in it{where}; looked for {' '.join(suffixes)}")
    return sorted(found, key=lambda path: [natural_key(part) for part in path.parts])


def natural_key(text: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """Sort key that puts img2 before img10; the text breaks ties, so the order is total."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", text.casefold())
    return tuple((0, int(p), "") if p[0] in "0123456789" else (1, 0, p) for p in pieces), text


def write_atomic(path: str | os.PathLike[str], content: bytes | memoryview) -> None:
    """Write through a temporary file in the same folder, so that nobody ever sees half a file.

    Raises:
        DataError: the folder is missing or not writable, or the disk is full; nothing stays behind.
    """
    path = Path(path)
    target = Path(os.path.realpath(path))  # a link keeps pointing where it did
    if not target.parent.is_dir():
        raise DataError(f"{path}: the folder {path.parent} does not exist; create it first")
    if target.exists() and not target.is_file():
        raise DataError(f"{path}: exists and is not a file; choose another name")
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, target.stat().st_mode & 0o7777)
        os.replace(temporary, target)
    except OSError as error:
        cause = f"cannot be written ({reason(error)})"
        raise DataError(f"{path}: {cause}; free some space or choose another folder") from error
    finally:
        temporary.unlink(missing_ok=True)


def reason(error: BaseException) -> str:
    """What an exception says, on one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(text.split())


def _matches(name: str, suffixes: Collection[str]) -> bool:
    return name[0] != "." and os.path.splitext(name)[1].lower() in suffixes


def _raise(error: OSError) -> None:
    raise error
