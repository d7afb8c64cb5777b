"""Sampling clips on the command line and from Python, and the files that come out."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pytest
import torch
from PIL import Image

import multigan
from multigan.data.film import open_film
from multigan.errors import CheckpointError
from multigan.plugins.video.networks.generator import VideoGenerator
from multigan.plugins.video.pipeline import VideoPipeline
from multigan.plugins.video.writing import contact_sheet, side_by_side
from multigan.training.train import train

SHORT = [
    "data.size=32", "data.builtin_size=20", "train.batch_size=2", "train.trackers=[]",
    "model.width=4", "steps.adversarial=1", "model.discriminator_width=4", "model.widest=8",
    "train.precision=fp32",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "scenes"
    return train("videogan", overrides=SHORT, output=folder, quiet=True)


def test_labels_lengths_and_seeds(run):
    pipe = multigan.pipeline(run)
    made = pipe(3, seed=5, length=6, labels=["left", "spin", 0])
    assert made.labels == ("left", "spin", pipe.classes[0]) and made.rate == 5.0
    assert made.clips.shape == (3, 6, 3, 32, 32)
    assert made.clips.min() >= 0 and made.clips.max() <= 1
    assert torch.equal(made.clips, pipe(3, seed=5, length=6, labels=["left", "spin", 0]).clips)
    assert not torch.equal(made.clips, pipe(3, seed=6, length=6, labels=["left", "spin", 0]).clips)
    assert len(set(pipe(9).labels)) == 9


def test_files_of_every_kind(run, tmp_path, cli):
    def sample(*words):
        shown = cli("sample", run, "-n", 3, "--length", 6, "--label", "left", *words)
        assert shown.code == 0, shown.err
        return [line.rpartition("/")[2] for line in shown.out.splitlines()]

    names = sample("-o", tmp_path / "clips", "--format", "gif")
    assert names == ["0-left.gif", "1-left.gif", "2-left.gif", "contact-sheet.png"]
    with closing(open_film(tmp_path / "clips" / "1-left.gif")) as reader:
        frames = list(reader.frames())
        # A GIF joins frames that are alike, as those of a generator that has learnt nothing are.
        assert frames[-1].time + frames[-1].duration == pytest.approx(6 / 5)
        assert frames[0].rgb.shape == (32, 32, 3)
    assert Image.open(tmp_path / "clips" / "contact-sheet.png").size == (6 * 32, 3 * 32)
    assert sample("-o", tmp_path / "all.mp4") == ["all.mp4"]
    with closing(open_film(tmp_path / "all.mp4")) as reader:
        assert (reader.film.width, len(list(reader.frames()))) == (256, 6)
    assert sample("-o", tmp_path / "sheet.png") == ["sheet.png"]


def test_grids_and_sheets_keep_every_pixel():
    clips = torch.arange(3 * 2 * 1 * 2 * 2, dtype=torch.float32).view(3, 2, 1, 2, 2)
    grid, sheet = side_by_side(clips), contact_sheet(clips)
    assert grid.shape == (2, 1, 4, 4) and sheet.shape == (1, 6, 4)
    assert torch.equal(grid[1, :, 2:, :2], clips[2, 1])  # third clip: second row, first column
    assert torch.equal(grid[1, :, 2:, 2:], torch.ones(1, 2, 2))
    assert torch.equal(sheet[:, 4:, 2:], clips[2, 1])
    long = torch.linspace(0, 1, 48).view(1, 48, 1, 1, 1).expand(1, 48, 1, 2, 2)
    shown = contact_sheet(long)[0, 0, ::2]
    assert len(shown) == 16 and shown[0] == 0 and shown[-1] == 1
    assert np.all(np.diff(shown.numpy()) > 0)


def test_mistakes_are_told(run, tmp_path, cli):
    Image.new("RGB", (40, 32)).save(tmp_path / "x.png")
    for words, message in (
        (["--label", "lft"], "no class 'lft'; did you mean 'left'?"),
        (["--length", 1], "ask for a clip of two frames"),
        (["--format", "gfi", "-o", tmp_path / "x"], "did you mean 'gif'?"),
        (["--truncation", 1], "has no --truncation"),
        (["--first-frame", tmp_path / "x.png"], "has no encoder, so it takes no first frame"),
        (["-o", tmp_path / "x.xyz"], "cannot write this kind of film"),
    ):
        shown = cli("sample", run, "-n", 1, *words, *([] if "-o" in words else ["-o", tmp_path]))
        assert shown.code == 2 and message in shown.err, shown.err
    generator = VideoGenerator(size=32, width=4, widest=8, categories=3)
    with pytest.raises(CheckpointError, match="as many names as classes"):
        VideoPipeline({"generator": generator}, {"classes": ["a"], "frames": 4, "rate": 10})
