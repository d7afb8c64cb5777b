"""CMU's and DeepMimic's files: read to the convention that they say, and refused in one line."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from scipy.linalg import expm

from multigan.errors import DataError
from multigan.plugins.motion.files import read_motion
from multigan.plugins.motion.files.cmu import NAMES, ROOT_SCALE, SKELETON_SCALE
from multigan.plugins.motion.frames import find_frame, resample
from multigan.plugins.motion.skeleton import Motion
from multigan.plugins.motion.walker import walker_clip

PARENTS = [-1, 0, 1, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11, 0, 13, 14, 15, 16, 17, 18, 15, 20, 21, 22, 23,
           24, 25, 23, 27, 15, 29, 30, 31, 32, 33, 34, 32, 36]  # fmt: skip


@pytest.fixture
def cmu(tmp_path):
    random = np.random.default_rng(0)
    offsets = random.normal(0, 200, (38, 3))
    skeleton = {"parents": PARENTS, "offsets": offsets.tolist()}
    (tmp_path / "skeleton.json").write_text(json.dumps(skeleton))
    expmap = random.normal(0, 0.5, (5, 117)).astype(np.float32)
    (tmp_path / "walking").mkdir()
    path = tmp_path / "walking" / "walking_1.npz"
    np.savez(path, expmap=expmap)
    return path, offsets, expmap


def test_cmu_is_read_in_rows_as_its_note_says(cmu):
    """R_global = R @ R_parent, place = offset @ R_parent + parent; matrices by scipy's expm."""
    path, offsets, expmap = cmu
    motion = read_motion(path)
    assert len(motion) == 4 and motion.fps == 30  # the T-pose is dropped
    assert motion.skeleton.names == NAMES and motion.skeleton.parents == tuple(PARENTS)
    for frame in (0, 3):
        row = expmap[frame + 1].astype(np.float64)
        turns, places = [], []
        for joint, parent in enumerate(PARENTS):
            x, y, z = row[3 + 3 * joint : 6 + 3 * joint]
            turn = expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))
            if parent < 0:
                turns.append(turn)
                places.append(row[:3] * ROOT_SCALE / SKELETON_SCALE)
            else:
                turns.append(turn @ turns[parent])
                places.append(offsets[joint] @ turns[parent] + places[parent])
        found = motion.positions()[frame] / SKELETON_SCALE
        np.testing.assert_allclose(found.numpy(), np.array(places), atol=1e-6)
    feet = [NAMES[joint] for joint in motion.skeleton.feet]
    assert feet == ["LeftAnkle", "LeftToe", "RightAnkle", "RightToe"]


def test_broken_cmu_files(cmu, tmp_path):
    path, _, expmap = cmu
    for content, says in [
        ({"motion": expmap}, "no array 'expmap'"),
        ({"expmap": expmap[:, :99]}, "shape"),
        ({"expmap": expmap[:2]}, "2 frames"),
        ({"expmap": expmap + np.inf}, "not finite"),
        ({"expmap": np.array([{}], dtype=object)}, "no readable .npz"),
    ]:
        np.savez(path, **content)
        with pytest.raises(DataError, match=says):
            read_motion(path)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match=r"no readable \.npz"):
        read_motion(path)
    np.savez(path, expmap=expmap)
    (tmp_path / "skeleton.json").unlink()
    with pytest.raises(DataError, match=r"no skeleton\.json"):
        read_motion(path)


def deepmimic(**changes):
    frame = [1 / 60, 0.0, 0.9, 0.0]
    for numbers in (4, 4, 4, 4, 1, 4, 4, 1, 4, 1, 4, 4, 1):
        frame += [1.0, 0.0, 0.0, 0.0] if numbers == 4 else [0.0]
    frames = [list(frame) for _ in range(4)]
    for column, value in changes.items():
        for each in frames:
            each[int(column[1:])] = value
    return {"Loop": "none", "Frames": frames}


def test_deepmimic_stands_and_bends_its_knee_backwards(tmp_path):
    path = tmp_path / "clip.json"
    path.write_text(json.dumps(deepmimic()))
    motion = read_motion(path)
    assert abs(motion.fps - 60) < 1e-6
    places = dict(zip(motion.skeleton.names, motion.positions()[0], strict=True))
    assert places["right_hip"][2] > 0 > places["left_hip"][2]  # x ahead, y up: right is z
    torch.testing.assert_close(places["right_ankle"][1], torch.tensor(0.9 - 0.831416).double())
    path.write_text(json.dumps(deepmimic(c20=-1.0)))  # the right knee
    bent = read_motion(path)
    names = bent.skeleton.names
    moved = bent.positions()[0] - motion.positions()[0]
    assert moved[names.index("right_ankle"), 0] < -0.3
    assert float(moved[names.index("left_ankle")].abs().max()) == 0


def test_broken_deepmimic_files(tmp_path):
    path = tmp_path / "clip.json"
    uneven = deepmimic()
    uneven["Frames"][1][0] = 0.1
    for content, says in [
        ("{", "cannot be read"),
        ("[1]", "not a DeepMimic clip"),
        ('{"Frames": [[1, 2], [3, 4]]}', "not \\(frames, 44\\)"),
        (json.dumps(uneven), "differently long"),
    ]:
        path.write_text(content)
        with pytest.raises(DataError, match=says):
            read_motion(path)


def test_any_frame_of_reference_is_found_and_left_again():
    walk = walker_clip(0)
    # As a file with z up, in centimetres and with the floor at 7 would hold it.
    turn = torch.tensor([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).double()
    rotations = walk.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    skeleton = type(walk.skeleton)(
        walk.skeleton.names, walk.skeleton.parents, 100 * walk.skeleton.offsets,
        walk.skeleton.orders,
    )  # fmt: skip
    root = 100 * walk.root @ turn.T + torch.tensor([0.0, 0.0, 7.0]).double()
    given = Motion(skeleton, rotations, root, 30.0)
    frame = find_frame(given, scale=0.01)
    entered = frame.enter(given)
    here = find_frame(walk).enter(walk)
    torch.testing.assert_close(entered.positions(), here.positions())
    left = frame.leave(entered)
    torch.testing.assert_close(left.positions(), given.positions())
    torch.testing.assert_close(left.skeleton.offsets, skeleton.offsets)
    guessed = find_frame(given).enter(given)
    assert guessed.skeleton.leg == pytest.approx(1.0)
    # Low feet are at the floor.
    assert abs(float(entered.positions()[:, list(skeleton.feet), 1].min())) < 0.05


def test_resampling_keeps_what_moves_evenly():
    from multigan.plugins.motion.rotations import about

    walk = walker_clip(0, frames=61)
    seconds = torch.arange(61).double() / 30
    rotations = torch.eye(3).double().repeat(61, len(walk.skeleton), 1, 1)
    rotations[:, 0] = about("Y", 3 * seconds)
    root = torch.stack([2 * seconds, seconds, -seconds], dim=1)
    motion = Motion(walk.skeleton, rotations, root, 30.0)
    for fps, frames in ((60.0, 121), (12.5, 26)):
        again = resample(motion, fps=fps)
        times = torch.arange(frames).double() / fps
        assert len(again) == frames and again.fps == fps
        torch.testing.assert_close(again.root[:, 0], 2 * times)
        torch.testing.assert_close(again.rotations[:, 0], about("Y", 3 * times))
    assert resample(motion, fps=30.001).rotations is motion.rotations
    with pytest.raises(DataError, match="no motion in it"):
        resample(motion.cut(slice(0, 3)), fps=10.0)
