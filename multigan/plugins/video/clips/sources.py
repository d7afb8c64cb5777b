"""From what ``data.source`` names to a list of films, each with its class."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from multigan.data.files import list_files, reason
from multigan.data.frames import ANIMATIONS, READABLE_VIDEOS
from multigan.data.media import SUFFIXES, list_images
from multigan.data.scenes import ACTIONS, scene, scene_index
from multigan.errors import DataError, suggestion
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.clips.reels import (
    USUAL_RATE,
    FilmReel,
    PictureReel,
    Reel,
    SceneReel,
    SheetReel,
    StripReel,
)

FILM_SUFFIXES = (*READABLE_VIDEOS, *(suffix for suffix in ANIMATIONS if suffix != ".png"))
LAYOUT = "layout.json"
_LAYOUT_NEEDS = (
    'a cell size "cell" and "rows" with "row", "action" and "frames", perhaps "direction" and '
    '"first_loop_frame"'
)


def open_reels(config: VideoData, *, split: str = "train") -> list[Reel]:
    """Lists the films of a source; none is decoded yet.

    Args:
        config: the section of the recipe.
        split: "train", or "validation" for those that training never sees: every
            ``data.held_out``-th film in natural order, of sprite sheets every so-manieth sheet.

    Raises:
        DataError: there is no such source, nothing in it, or no such class.
    """
    if split not in ("train", "validation"):
        raise ValueError(f"unknown split '{split}'; choose train or validation")
    if config.source == "builtin:scenes":
        return _chosen(_scenes(config, split), config)
    found = _chosen(list_reels(Path(config.source), config), config)
    groups = list(dict.fromkeys(reel.group for reel in found))
    every = config.held_out
    held = {g for i, g in enumerate(groups) if every and i % every == every - 1}
    kept = [reel for reel in found if (reel.group in held) == (split == "validation")]
    if not kept:
        raise DataError(
            f"{config.source}: {len(groups)} films, none of which is held out; set data.held_out "
            "lower"
        )
    return kept


def list_reels(path: Path, config: VideoData) -> list[Reel]:
    """All films of a file or folder, see ``data.layout``."""
    if not path.exists():
        raise DataError(f"{path}: no such file or folder; check the path")
    if path.is_file():
        if path.suffix.lower() not in (*FILM_SUFFIXES, ".png"):
            raise DataError(
                f"{path}: not a film; give a folder, or one of {' '.join(FILM_SUFFIXES)}"
            )
        return [FilmReel(path, "", even=config.rate)]
    match config.layout if config.layout != "auto" else _look(path):
        case "sheets":
            return _sheets(path, config)
        case "films":
            films = list_files(path, suffixes=FILM_SUFFIXES, what="films")
            return [FilmReel(film, _label(film, path), even=config.rate) for film in films]
        case "strips":
            return [StripReel(strip, _label(strip, path)) for strip in list_images(path)]
        case _:
            folders: dict[Path, list[Path]] = defaultdict(list)
            for picture in list_images(path):
                folders[picture.parent].append(picture)
            return [PictureReel(paths, _label(folder, path)) for folder, paths in folders.items()]


def _look(folder: Path) -> str:
    """Which layout a folder has."""
    if (folder / LAYOUT).is_file():
        return "sheets"
    kinds = (*FILM_SUFFIXES, *SUFFIXES)
    files = list_files(folder, suffixes=kinds, what="films or pictures")
    if any(file.suffix.lower() in FILM_SUFFIXES for file in files):
        return "films"
    for file in files:
        try:
            with Image.open(file) as picture:
                width, height = picture.size
        except Exception:  # damaged files raise almost anything; the next one may be whole
            continue
        return "strips" if width >= 2 * height and width % height == 0 else "frames"
    return "frames"


def _label(path: Path, root: Path) -> str:
    """The folder below the source that something lies in is its class."""
    inside = path.relative_to(root).parts
    return inside[0] if len(inside) > 1 else ""


def _sheets(folder: Path, config: VideoData) -> list[Reel]:
    """Every row of every sheet."""
    file = folder / LAYOUT
    try:
        layout: Any = json.loads(file.read_text(encoding="utf-8"))
        cell, rows = int(layout["cell"]), [_row(row, config.label) for row in layout["rows"]]
        fps = float(layout.get("fps", USUAL_RATE))
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"is damaged ({reason(error)}); it needs {_LAYOUT_NEEDS}"
        raise DataError(f"{file}: {problem}") from error
    return [
        SheetReel(sheet, cell=cell, fps=fps, **row) for sheet in list_images(folder) for row in rows
    ]


def _row(row: Any, label: str) -> dict[str, Any]:
    names = [str(row["action"])]
    if label == "action-direction" and "direction" in row:
        names.append(str(row["direction"]))
    return {
        "label": "-".join(names),
        "row": int(row["row"]),
        "frames": int(row["frames"]),
        "loops_from": int(row.get("first_loop_frame", 0)),
    }


def _scenes(config: VideoData, split: str) -> list[Reel]:
    """A scene with one thing: of several nobody could tell which of them the class means."""
    frames = max(config.span, config.within * config.stride)
    return [_scene(i, config.size, frames=frames, split=split) for i in range(config.builtin_size)]


def _scene(position: int, size: int, *, frames: int, split: str) -> Reel:
    number = scene_index(position, split=split)
    shown = scene(number, things=1)
    label = ACTIONS[shown.labels["action"]]
    return SceneReel(f"builtin:scenes/{number}", shown, label, frames=frames, size=size)


def _chosen(reels: Sequence[Reel], config: VideoData) -> list[Reel]:
    known = {reel.label for reel in reels} - {""}
    for name in config.classes:
        if name not in known:
            raise DataError(f"{config.source}: no class '{name}'{suggestion(name, known)}")
    return [reel for reel in reels if not config.classes or reel.label in config.classes]
