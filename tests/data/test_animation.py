"""Animated GIF, WebP and PNG: durations, loops and transparency go in and come out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multigan.data.film import create_film, is_film, open_film
from multigan.data.frames import Film, Frame

MILLISECONDS = [100, 50, 230, 40, 1000]


def picture(number: int) -> np.ndarray:
    rgb = np.full((40, 60, 3), (30, 60, 120), np.uint8)
    rgb[:20] = (200, 180, 20)
    rgb[10:30, 5 * number : 5 * number + 12] = (250, 20, 20)
    return rgb


def hole(number: int) -> np.ndarray:
    alpha = np.zeros((40, 60), np.uint8)
    alpha[5:35, 5 * number : 5 * number + 20] = 255
    return alpha


def write(path: Path, *, transparent: bool, plays: int = 0) -> Path:
    film = Film(60, 40, rate=Fraction(10), tick=Fraction(1, 1000), plays=plays)
    time = Fraction(0)
    with create_film(path, film) as writer:
        for number, milliseconds in enumerate(MILLISECONDS):
            duration = Fraction(milliseconds, 1000)
            alpha = hole(number) if transparent else None
            writer.write(Frame(picture(number), alpha, time, duration))
            time += duration
    return path


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("plays", [0, 1, 3])
def test_what_is_written_is_read(
    tmp_path: Path, suffix: str, transparent: bool, plays: int
) -> None:
    path = write(tmp_path / f"film{suffix}", transparent=transparent, plays=plays)
    reader = open_film(path)
    frames = list(reader.frames())
    reader.close()
    assert is_film(path) and reader.problems == []
    assert reader.film.plays == plays and reader.film.num_frames == 5
    assert [frame.duration * 1000 for frame in frames] == MILLISECONDS
    for number, frame in enumerate(frames):
        seen = hole(number) > 0 if transparent else np.ones((40, 60), bool)
        difference = np.abs(frame.rgb.astype(int) - picture(number))[seen].mean()
        assert difference < (8 if suffix == ".webp" else 0.5)
        if transparent:
            assert np.array_equal(frame.alpha, hole(number))
        else:
            assert frame.alpha is None


def test_a_gif_loops_as_browsers_count(tmp_path: Path) -> None:
    """No block: once. A count of 2 repeats twice after the first time."""
    for plays, loop in ((0, 0), (1, None), (3, 2)):
        with Image.open(write(tmp_path / "x.gif", transparent=False, plays=plays)) as image:
            assert image.info.get("loop") == loop


def test_fast_films_become_gifs_that_players_can_show(tmp_path: Path) -> None:
    film = Film(60, 40, rate=Fraction(120), tick=Fraction(1, 120))
    with create_film(tmp_path / "x.gif", film) as writer:
        for number in range(60):
            rgb = np.full((40, 60, 3), 4 * number, np.uint8)
            writer.write(Frame(rgb, time=Fraction(number, 120), duration=Fraction(1, 120)))
    reader = open_film(tmp_path / "x.gif")
    shown = [frame.duration for frame in reader.frames()]
    reader.close()
    assert min(shown) >= Fraction(1, 50)
    assert abs(sum(shown) - Fraction(1, 2)) <= Fraction(1, 100)


def test_pictures_are_no_films_and_cut_animations_give_what_is_left(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "still.gif")
    (tmp_path / "text.gif").write_text("no picture")
    assert not is_film(tmp_path / "still.gif") and not is_film(tmp_path / "text.gif")
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(6)]
    images[0].save(tmp_path / "x.webp", save_all=True, append_images=images[1:])
    images[0].save(tmp_path / "x.gif", save_all=True, append_images=images[1:])
    data = (tmp_path / "x.gif").read_bytes()
    (tmp_path / "cut.gif").write_bytes(data[: len(data) * 2 // 3])
    reader = open_film(tmp_path / "cut.gif")
    frames = list(reader.frames())
    reader.close()
    assert 1 <= len(frames) < 6
    assert len(reader.problems) == 1 and "cut short" in reader.problems[0]
