"""Translating a film against calling the pipeline with one frame after the other."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest

import multigan
from multigan.data.film import create_film, open_film
from multigan.data.frames import Film, Frame
from multigan.plugins.translation.films.translate import translate_film

pytestmark = pytest.mark.benchmark


def test_smoothing_and_all_a_film_costs_no_more_than_its_frames_alone(tmp_path, capsys):
    pipe = multigan.pipeline("translation", style="cartoon")
    source, tick = tmp_path / "in.mp4", Fraction(1, 25)
    film = Film(854, 480, rate=Fraction(25), tick=tick)
    shapes = np.random.default_rng(0).integers(0, 256, (15, 30, 3), dtype=np.uint8)
    scene = shapes.repeat(34, axis=0).repeat(34, axis=1)
    with create_film(source, film) as writer:
        for number in range(10):
            rgb = np.ascontiguousarray(scene[:480, 2 * number : 854 + 2 * number])
            writer.write(Frame(rgb, time=number * tick, duration=tick))

    def by_film() -> None:
        translate_film(pipe, source, tmp_path / "film.mp4")

    def by_frames() -> None:
        reader = open_film(source)
        with create_film(tmp_path / "frames.mp4", reader.film) as writer:
            for frame in reader.frames():
                drawn = np.asarray(pipe(frame.rgb).images[0])
                writer.write(Frame(drawn, time=frame.time, duration=frame.duration))
        reader.close()

    seconds: dict[str, list[float]] = {"film": [], "frames": []}
    for turn in range(4):
        for name, way in (("film", by_film), ("frames", by_frames)):
            started = time.perf_counter()
            way()
            if turn:
                seconds[name].append(time.perf_counter() - started)
    rates = {name: 10 / min(each) for name, each in seconds.items()}
    with capsys.disabled():
        print(f"\n854x480, frames a second: {rates}, ratio {rates['film'] / rates['frames']:.2f}")
    # The time of smoothing is won by bfloat16, where the processor has it, and by the threads.
    assert rates["film"] > 0.9 * rates["frames"]
