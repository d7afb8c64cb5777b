"""Bringing motions of any origin to one frame of reference, and back again.

There y is up, lengths are metres, the floor is at 0, and time goes in equal steps of one rate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from multigan.errors import DataError
from multigan.plugins.motion.rotations import AXES, about, between
from multigan.plugins.motion.skeleton import Motion, Skeleton

_SAME_RATE = 0.01  # 29.97 and 30 frames a second are taken for the same
_FLOOR = 0.02  # share of the frames in which a foot may be below the floor
_LEGS = (0.5, 2.0)  # metres; longer and shorter ones are in another unit


@dataclass(frozen=True, eq=False)
class Frame:
    """Where a motion comes from.

    Attributes:
        turn: float64 (3, 3), to where y is up.
        scale: metres in a unit of the file.
        floor: height of the floor, in metres.
    """

    turn: Tensor
    scale: float
    floor: float

    def enter(self, motion: Motion) -> Motion:
        """From the file's frame of reference into ours."""
        root = self.scale * (motion.root @ self.turn.T)
        root[:, 1] -= self.floor
        return _moved(motion, self.turn, self.scale, root)

    def leave(self, motion: Motion) -> Motion:
        """And back."""
        root = motion.root.clone()
        root[:, 1] += self.floor
        return _moved(motion, self.turn.T, 1 / self.scale, root @ self.turn / self.scale)


def find_frame(motion: Motion, *, up: str = "auto", scale: float = 0.0) -> Frame:
    """Finds out how a motion is to be brought into our frame of reference.

    Args:
        motion: as it was read.
        up: "x", "y" or "z"; "auto" takes the axis along which its feet are farthest from the root.
        scale: metres in a unit; 0 takes legs between half a metre and two for metres, and makes
            others one metre long.

    Raises:
        DataError: the skeleton has no feet.
    """
    skeleton = motion.skeleton
    places = motion.positions()
    feet = places[:, list(skeleton.feet)]
    if up == "auto":
        up = AXES[int((places[:, 0] - feet.mean(1)).mean(0).abs().argmax())]
    quarter = torch.tensor(torch.pi / 2, dtype=torch.float64)
    turns = {"X": about("Z", quarter), "Y": torch.eye(3).double(), "Z": about("X", -quarter)}
    turn = turns[up.upper()].round()  # quarter turns are exact
    if scale == 0.0:
        scale = 1.0 if _LEGS[0] <= skeleton.leg <= _LEGS[1] else 1 / skeleton.leg
    lowest = scale * (feet @ turn.T)[..., 1].amin(1)
    return Frame(turn, scale, float(lowest.quantile(_FLOOR)))


def resample(motion: Motion, *, fps: float) -> Motion:
    """The motion at another rate: rotations on shortest ways, the root on straight lines.

    Raises:
        DataError: fewer than two frames would be left.
    """
    if abs(motion.fps - fps) <= _SAME_RATE * fps:
        frames = len(motion)
        rotations, root = motion.rotations, motion.root
    else:
        frames = int((len(motion) - 1) * fps / motion.fps + 1e-6) + 1
        times = torch.arange(frames, dtype=torch.float64) * (motion.fps / fps)
        before = times.long().clamp(max=max(len(motion) - 2, 0))
        after = (before + 1).clamp(max=len(motion) - 1)
        share = times - before
        root = torch.lerp(motion.root[before], motion.root[after], share[:, None])
        rotations = between(motion.rotations[before], motion.rotations[after], share=share[:, None])
    if frames < 2:
        raise DataError(f"{motion.source}: {frames} frame at {fps:g} a second; no motion in it")
    return replace(motion, rotations=rotations, root=root, fps=fps)


def _moved(motion: Motion, turn: Tensor, scale: float, root: Tensor) -> Motion:
    skeleton = motion.skeleton
    resized = Skeleton(skeleton.names, skeleton.parents, scale * skeleton.offsets, skeleton.orders)
    rotations = motion.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    return replace(motion, skeleton=resized, rotations=rotations, root=root)
