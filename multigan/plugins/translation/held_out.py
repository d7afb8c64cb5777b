"""Keeping some pictures away from training, so that scores are not of what was learnt by heart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from multigan.data.source import Images


def hold_out(pictures: Images, share: float) -> tuple[Images, Images]:
    """Splits pictures into those to train on and those to score.

    The names of the files decide, by their hashes: the split is the same everywhere, whatever the
    order or the folder. At least one picture is held out; of a single one, or with a share of 0,
    both parts are everything.

    Args:
        pictures: to split.
        share: of the pictures that is held out, 0 to 1.
    """
    count = min(len(pictures) - 1, max(1, round(share * len(pictures)))) if share else 0
    if count == 0:
        return pictures, pictures

    def rank(number: int) -> bytes:
        return hashlib.sha256(Path(pictures.names[number]).name.encode()).digest()

    order = sorted(range(len(pictures)), key=rank)
    return _some(pictures, sorted(order[count:])), _some(pictures, sorted(order[:count]))


def _some(pictures: Images, numbers: Sequence[int]) -> Images:
    def load(index: int) -> object:
        return pictures.load(numbers[index])

    names = [pictures.names[number] for number in numbers]
    return Images(names, load, transform=pictures.transform, on_error=pictures.on_error)  # type: ignore[arg-type]
