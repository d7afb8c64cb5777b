"""Folders of clips: actions, windows, what is held out, and what happens to broken files."""

from __future__ import annotations

import pytest
import torch

from multigan.errors import DataError
from multigan.plugins.motion.data import Windows, action_of, open_clips
from multigan.plugins.motion.files.bvh import write_bvh
from multigan.plugins.motion.recipe import MotionData
from multigan.plugins.motion.representation import mirrored
from multigan.plugins.motion.skeleton import Motion, Skeleton
from multigan.plugins.motion.walker import walker_clip


@pytest.fixture
def folder(tmp_path):
    """Six walks and two runs, of which one is short."""
    for number in range(6):
        write_bvh(walker_clip(3 * number, frames=40), make(tmp_path / f"walk/{number}.bvh"))
    write_bvh(walker_clip(1, frames=40), make(tmp_path / "run/1.bvh"))
    write_bvh(walker_clip(4, frames=20), make(tmp_path / "run/2.bvh"))
    return tmp_path


def make(path):
    path.parent.mkdir(exist_ok=True)
    return path


def data(folder, **changes):
    return MotionData(source=str(folder), window=30, **changes)


def test_folders_are_actions_and_every_fifth_clip_is_held_out(folder):
    clips = open_clips(data(folder))
    assert clips.actions == ("run", "walk")
    assert [motion.source[-10:] for motion in clips.held_out] == ["walk/4.bvh"]
    assert len(clips.train) == 7
    assert not open_clips(data(folder, hold_out=False)).held_out
    renamed = open_clips(data(folder, rename={"run": "walk"}))
    assert renamed.actions == ("walk",)
    assert open_clips(data(folder, classes=("run",))).actions == ("run",)
    with pytest.raises(DataError, match="no clips of 'wlak'; did you mean 'walk'"):
        open_clips(data(folder, classes=("wlak",)))


def test_actions_are_seen_equally_often(folder):
    clips = open_clips(data(folder))
    windows = Windows(clips.train, clips.codec, clips.actions, frames=30, mirror=True)
    # Five walks of 40 frames have 11 windows each, and as many mirrored; the one run 22.
    assert len(windows) == 2 * 110
    batch = windows.batch(torch.arange(len(windows)))
    assert batch["motion"].shape == (220, 30, clips.codec.width)
    assert batch["label"].bincount().tolist() == [110, 110]
    run = clips.codec.encode(clips.train[0])
    runs = batch["motion"][batch["label"] == 0]
    torch.testing.assert_close(runs[3], run[3:33])
    torch.testing.assert_close(runs[11 + 3], mirrored(run, clips.codec)[3:33])
    torch.testing.assert_close(runs[22 + 3], run[3:33])  # and again
    torch.testing.assert_close(windows[7]["motion"], batch["motion"][7])
    with pytest.raises(DataError, match=r"no clip of 'run' has data\.window=41.*has 40"):
        Windows(clips.train, clips.codec, clips.actions, frames=41, mirror=False)


def test_clips_without_folders(folder, tmp_path):
    assert action_of(tmp_path / "03-walking.bvh", tmp_path) == "walking"
    assert action_of(tmp_path / "walking.bvh", tmp_path) == ""
    single = open_clips(data(folder / "walk/0.bvh"))
    assert single.actions == () and len(single.train) == 1
    write_bvh(walker_clip(0, frames=40), folder / "other.bvh")
    with pytest.raises(DataError, match=r"other\.bvh: lies in no folder of an action"):
        open_clips(data(folder))


def test_broken_files(folder):
    path = folder / "walk/2.bvh"
    path.write_text(path.read_text().replace("Frames: 40", "Frames: 41"))
    with pytest.raises(DataError, match=r"2\.bvh:\d+: 40 frames follow, not 41; or leave such"):
        open_clips(data(folder))
    with pytest.warns(UserWarning, match=r"left out: .*2\.bvh:\d+: 40 frames follow"):
        clips = open_clips(data(folder, on_error="skip"))
    assert len(clips.train) + len(clips.held_out) == 7
    for name in ("none", "empty"):
        (folder / "empty").mkdir(exist_ok=True)
        with pytest.raises(DataError, match=r"no such folder|no motion clips"):
            open_clips(data(folder / name))


def test_broken_captures_are_left_out(folder):
    walk = walker_clip(0, frames=40)
    walk.root[17:] += torch.tensor([0.0, 1.0, 0.0]).double()  # a metre in a frame: 30 m/s
    write_bvh(walk, folder / "walk/2.bvh")
    with pytest.warns(UserWarning, match=r"2\.bvh: a joint leaps at frame 16"):
        clips = open_clips(data(folder))
    assert len(clips.train) + len(clips.held_out) == 7
    kept = open_clips(data(folder, spike=0))
    assert len(kept.train) + len(kept.held_out) == 8


def test_one_skeleton(folder):
    walk = walker_clip(0, frames=40)
    names = ("Pelvis", *walk.skeleton.names[1:])
    other = Skeleton(names, walk.skeleton.parents, walk.skeleton.offsets, walk.skeleton.orders)
    write_bvh(Motion(other, walk.rotations, walk.root, 30.0), folder / "walk/9.bvh")
    with pytest.raises(DataError, match=r"9\.bvh: another skeleton than in .*no Pelvis and a Hips"):
        open_clips(data(folder))


def test_built_in_clips():
    clips = open_clips(MotionData(builtin_size=30))
    assert clips.actions == ("jumping", "running", "walking")
    assert (len(clips.train), len(clips.held_out)) == (24, 6)
    assert open_clips(MotionData(builtin_size=9, classes=("running",))).actions == ("running",)
    with pytest.raises(DataError, match="no 'builtin:walkers' here"):
        open_clips(MotionData(source="builtin:walkers"))
    with pytest.raises(DataError, match="has no 'runing'; did you mean 'running'"):
        open_clips(MotionData(builtin_size=9, classes=("runing",)))
