"""From a recipe to files: train for two steps, sample, continue, score, refuse."""

from __future__ import annotations

import json

import av
import numpy as np
import pytest
import torch
from PIL import Image

import multigan
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.plugins.motion.drawing import LEFT, RIGHT, draw_film, draw_frame
from multigan.plugins.motion.files.bvh import read_bvh, write_bvh
from multigan.plugins.motion.pipeline import MotionPipeline
from multigan.plugins.motion.rotations import about
from multigan.plugins.motion.scores import bone_error
from multigan.plugins.motion.skeleton import Motion
from multigan.plugins.motion.walker import SKELETON, walker_clip
from multigan.training.train import train

SHORT = [
    "steps.pretraining=2", "steps.adversarial=2", "train.batch_size=4", "train.threads=1",
    "train.trackers=[]", "data.builtin_size=6", "model.width=16", "model.critic_width=8",
    "evaluate.samples=4", "train.preview_every=0", "train.evaluate_every=0",
]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("motion")
    return train("motiongan", overrides=SHORT, output=folder / "run", quiet=True)


@pytest.fixture(scope="module")
def judge(tmp_path_factory):
    overrides = ["steps.training=2", "train.batch_size=4", "train.threads=1", "train.trackers=[]",
                 "data.builtin_size=15", "model.width=8"]  # fmt: skip
    folder = tmp_path_factory.mktemp("judge")
    return train("motion-recogniser", overrides=overrides, output=folder / "run", quiet=True)


@pytest.fixture(scope="module")
def pipe(run):
    pipe = multigan.pipeline(run)
    assert isinstance(pipe, MotionPipeline)
    return pipe


def test_a_run_leaves_scores_pictures_and_films(run):
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    scores = [row for row in rows if row["kind"] == "evaluate"][-1]
    assert scores["bone-error"] < 1e-9 and scores["skating-real"] > 0 and "seam" in scores
    assert (run / "stages" / "pretraining" / "multigan.json").is_file()
    films = list((run / "samples").glob("*-motion.gif"))
    assert Image.open(films[-1]).n_frames > 20
    shown = json.loads((run / "exhibits/motions.json").read_text())
    assert [row[0] for row in shown["rows"]] == ["jumping", "running", "walking"]
    report = (run / "report.html").read_text()
    assert "image/gif" in report and "video/mp4" in report


def test_sampling(pipe):
    made = pipe(5, seed=1, length=33)
    assert made.actions == ("jumping", "running", "walking", "jumping", "running")
    assert all(len(motion) == 33 for motion in made.motions)
    assert bone_error(made.motions, pipe.codec.skeleton) < 1e-9
    again = pipe(2, seed=1, length=20)
    for one, other in zip(made.motions, again.motions, strict=False):
        torch.testing.assert_close(one.positions()[:20], other.positions(), atol=1e-5, rtol=0)
    assert (pipe(1, seed=2, length=20).motions[0].root != again.motions[0].root).any()
    assert pipe(2, length=20, actions="walking").actions == ("walking",) * 2
    for options, says in [
        ({"actions": "wlking"}, "no action 'wlking'; did you mean 'walking'"),
        ({"actions": ["walking"]}, "1 actions for 2 motions"),
        ({"length": 0}, "length=0"),
    ]:
        with pytest.raises(PluginError, match=says):
            pipe(2, **options)


def test_what_follows_goes_on_in_the_file_s_own_frame(pipe, tmp_path):
    """z up, centimetres, 60 frames a second, turned and far away: as if nothing had been joined."""
    walk = walker_clip(0, frames=60)
    turn = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).double()
    turn = about("Z", torch.tensor(1.0).double()) @ turn
    rotations = walk.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    skeleton = type(SKELETON)(
        SKELETON.names, SKELETON.parents, 100 * SKELETON.offsets, SKELETON.orders
    )
    root = 100 * walk.root @ turn.T + torch.tensor([500.0, 700.0, 3.0]).double()
    clip = Motion(skeleton, rotations, root, 30.0)
    made = pipe.follow(write_bvh(clip, tmp_path / "clip.bvh"), length=30)
    whole = made.motions[0]
    assert made.seam == 60 and len(whole) == 90
    torch.testing.assert_close(whole.positions()[:60], clip.positions(), atol=0.1, rtol=0)
    assert bone_error([whole], skeleton) < 0.01
    step = (whole.root[60] - whole.root[59]).norm()
    before = (whole.root[59] - whole.root[58]).norm()
    assert abs(float(step - before)) < 0.4 * float(before)
    several = pipe.follow(clip, 3, length=10, action="running", cut=20)
    assert several.seam == 20 and several.actions == ("running",) * 3
    assert (several.motions[0].root[-1] != several.motions[1].root[-1]).any()
    with pytest.raises(DataError, match="11 frames at 30 a second; this model goes on from 12"):
        pipe.follow(clip, cut=11)
    other = type(SKELETON)(
        ("Pelvis", *SKELETON.names[1:]), SKELETON.parents, SKELETON.offsets, SKELETON.orders
    )
    with pytest.raises(DataError, match="another skeleton than this model's"):
        pipe.follow(Motion(other, walk.rotations, walk.root, 30.0))


