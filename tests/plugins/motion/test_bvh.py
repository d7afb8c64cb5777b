"""BVH files: an independent computation, byte-stable writing, one line for faults."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch

from multigan.errors import DataError
from multigan.plugins.motion.files import read_motion
from multigan.plugins.motion.files.bvh import bvh_text, read_bvh, write_bvh
from multigan.plugins.motion.rotations import about, from_euler, from_six, to_expmap
from multigan.plugins.motion.skeleton import Motion, Skeleton
from multigan.plugins.motion.walker import walker_clip

TEXT = """HIERARCHY
ROOT Hips
{
\tOFFSET 1.0 90.0 0.0
\tCHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
\tJOINT Spine {
\t\tOFFSET 0.0 20.5 1.0
\t\tCHANNELS 3 Yrotation Xrotation Zrotation
\t\tEnd Site
\t\t{
\t\t\tOFFSET 0.0 30.0 0.0
\t\t}
\t}
\tJOINT LeftHip
\t{
\t\tOFFSET 9.0 -4.0 0.0
\t\tCHANNELS 3 Xrotation Yrotation Zrotation
\t\tJOINT LeftFoot
\t\t{
\t\t\tOFFSET 0.0 -42.0 0.5
\t\t\tCHANNELS 3 Zrotation Yrotation Xrotation
\t\t\tEnd Site
\t\t\t{
\t\t\t\tOFFSET 0.0 -40.0 12.0
\t\t\t}
\t\t}
\t}
\tJOINT RightHip
\t{
\t\tOFFSET -9.0 -4.0 0.0
\t\tCHANNELS 3 Xrotation Yrotation Zrotation
\t\tJOINT RightFoot
\t\t{
\t\t\tOFFSET 0.0 -42.0 0.5
\t\t\tCHANNELS 3 Zrotation Yrotation Xrotation
\t\t\tEnd Site
\t\t\t{
\t\t\t\tOFFSET 0.0 -40.0 12.0
\t\t\t}
\t\t}
\t}
}
MOTION
Frames: 3
Frame Time: 0.0333333
10 80 -5 10 20 30 5 6 7 -50 2 3 1 60 2 170 -20 5 0 0 0
11 81.5 -5.25 -170 85 30 5 90 7 -55 2 3 1 61 2 175 -21 5 0 0 0
12 82 -5.5 179 -100 30 5 -90 7 -60.123456 2 3 1 62 2 185 -22 5 0 0 0
"""


def places(text):
    """Positions (T, J, 3) by 4x4 matrices, straight from the words of a file."""
    head, motion = text.split("MOTION")
    words = re.findall(r"[{}]|[^\s{}]+", head)
    joints, stack, number = [], [], 0
    while number < len(words):
        word = words[number]
        if word in ("ROOT", "JOINT", "End"):
            joints.append({"parent": stack[-1] if stack else None, "channels": []})
        elif word == "{":
            stack.append(len(joints) - 1)
        elif word == "}":
            stack.pop()
        elif word == "OFFSET":
            joints[-1]["offset"] = [float(w) for w in words[number + 1 : number + 4]]
        elif word == "CHANNELS":
            count = int(words[number + 1])
            joints[-1]["channels"] = words[number + 2 : number + 2 + count]
        number += 1
    rows = [[float(w) for w in line.split()] for line in motion.strip().splitlines()[2:]]
    frames = []
    for row in rows:
        values, worlds = iter(row), []
        for joint in joints:
            moved, turned = np.eye(4), np.eye(4)
            moved[:3, 3] = joint["offset"]
            for channel in joint["channels"]:
                value, axis = next(values), "XYZ".index(channel[0])
                if channel.endswith("position"):
                    moved[axis, 3] = value
                else:
                    turned = turned @ one_turn(axis, math.radians(value))
            parent = np.eye(4) if joint["parent"] is None else worlds[joint["parent"]]
            worlds.append(parent @ moved @ turned)
        frames.append([world[:3, 3] for world in worlds])
    return np.array(frames)


def one_turn(axis, angle):
    turned = np.eye(4)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    turned[a, a] = turned[b, b] = math.cos(angle)
    turned[b, a], turned[a, b] = math.sin(angle), -math.sin(angle)
    return turned


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "clip.bvh"
    path.write_text(TEXT)
    return path


def degrees(one, other):
    return float(to_expmap(one.mT @ other).norm(dim=-1).max().rad2deg())


def test_places_are_those_of_an_independent_computation(path):
    motion = read_bvh(path)
    torch.testing.assert_close(motion.positions(), torch.from_numpy(places(TEXT)))
    assert motion.skeleton.names == (
        "Hips", "Spine", "SpineEnd", "LeftHip", "LeftFoot", "LeftFootEnd", "RightHip", "RightFoot",
        "RightFootEnd",
    )  # fmt: skip
    assert motion.skeleton.orders == ("ZXY", "YXZ", "", "XYZ", "ZYX", "", "XYZ", "ZYX", "")
    assert abs(motion.fps - 30) < 1e-3 and motion.root[0].tolist() == [10, 80, -5]


def test_writing_is_stable_and_exact(path, tmp_path):
    first = read_bvh(path)
    text = bvh_text(first)
    copy = write_bvh(first, tmp_path / "copy.bvh")
    second = read_bvh(copy)
    assert bvh_text(second) == text == copy.read_text()
    assert degrees(first.rotations, second.rotations) < 1e-4
    torch.testing.assert_close(first.root, second.root)
    np.testing.assert_allclose(places(text), places(TEXT), atol=1e-5)


def test_any_motion_survives(tmp_path):
    """Random rotations, gimbal locks among them, in every Euler order."""
    generator = torch.Generator().manual_seed(0)
    orders = ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX")
    skeleton = Skeleton(
        tuple(f"Joint{n}" for n in range(6)), (-1, 0, 1, 1, 0, 4),
        torch.randn(6, 3, generator=generator).double(), orders,
    )  # fmt: skip
    six = torch.randn(40, 6, 6, generator=generator).double()
    rotations = from_six(six)
    for joint, order in enumerate(orders):
        locked = torch.tensor([[0.3, torch.pi / 2, 0.0], [1.0, -torch.pi / 2, 2.0]]).double()
        rotations[10:12, joint] = from_euler(locked, order=order)
    motion = Motion(skeleton, rotations, torch.randn(40, 3, generator=generator).double(), 24.0)
    copy = read_bvh(write_bvh(motion, tmp_path / "a.bvh"))
    assert degrees(rotations, copy.rotations) < 1e-4
    assert bvh_text(copy) == bvh_text(motion)
    assert "-0.000000" not in bvh_text(motion)


def test_angles_go_on_without_jumps():
    turns = torch.linspace(0, 12, 100).double()
    motion = walker_clip(0, frames=100)
    rotations = motion.rotations.clone()
    rotations[:, 0] = about("Y", turns)
    spinning = Motion(motion.skeleton, rotations, motion.root, 30.0)
    rows = bvh_text(spinning).split("Frame Time")[1].splitlines()[1:]
    angles = np.array([[float(w) for w in row.split()[3:6]] for row in rows])
    assert np.abs(np.diff(angles, axis=0)).max() < 10


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("HIERARCHY", "HIERARCHIE", 1, "begins with HIERARCHY"),
        ("JOINT Spine {", "JOINT Hips {", 6, "'Hips' stands twice"),
        ("JOINT Spine {", "JOINT {", 6, "without a name"),
        ("OFFSET 0.0 20.5 1.0", "OFFSET 0.0 20.5", 7, "three numbers, not 2"),
        ("OFFSET 0.0 20.5 1.0", "OFFSET 0.0 tall 1.0", 7, "no number"),
        ("OFFSET 0.0 20.5 1.0", "", 13, "'Spine' has no OFFSET"),
        ("3 Yrotation Xrotation Zrotation", "3 Yrotation Xrotation", 8, "counts 3, names 2"),
        ("3 Yrotation Xrotation Zrotation", "3 Yrotation Xrotation Wrotation", 8, "Wrotation"),
        ("3 Yrotation Xrotation Zrotation", "3 Yrotation Yrotation Zrotation", 8, "stands twice"),
        ("End Site", "Site", 9, "unknown word 'Site'"),
        ("Frames: 3", "Frames: 4", 44, "3 frames follow, not 4"),
        ("Frames: 3", "Frames: no", 44, "no number of frames"),
        ("Frame Time: 0.0333333", "Frame Time: 0", 45, "cannot last"),
        ("11 81.5", "11", 47, "20 numbers for 21 channels"),
        ("11 81.5", "11 nan", 47, "not finite"),
        ("MOTION", "}\nMOTION", 43, "closes nothing"),
        ("}\nMOTION", "MOTION", 42, "before the hierarchy is complete"),
        ("MOTION", "JOINT Other\n{\n}\nMOTION", 43, "hangs on no joint"),
    ],
)
def test_faults_are_one_line(tmp_path, old, new, line, says):
    path = tmp_path / "broken.bvh"
    path.write_text(TEXT.replace(old, new, 1))
    with pytest.raises(DataError) as caught:
        read_motion(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: ") and says in message and "\n" not in message


def test_other_faults(tmp_path):
    path = tmp_path / "broken.bvh"
    for content, says in [
        (b"", "begins with HIERARCHY"),
        (TEXT.encode()[: TEXT.index("JOINT LeftHip")], "ends before MOTION"),
        (b"HIERARCHY\nROOT \xff\xfe", ":2: not a text file"),
        (TEXT.split("Frames")[0].encode(), "'Frames: NUMBER' was expected"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=says):
            read_bvh(path)
    with pytest.raises(DataError, match="cannot be read"):
        read_bvh(tmp_path / "none.bvh")
    with pytest.raises(DataError, match="no motion file by its name"):
        read_motion(tmp_path / "clip.fbx")


def test_position_channels_of_all_joints(tmp_path):
    """Some programs write each joint's place in every frame; it has to be the same in all."""
    path = tmp_path / "all.bvh"
    text = TEXT.replace(
        "\t\tCHANNELS 3 Yrotation Xrotation Zrotation",
        "\t\tCHANNELS 6 Xposition Yposition Zposition Yrotation Xrotation Zrotation",
    )
    rows = text.splitlines()
    for number in (-3, -2, -1):
        words = rows[number].split()
        rows[number] = " ".join([*words[:6], "0.5", "21", "1", *words[6:]])
    path.write_text("\n".join(rows))
    motion = read_bvh(path)
    assert motion.skeleton.offsets[1].tolist() == [0.5, 21, 1]
    torch.testing.assert_close(motion.positions(), torch.from_numpy(places("\n".join(rows))))
    rows[-1] = rows[-1].replace(" 21 ", " 25 ")
    path.write_text("\n".join(rows))
    with pytest.raises(DataError, match=r":6: 'Spine' moves away from its parent"):
        read_bvh(path)
