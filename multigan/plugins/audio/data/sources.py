"""Which sounds there are, what classes they have, and which of them are held out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from multigan.data.audio import list_sounds
from multigan.data.files import natural_key
from multigan.data.source import SPLIT_FOLDERS
from multigan.errors import DataError, suggestion
from multigan.plugins.audio.data.synthetic import KINDS, synthesise
from multigan.plugins.audio.recipe import SYNTHETIC, SoundData


@dataclass(frozen=True)
class Source:
    """Where sounds come from.

    Attributes:
        names: one for each sound; paths of files.
        labels: the number of each one's class; all 0 where there are none.
        classes: their names.
        make: gives the sound of a number, float32 (T,); None: the names are files.
    """

    names: Sequence[str]
    labels: Sequence[int]
    classes: tuple[str, ...]
    make: Callable[[int], np.ndarray] | None = None


def find_sounds(data: SoundData, split: str) -> Source:
    """Lists what ``data.source`` names.

    What is held out, and so makes up the validation part, are the files that match
    ``data.held_out``; else those of a folder validation beside one called train; else an evenly
    spread share of every class. No file is in both parts.

    Args:
        data: the section of the recipe.
        split: "train" or "validation".

    Raises:
        DataError: there are no such sounds, or no labels, or nothing is held out.
    """
    if split not in SPLIT_FOLDERS:
        raise ValueError(f"unknown split '{split}'; choose one of: {', '.join(SPLIT_FOLDERS)}")
    return _synthetic(data, split) if data.source.startswith("builtin:") else _files(data, split)


def _synthetic(data: SoundData, split: str) -> Source:
    if data.source != SYNTHETIC:
        hint = suggestion(data.source, [SYNTHETIC])
        raise DataError(f"{data.source}: no such built-in sounds{hint}")
    if data.labels not in ("none", "folder"):
        raise DataError(f"{SYNTHETIC} has no file names; say data.labels=folder, or none")

    def make(index: int) -> np.ndarray:
        return synthesise(index, rate=data.rate, length=data.length, split=split)[0]

    # There is no end of them; a tenth as many is enough to measure with.
    numbers = range(data.builtin_size if split == "train" else max(1, data.builtin_size // 10))
    labelled = data.labels == "folder"
    return Source(
        names=[f"{SYNTHETIC}/{split}/{number}" for number in numbers],
        labels=[number % len(KINDS) if labelled else 0 for number in numbers],
        classes=KINDS if labelled else (),
        make=make,
    )


def _files(data: SoundData, split: str) -> Source:
    root = Path(data.source)
    if not root.exists():
        raise DataError(f"{root}: no such file or folder; check data.source")
    folders = {
        part: next((root / name for name in names if (root / name).is_dir()), None)
        for part, names in SPLIT_FOLDERS.items()
    }
    if not data.held_out and folders["train"] and folders["validation"]:
        # Classes are numbered by the training part, or the two would not fit together.
        classes = _named(list_sounds(folders["train"]), folders["train"], data)[1]
        chosen = folders[split]
        assert chosen is not None
        paths = list_sounds(chosen)
        names, own = _named(paths, chosen, data)
        if unknown := sorted(set(own) - set(classes)):
            raise DataError(f"{chosen}: no training sound of the class '{unknown[0]}'")
    else:
        paths = [root] if root.is_file() else list_sounds(root)
        names, classes = _named(paths, root, data)
        wanted = split == "validation"
        kept = [i for i, held in enumerate(_held_out(paths, names, data)) if held == wanted]
        paths, names = [paths[i] for i in kept], [names[i] for i in kept]
        if not paths:
            raise DataError(f"{root}: {_nothing(data, wanted)}")
    labels = [classes.index(name) if classes else 0 for name in names]
    return Source([str(path) for path in paths], labels, classes)


def _named(paths: Sequence[Path], root: Path, data: SoundData) -> tuple[list[str], tuple[str, ...]]:
    """The class of each file, and all of them in natural order."""
    if data.labels == "none":
        return [""] * len(paths), ()
    names = []
    for path in paths:
        if data.labels == "folder":
            inside = path.relative_to(root).parts
            if len(inside) < 2:
                raise DataError(
                    f"{path}: lies in no folder of a class; move it into one, or set data.labels"
                )
            names.append(inside[0])
        else:
            found = re.search(data.labels, path.name)
            if found is None or not found[1]:
                raise DataError(f"{path}: data.labels '{data.labels}' finds no class in its name")
            names.append(found[1])
    return names, tuple(sorted(set(names), key=natural_key))


def _held_out(paths: Sequence[Path], names: Sequence[str], data: SoundData) -> list[bool]:
    if data.held_out:
        return [re.search(data.held_out, path.name) is not None for path in paths]
    # Evenly spread in natural order: a share of every speaker, take or album that names begin with.
    totals = {name: names.count(name) for name in set(names)}
    seen = dict.fromkeys(totals, 0)
    held = []
    for name in names:
        place, every = seen[name], round(totals[name] * data.share_held_out)
        seen[name] += 1
        # The k-th of n is the last of its stretch.
        held.append((place + 1) * every // totals[name] > place * every // totals[name])
    return held


def _nothing(data: SoundData, wanted: bool) -> str:
    if data.held_out:
        what = "no" if wanted else "every"
        return f"{what} file name matches data.held_out '{data.held_out}'"
    if wanted:
        return "too few sounds to hold some out; add some, or a folder validation beside train"
    return "data.share_held_out leaves no sound to train on"