def test_files(cli, run, tmp_path):
    words = ["sample", run, "-n", 2, "--length", 20]
    made = cli(*words, "--action", "walking", "-o", tmp_path / "out")
    assert made.code == 0, made.err
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["0-walking.bvh", "1-walking.bvh", "motions.mp4", "motions.png"]
    assert len(read_bvh(tmp_path / "out/1-walking.bvh")) == 20
    with av.open(str(tmp_path / "out/motions.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 20
    gif = cli(*words, "-o", tmp_path / "walk.gif")
    assert gif.code == 0 and Image.open(tmp_path / "walk.gif").n_frames > 1
    assert cli("sample", run, "-n", 1, "--length", 20, "-o", tmp_path / "a.bvh").code == 0
    assert "holds one motion, not 2" in cli(*words, "-o", tmp_path / "a.bvh").err
    assert "use .bvh, .png or a film" in cli(*words, "-o", tmp_path / "a.fbx").err
    assert "no --temperature" in cli(*words, "--temperature", 1).err


def test_continue(cli, run, tmp_path):
    clip = write_bvh(walker_clip(0, frames=40), tmp_path / "walk.bvh")
    made = cli("continue", clip, "--model", run, "--length", 15)
    assert made.code == 0 and "generated from frame 40 on" in made.err
    assert len(read_bvh(tmp_path / "walk-continued.bvh")) == 55
    other = write_bvh(walker_clip(1, frames=40), tmp_path / "run.bvh")
    (tmp_path / "broken.bvh").write_text("HIERARCHY\n")
    out = tmp_path / "out"
    made = cli("continue", clip, other, tmp_path / "broken.bvh", "--model", run, "--length", 15,
               "--cut", 20, "-o", out)  # fmt: skip
    assert made.code == 2 and "broken.bvh:1: the file ends before MOTION" in made.err
    assert sorted(path.name for path in out.iterdir()) == ["run.bvh", "walk.bvh"]
    assert len(read_bvh(out / "run.bvh")) == 35
    assert "name a folder" in cli("continue", clip, other, "--model", run, "-o", "x.bvh").err
    assert "model of another kind" in cli("continue", clip, "--model", "digits").err


def test_score(cli, run, judge, tmp_path):
    for number in range(4):
        action = ("walking", "running")[number % 2]
        clip = walker_clip(3 * number + number % 2, frames=40)
        write_bvh(clip, tmp_path / f"{number}-{action}.bvh")
    words = ["score", "motion", tmp_path, "--references", tmp_path, "--features", judge]
    found = json.loads(cli(*words, "--seam", 20, "--json").out)
    scores = found["scores"]
    assert scores["skating-ratio"] == pytest.approx(1.0)
    assert scores["frechet-motion"] == pytest.approx(0.0, abs=1e-3)
    assert scores["seam-largest"] <= 1.01 * scores["seam-real-99"] and found["samples"] == 4
    assert scores["action-accuracy"] == scores["action-accuracy-real"]
    shown = cli(*words)
    assert "skating-ratio" in shown.out and "8 windows for 48 features" in shown.out
    plain = cli(*words[:-1], "none")
    assert plain.code == 0 and "frechet" not in plain.out
    assert "write OLD=NEW" in cli(*words, "--rename", "x").err
    assert "takes a recogniser" in cli(*words[:-1], run).err


def test_figures_show_the_left_and_the_right(tmp_path):
    walk = walker_clip(0, frames=5)
    film = draw_film(walk, size=120)
    assert len(film) == 5 and film[0].size == (120, 120)
    pixels = np.asarray(film[2]).reshape(-1, 3).astype(int)
    for colour in (LEFT, RIGHT):
        assert (np.abs(pixels - colour).sum(1) < 30).sum() > 20
    assert (pixels.sum(1) == 765).mean() > 0.8
    high = draw_frame(SKELETON, walk.positions()[2] + torch.tensor([0.0, 0.3, 0.0]).double())
    low = draw_frame(SKELETON, walk.positions()[2])
    assert top_of(high) < top_of(low)


def top_of(picture):
    dark = (np.asarray(picture).sum(2) < 500).any(1)
    return int(dark.argmax())


def test_damaged_models(run, tmp_path):
    facts = json.loads((run / "model/multigan.json").read_text())["facts"]
    pipe = multigan.pipeline(run)
    with pytest.raises(CheckpointError, match="facts do not fit"):
        MotionPipeline(pipe.components, {**facts, "actions": ["walking"]})
    with pytest.raises(CheckpointError, match="no generator"):
        MotionPipeline({}, facts)
