from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from multigan.data.film import write_film
from multigan.data.frames import ANIMATIONS
from multigan.errors import DataError


def frames(number: int, size: tuple[int, int] = (31, 20), mode: str = "RGB") -> list[Image.Image]:
    """A bright square that moves to the right."""
    made = []
    for i in range(number):
        image = Image.new(mode, size, "navy" if mode == "RGB" else 0)
        image.paste("white" if mode == "RGB" else 255, (2 * i, 5, 2 * i + 8, 13))
        made.append(image)
    return made


def decode(path: Path) -> tuple[list[np.ndarray], float]:
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return pictures, float(container.streams.video[0].average_rate)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_an_mp4_shows_the_pictures_enlarged_and_even(tmp_path: Path, mode: str) -> None:
    pictures, rate = decode(write_film(frames(7, mode=mode), tmp_path / "film.mp4", rate=12))
    assert len(pictures) == 7 and rate == 12
    height, width, _ = pictures[0].shape
    assert height == 20 * 13 and width == 31 * 13 + 1
    for i, shown in enumerate(pictures):
        row = shown[13 * 9, :-1].reshape(31, 13, 3).mean((1, 2))
        bright = (row > 200).nonzero()[0]
        assert (bright.min(), bright.max()) == (2 * i, 2 * i + 7)


def test_large_pictures_keep_their_size(tmp_path: Path) -> None:
    pictures, _ = decode(write_film(frames(2, size=(300, 258)), tmp_path / "film.mp4"))
    assert pictures[0].shape == (258, 300, 3)


def test_transparent_pictures_stand_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (256, 256), (0, 0, 0, 0))
    pictures, _ = decode(write_film([clear, clear], tmp_path / "film.mp4"))
    assert pictures[0].min() > 250


@pytest.mark.parametrize("suffix", list(ANIMATIONS))
def test_animations_keep_every_picture(tmp_path: Path, suffix: str) -> None:
    path = write_film(frames(5), tmp_path / f"film{suffix}", rate=10)
    with Image.open(path) as film:
        assert film.n_frames == 5
        film.seek(3)
        shown = np.asarray(film.convert("RGB")).astype(int)
    assert np.abs(shown - np.asarray(frames(5)[3]).astype(int)).mean() < 3


def test_mistakes_are_one_line_and_leave_nothing(tmp_path: Path) -> None:
    for path, images in (
        (tmp_path / "film.txt", frames(2)),
        (tmp_path / "film.mp4", []),
        (tmp_path / "missing/film.mp4", frames(2)),
        (tmp_path / "missing/film.gif", frames(2)),
    ):
        with pytest.raises(DataError) as error:
            write_film(images, path)
        assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []
