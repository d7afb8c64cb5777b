"""Reading model cards: README.md with front matter, as the hub has them. Imports no torch."""

from __future__ import annotations

import re
from pathlib import Path


def summary(card: Path) -> str:
    """The first line that is neither heading nor front matter; empty without a card."""
    prose = [line for line in _parts(card)[1].splitlines() if line[:1].isalpha()]
    return prose[0] if prose else ""


def licence(card: Path) -> str:
    """What the front matter calls ``license``; empty where it says nothing."""
    found = re.search(r"^license:\s*(\S.*)$", _parts(card)[0], re.MULTILINE)
    return found[1].strip() if found else ""


def _parts(card: Path) -> tuple[str, str]:
    """Front matter and text."""
    text = card.read_text(encoding="utf-8") if card.is_file() else ""
    if not text.startswith("---"):
        return "", text
    _, front, *rest = text.split("---", 2)
    return front, "".join(rest)
