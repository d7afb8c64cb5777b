"""Small folders of clips in every layout."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multigan.data.film import create_film
from multigan.data.frames import Film, Frame


def numbered(count: int, size: int = 32, shift: int = 0) -> np.ndarray:
    """Frames (count, size, size, 3) whose grey is 10 times their number, on which colours fail."""
    grey = 10 * np.arange(count, dtype=np.uint8) + shift
    return np.broadcast_to(grey[:, None, None, None], (count, size, size, 3)).copy()


def write_frames(frames: np.ndarray, path: Path, *, durations: list[int] | None = None) -> Path:
    """A film of frames shown for so many tenths of a second each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames.shape[1:3]
    tick = Fraction(1, 10)
    film = Film(width, height, rate=Fraction(10), tick=tick)
    time = Fraction(0)
    with create_film(path, film) as writer:
        for frame, shown in zip(frames, durations or [1] * len(frames), strict=True):
            writer.write(Frame(frame, time=time, duration=shown * tick))
            time += shown * tick
    return path


@pytest.fixture(scope="session")
def sheets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sprite sheets of 32-pixel cells: a disc that goes left or right, and one that blinks.

    Every sheet has a colour of its own; the background is transparent.
    """
    folder = tmp_path_factory.mktemp("sprites")
    rows = [
        {"row": 0, "action": "walk", "direction": "left", "frames": 5, "first_loop_frame": 1},
        {"row": 1, "action": "walk", "direction": "right", "frames": 5, "first_loop_frame": 1},
        {"row": 2, "action": "blink", "frames": 4, "first_loop_frame": 0},
    ]
    layout = {"cell": 32, "fps": 10, "rows": rows}
    (folder / "layout.json").write_text(json.dumps(layout), encoding="utf-8")
    (folder / "sheets").mkdir()
    y, x = np.mgrid[:32, :32]
    for number in range(12):
        sheet = np.zeros((96, 160, 4), np.uint8)
        colour = [20 * number, 255 - 20 * number, 40 * (number % 5)]
        for row, frames in ((0, 5), (1, 5), (2, 4)):
            for frame in range(frames):
                centre = {0: 26 - 5 * frame, 1: 6 + 5 * frame, 2: 16}[row]
                radius = 7 if row < 2 or frame % 2 == 0 else 3
                disc = (x - centre) ** 2 + (y - 16) ** 2 <= radius**2
                cell = sheet[32 * row : 32 * (row + 1), 32 * frame : 32 * (frame + 1)]
                cell[disc] = [*colour, 255]
        Image.fromarray(sheet).save(folder / "sheets" / f"c{number}.png")
    return folder


@pytest.fixture
def film() -> Callable[..., Path]:
    """Writes numbered frames as a film."""

    def write(path: Path, count: int, *, size: int = 32, shift: int = 0, **options: object) -> Path:
        return write_frames(numbered(count, size, shift), path, **options)  # type: ignore[arg-type]

    return write
