"""Many files with threads beside the network."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from PIL import Image
from torch import nn

from multigan.data import media
from multigan.errors import DataError
from multigan.plugins.translation import folders
from multigan.plugins.translation.folders import translate_files
from multigan.plugins.translation.pipeline import TranslationPipeline


class Negative(nn.Module):
    def forward(self, x_BCHW):
        return -x_BCHW


@pytest.fixture
def pipe():
    facts = {"multiple": 4, "minimum": 16, "halo": 4, "directions": {"ab": "generator"}}
    return TranslationPipeline({"generator": Negative()}, facts)


@pytest.fixture
def jobs(tmp_path):
    """Thirty pictures, one of them broken, and where their negatives go."""
    for number in range(30):
        pixels = np.full((20, 24, 3), 8 * number, dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number:02}.png")
    (tmp_path / "07.png").write_bytes(b"no picture")
    return [(p, tmp_path / "out" / p.name) for p in sorted(tmp_path.glob("*.png"))]


@pytest.mark.parametrize("workers", [1, 4])
def test_all_are_written_in_order_and_a_broken_one_is_told(pipe, jobs, workers):
    made = list(translate_files(pipe, jobs, workers=workers))
    assert isinstance(made[7], DataError) and "07.png" in str(made[7])
    assert [m for m in made if m is not made[7]] == [t for s, t in jobs if s.name != "07.png"]
    for number in (0, 29):
        assert (np.asarray(Image.open(jobs[number][1])) == 255 - 8 * number).all()


@pytest.mark.parametrize("workers", [1, 3])
def test_few_pictures_are_in_memory_at_once(pipe, jobs, workers, monkeypatch):
    """Counts what has been read and not yet written."""
    lock, now, most = threading.Lock(), 0, 0

    def read(path):
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        return media.read_image(path)

    def write(picture, target):
        nonlocal now
        made = media.write_image(picture, target)
        with lock:
            now -= 1
        return made

    monkeypatch.setattr(folders, "write_image", write)
    del jobs[7]
    assert len(list(translate_files(pipe, jobs, read=read, workers=workers))) == 29
    assert workers < most <= 2 * workers + 2


def test_reading_goes_on_while_the_network_computes(pipe, jobs, monkeypatch):
    """The first picture is only drawn once the second has been read."""
    second = threading.Event()
    read, translate = media.read_image, pipe.translate

    def noted(path):
        if path.name == "01.png":
            second.set()
        return read(path)

    def patient(picture, **options):
        assert second.wait(10)
        return translate(picture, **options)

    monkeypatch.setattr(pipe, "translate", patient)
    assert next(translate_files(pipe, jobs[:2], read=noted, workers=1)) == jobs[0][1]


def test_stopping_early_begins_nothing_more(pipe, jobs):
    running = translate_files(pipe, jobs, workers=2)
    next(running)
    running.close()
    assert len(list((jobs[0][1].parent).iterdir())) <= 4


def test_a_disk_that_cannot_be_written_is_told(pipe, jobs, tmp_path):
    (tmp_path / "file").write_text("")
    (error,) = translate_files(pipe, [(jobs[0][0], tmp_path / "file" / "x.png")])
    assert isinstance(error, DataError) and "x.png" in str(error)
