"""What motions are measured by, without any network; places are metres, y up.

Shape suffixes: T frames, J joints.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multigan.plugins.motion.skeleton import Motion, Skeleton

LOW = 0.025  # of a leg's length, above the joint's own lowest places, in which a foot should stand
_LOWEST = 0.05  # share of the frames that are its lowest places
PERCENTILE = 0.99


def foot_skating(motions: Sequence[Motion]) -> float:
    """Mean horizontal speed of the feet while they should stand, in metres a second.

    A foot should stand in a frame where all of its joints (ankle and toe) are at most 2.5 % of a
    leg's length above the 5th percentile of their own heights in this clip, as in the frame before.
    Real clips score above zero: feet roll, swing low, and are measured with noise. Nothing is taken
    from what a generator says of its contacts.
    """
    total, count = 0.0, 0
    for motion in motions:
        places = motion.positions()
        for foot in _each_foot(motion.skeleton):
            joints = places[:, foot]
            lowest = joints[..., 1].quantile(_LOWEST, dim=0)
            low = (joints[..., 1] < lowest + LOW * motion.skeleton.leg).all(1)
            stands = low[1:] & low[:-1]
            speed = joints[..., [0, 2]].diff(dim=0).norm(dim=-1).mean(1) * motion.fps
            total += float(speed[stands].sum())
            count += int(stands.sum())
    return total / max(count, 1)


def bone_error(motions: Sequence[Motion], skeleton: Skeleton) -> float:
    """The largest difference between a distance of two joints and the length of their bone."""
    parents = list(skeleton.parents[1:])
    worst = 0.0
    for motion in motions:
        places = motion.positions()
        found = (places[:, 1:] - places[:, parents]).norm(dim=-1)
        worst = max(worst, float((found - skeleton.lengths[1:]).abs().max()))
    return worst


def velocity_jumps(motion: Motion) -> Tensor:
    """How much velocities change at each inner frame: of all joints the most, (T - 2,), m/s."""
    velocity = motion.positions().diff(dim=0) * motion.fps
    return velocity.diff(dim=0).norm(dim=-1).amax(-1)


def seam_jump(motion: Motion, *, frame: int) -> float:
    """The larger jump at the last given frame and at the first generated one, which is `frame`.

    Raises:
        ValueError: there are not two frames on each side.
    """
    if not 2 <= frame <= len(motion) - 2:
        raise ValueError(f"no seam at frame {frame} of {len(motion)}: two frames on each side")
    return float(velocity_jumps(motion)[frame - 2 : frame].max())


def usual_jump(motions: Sequence[Motion]) -> float:
    """The 99th percentile of what `seam_jump` finds where nothing was joined."""
    found = []
    for motion in motions:
        jumps = velocity_jumps(motion)
        found.append(torch.maximum(jumps[1:], jumps[:-1]))
    return float(torch.cat(found).quantile(PERCENTILE))


def diversity(features_ND: Tensor, labels_N: Tensor) -> float:
    """Mean distance of two windows of the same action; 0 where no action has two."""
    distances = []
    for label in labels_N.unique():
        own = features_ND[labels_N == label].double()
        if len(own) > 1:
            distances.append(torch.nn.functional.pdist(own).mean())
    return float(torch.stack(distances).mean()) if distances else 0.0


def _each_foot(skeleton: Skeleton) -> list[list[int]]:
    """The joints of the left foot, and of the right one."""
    sides = ([j for j in skeleton.feet if skeleton.is_left(j) is left] for left in (True, False))
    return [joints for joints in sides if joints]
