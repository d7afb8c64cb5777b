"""DeepMimic's clips (.json): quaternions and hinge angles of its humanoid (Peng et al. 2018).

A frame is 44 numbers: seconds, the root's place and quaternion, then eight quaternions of ball
joints and four angles of hinges. The files hold no skeleton; the offsets below are those of the
humanoid that they are made for, in metres, y up, looking along x. It has no toes: the ends of its
feet are set here.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from multigan.data.files import reason
from multigan.errors import DataError
from multigan.plugins.motion.rotations import about, from_quaternion
from multigan.plugins.motion.skeleton import Motion, Skeleton

# name, parent, offset, numbers in a frame: 4 of a ball joint, 1 of a hinge, 0 of an end
_JOINTS: tuple[tuple[str, int, tuple[float, float, float], int], ...] = (
    ("root", -1, (0.0, 0.0, 0.0), 4),
    ("chest", 0, (0.0, 0.236151, 0.0), 4),
    ("neck", 1, (0.0, 0.223894, 0.0), 4),
    ("head_end", 2, (0.0, 0.28, 0.0), 0),
    ("right_hip", 0, (0.0, 0.0, 0.084887), 4),
    ("right_knee", 4, (0.0, -0.421546, 0.0), 1),
    ("right_ankle", 5, (0.0, -0.40987, 0.0), 4),
    ("right_toe_end", 6, (0.13, -0.045, 0.0), 0),
    ("right_shoulder", 1, (-0.02405, 0.2435, 0.18311), 4),
    ("right_elbow", 8, (0.0, -0.274788, 0.0), 1),
    ("right_wrist_end", 9, (0.0, -0.258947, 0.0), 0),
    ("left_hip", 0, (0.0, 0.0, -0.084887), 4),
    ("left_knee", 11, (0.0, -0.421546, 0.0), 1),
    ("left_ankle", 12, (0.0, -0.40987, 0.0), 4),
    ("left_toe_end", 13, (0.13, -0.045, 0.0), 0),
    ("left_shoulder", 1, (-0.02405, 0.2435, -0.18311), 4),
    ("left_elbow", 15, (0.0, -0.274788, 0.0), 1),
    ("left_wrist_end", 16, (0.0, -0.258947, 0.0), 0),
)
_WIDTH = 1 + 3 + sum(numbers for _, _, _, numbers in _JOINTS)


def read_deepmimic(path: Path) -> Motion:
    """Reads a clip.

    Raises:
        DataError: Damaged, of another kind, or with frames of different lengths.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        frames = torch.tensor(document["Frames"], dtype=torch.float64)
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: no list 'Frames' of numbers; not a DeepMimic clip") from error
    if frames.dim() != 2 or frames.shape[1] != _WIDTH or len(frames) < 2:
        raise DataError(f"{path}: {tuple(frames.shape)} numbers, not (frames, {_WIDTH})")
    if not bool(frames.isfinite().all()):
        raise DataError(f"{path}: numbers that are not finite")
    seconds = frames[:-1, 0]  # the last frame is followed by none
    if seconds.min() <= 0 or float(seconds.max() - seconds.min()) > 0.01 * float(seconds.mean()):
        raise DataError(f"{path}: its frames last differently long")
    rotations = torch.eye(3, dtype=torch.float64).repeat(len(frames), len(_JOINTS), 1, 1)
    column = 4
    for number, (_, _, _, width) in enumerate(_JOINTS):
        if width:
            rotations[:, number] = _turn(frames[:, column : column + width])
            column += width
    fps = 1 / float(seconds.mean())
    return Motion(_skeleton(), rotations, frames[:, 1:4], fps, source=str(path))


def _turn(numbers: Tensor) -> Tensor:
    """A quaternion, or an angle about the axis of a knee or elbow."""
    return about("Z", numbers[:, 0]) if numbers.shape[1] == 1 else from_quaternion(numbers)


def _skeleton() -> Skeleton:
    return Skeleton(
        names=tuple(name for name, _, _, _ in _JOINTS),
        parents=tuple(parent for _, parent, _, _ in _JOINTS),
        offsets=torch.tensor([offset for _, _, offset, _ in _JOINTS], dtype=torch.float64),
        orders=tuple("ZYX" if width else "" for _, _, _, width in _JOINTS),
    )
