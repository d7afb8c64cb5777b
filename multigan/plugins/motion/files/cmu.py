"""Clips of the CMU Graphics Lab Motion Capture Database as exponential maps (.npz).

The form in which papers on human dynamics pass them on: ``expmap`` (T, 117), the root's place in
the first three columns, then 38 joints of three numbers, 30 frames a second. The first frame is the
T-pose and is dropped. Their matrices act on rows; ours, which act on columns, are the transposes.

Two units meet in these files: the root moves in the database's own, an inch divided by 0.45; the
offsets are in another. With `SKELETON_SCALE` feet stand still on the ground in most clips (not in
all, since one skeleton stands for people of different legs).
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import torch

from multigan.data.files import reason
from multigan.errors import DataError
from multigan.plugins.motion.rotations import from_expmap
from multigan.plugins.motion.skeleton import Motion, Skeleton

FPS = 30.0
ROOT_SCALE = 0.0254 / 0.45  # metres for a unit of the database
SKELETON_SCALE = ROOT_SCALE / 67.5
NAMES = (
    "Hips",
    "LeftHipJoint", "LeftHip", "LeftKnee", "LeftAnkle", "LeftToe", "LeftToeEnd",
    "RightHipJoint", "RightHip", "RightKnee", "RightAnkle", "RightToe", "RightToeEnd",
    "LowerBack", "UpperBack", "Chest", "LowerNeck", "Neck", "Head", "HeadEnd",
    "LeftCollar", "LeftShoulder", "LeftElbow", "LeftWrist",
    "LeftHand", "LeftFingers", "LeftFingersEnd", "LeftThumb", "LeftThumbEnd",
    "RightCollar", "RightShoulder", "RightElbow", "RightWrist",
    "RightHand", "RightFingers", "RightFingersEnd", "RightThumb", "RightThumbEnd",
)  # fmt: skip


def read_cmu(path: Path) -> Motion:
    """Reads a clip; its skeleton lies beside it or above it as ``skeleton.json``.

    Raises:
        DataError: Damaged, of another shape, or without its skeleton.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            expmap = np.asarray(file["expmap"], dtype=np.float64)
    except KeyError as error:
        raise DataError(f"{path}: no array 'expmap' in it") from error
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: no readable .npz file ({reason(error)})") from error
    width = 3 + 3 * len(NAMES)
    if expmap.ndim != 2 or expmap.shape[1] != width:
        raise DataError(f"{path}: expmap has the shape {expmap.shape}, not (frames, {width})")
    if len(expmap) < 3:
        raise DataError(f"{path}: {len(expmap)} frames, of which the first is the T-pose")
    if not np.isfinite(expmap).all():
        raise DataError(f"{path}: numbers that are not finite")
    values = torch.from_numpy(expmap[1:])
    rotations = from_expmap(values[:, 3:].unflatten(1, (-1, 3))).transpose(-1, -2)
    return Motion(
        _skeleton(path), rotations.contiguous(), ROOT_SCALE * values[:, :3], FPS, source=str(path)
    )


def _skeleton(path: Path) -> Skeleton:
    """Of the file beside the clip or one folder above."""
    for folder in (path.parent, path.parent.parent):
        file = folder / "skeleton.json"
        if file.is_file():
            break
    else:
        raise DataError(f"{path}: no skeleton.json beside it or in the folder above")
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        parents = tuple(int(parent) for parent in document["parents"])
        offsets = torch.tensor(document["offsets"], dtype=torch.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: cannot be read ({reason(error)})") from error
    if len(parents) != len(NAMES) or offsets.shape != (len(NAMES), 3):
        raise DataError(f"{file}: {len(parents)} joints, where the set has {len(NAMES)}")
    leaves = set(range(len(parents))) - set(parents)
    orders = tuple("" if joint in leaves else "ZYX" for joint in range(len(parents)))
    return Skeleton(NAMES, parents, SKELETON_SCALE * offsets, orders)
