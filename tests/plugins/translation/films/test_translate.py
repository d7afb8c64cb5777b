"""Films and streams: the same drawings as of pictures, lazily, and threads that end."""

from __future__ import annotations

import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from multigan.data.film import Film, Frame, create_film, open_film
from multigan.errors import DataError, PluginError
from multigan.plugins.translation.films.translate import _ahead, translate_film
from multigan.plugins.translation.pipeline import TranslationPipeline
from multigan.plugins.translation.restoration.pipeline import (
    InpaintingPipeline,
    SuperResolutionPipeline,
)

FACTS = {"multiple": 4, "minimum": 16, "halo": 8, "directions": {"ab": "generator"}}


class Negative(nn.Module):
    """Inverts colours, and writes down the shapes that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, x_BCHW: Tensor) -> Tensor:
        self.shapes.append(tuple(x_BCHW.shape))
        return -x_BCHW


def negative(**facts: object) -> TranslationPipeline:
    return TranslationPipeline({"generator": Negative()}, {**FACTS, **facts})


def noise(number: int, size: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (*size, 3), dtype=np.uint8)


def write(path: Path, count: int = 6, size: tuple[int, int] = (64, 48)) -> Path:
    tick = Fraction(1, 10)
    with create_film(path, Film(*size, rate=Fraction(10), tick=tick)) as writer:
        for number in range(count):
            rgb = np.full((size[1], size[0], 3), 40 * number % 256, np.uint8)
            writer.write(Frame(rgb, time=number * tick, duration=tick))
    return path


@pytest.mark.parametrize("batch", [1, 3])
def test_without_smoothing_a_stream_is_its_frames(batch: int) -> None:
    pipe = negative()
    frames = [noise(number) for number in range(4)] + [noise(9, (40, 18)), noise(5)]
    drawn = list(pipe.stream(frames, smooth=0, batch=batch))
    assert [image.shape for image in drawn] == [frame.shape for frame in frames]
    for frame, image in zip(frames, drawn, strict=True):
        assert np.array_equal(image, 255 - frame)
    sizes = [shape[0] for shape in pipe.components["generator"].shapes]
    assert sizes == ([1] * 6 if batch == 1 else [3, 1, 1, 1])


def test_a_stream_waits_for_no_frame_that_it_does_not_need() -> None:
    asked = 0

    def camera():
        nonlocal asked
        while True:  # it never ends
            asked += 1
            yield noise(asked)

    stream = negative().stream(camera(), smooth=0)
    assert asked == 0
    for number in (1, 2, 3):
        assert np.array_equal(next(stream), 255 - noise(number)) and asked == number
    pairs = negative().stream(camera(), smooth=0, batch=2)
    next(pairs)
    assert asked == 5


def test_streams_take_what_pictures_may_be() -> None:
    rgb = noise(0)
    tensor = torch.from_numpy(rgb).permute(2, 0, 1) / 255
    for frame in (rgb, Image.fromarray(rgb), tensor):
        assert np.array_equal(next(negative().stream([frame])), 255 - rgb)
    with pytest.raises(DataError, match="dict"):
        next(negative().stream([{}]))  # type: ignore[list-item]
    with pytest.raises(PluginError, match="no direction 'ba'"):
        next(negative().stream([rgb], direction="ba"))
    with pytest.raises(ValueError, match="batch"):
        negative().stream([rgb], batch=0)
    with pytest.raises(ValueError, match="strength"):
        negative().stream([rgb], smooth=2.0)


def test_a_stream_draws_at_the_side_that_pictures_are_drawn_at() -> None:
    pipe = negative(side=40)
    frame = np.full((100, 160, 3), 60, np.uint8)
    (drawn,) = pipe.stream([frame])
    assert np.array_equal(drawn, np.asarray(pipe(frame).images[0]))
    assert [shape[2:] for shape in pipe.components["generator"].shapes] == [(40, 64)] * 2
    assert next(pipe.stream([frame], side=20)).shape == frame.shape
    assert pipe.components["generator"].shapes[-1][2:] == (20, 32)


@pytest.mark.parametrize(("before", "after"), [("mp4", "mp4"), ("mp4", "gif"), ("gif", "webm")])
def test_a_film_is_translated_with_its_times(tmp_path: Path, before: str, after: str) -> None:
    source, target = write(tmp_path / f"in.{before}"), tmp_path / "new" / f"out.{after}"
    told = []
    problems = translate_film(
        negative(), source, target, smooth=0, progress=lambda *numbers: told.append(numbers)
    )
    assert problems == []
    assert told == [(count, 6) for count in range(1, 7)]
    reader = open_film(target)
    frames = list(reader.frames())
    reader.close()
    assert [frame.time for frame in frames] == [Fraction(number, 10) for number in range(6)]
    for number, frame in enumerate(frames):
        assert np.abs(frame.rgb.astype(int) - (255 - 40 * number)).max() <= 4


class Doubling(nn.Module):
    def forward(self, x_BCHW: Tensor) -> Tensor:
        return x_BCHW.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)


def test_films_can_be_enlarged_but_not_filled(tmp_path: Path) -> None:
    larger = SuperResolutionPipeline({"generator": Doubling()}, {**FACTS, "scale": 2})
    frames = [noise(0)] * 3
    for drawn in larger.stream(frames, batch=2):
        assert np.array_equal(drawn, noise(0).repeat(2, axis=0).repeat(2, axis=1))
    translate_film(larger, write(tmp_path / "in.mp4"), tmp_path / "out.mp4")
    reader = open_film(tmp_path / "out.mp4")
    reader.close()
    assert (reader.film.width, reader.film.height) == (128, 96)
    with pytest.raises(PluginError, match="own size"):
        next(larger.stream(frames, side=10))
    with pytest.raises(PluginError, match="films have none"):
        next(InpaintingPipeline({"generator": Negative()}, FACTS).stream(frames))


def test_a_mistake_ends_all_threads_and_leaves_no_file(tmp_path: Path) -> None:
    source = write(tmp_path / "in.mp4", count=30)
    running = threading.active_count()
    with pytest.raises(PluginError):
        translate_film(negative(), source, tmp_path / "out.mp4", direction="ba")

    def stop(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        translate_film(negative(), source, tmp_path / "out.mp4", progress=stop)
    assert threading.active_count() == running
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_running_ahead_keeps_the_order_and_does_not_run_away() -> None:
    made = 0
    closed = threading.Event()

    def numbers():
        nonlocal made
        try:
            while True:
                made += 1
                yield made
        finally:
            closed.set()

    ahead = _ahead(numbers(), depth=3)
    assert [next(ahead) for _ in range(10)] == list(range(1, 11))
    time.sleep(0.1)
    assert made <= 10 + 3 + 2
    ahead.close()
    assert closed.is_set()


def test_what_goes_wrong_ahead_is_raised_in_its_place() -> None:
    def numbers():
        yield 1
        raise DataError("damaged")

    ahead = _ahead(numbers(), depth=2)
    assert next(ahead) == 1
    with pytest.raises(DataError, match="damaged"):
        next(ahead)
