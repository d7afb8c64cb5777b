"""Motions as rows of numbers that networks like, and back; nothing in it is learnt.

A frame holds, in this order:

    6 numbers for each joint that turns   its local rotation (`rotations.to_six`); the root's is
                                          taken without the heading
    1   height of the root, in metres
    2   velocity of the root to the left and ahead, in metres a second
    1   how fast the heading turns to the left, in radians a second
    1 for each joint of the feet          1 while it stands on the ground

Where a motion begins and which way it faces is not in it. Joints that turn in no training clip are
held still. Bone lengths cannot change: positions come from rotations by forward kinematics.

Shape suffixes: B motions, T frames, F numbers of a frame, J joints, M joints that turn, C numbers
that a critic sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from multigan.plugins.motion.rotations import about, from_six, to_six
from multigan.plugins.motion.skeleton import Motion, Skeleton, forward_kinematics

CONTACT_HEIGHT = 0.05  # of a leg's length, above where the joint is when its foot stands
CONTACT_SPEED = 0.5  # leg lengths a second
_STILL = 1e-4  # deviation of a rotation's entries, over all clips, of a joint that does not turn


@dataclass(frozen=True)
class Start:
    """Where motions begin: the frame before the first one, or the first one itself.

    Attributes:
        place: (B, 2), x and z of the root.
        heading: (B,), radians from z towards x.
    """

    place: Tensor
    heading: Tensor


@dataclass(frozen=True, eq=False)
class Codec:
    """Translates between motions of one skeleton and rows of numbers.

    Attributes:
        skeleton: in metres.
        fps: frames a second.
        forward: (3,), where the body looks to, in the frame of the root.
        moving: numbers of the joints that turn.
        still: (J, 3, 3), rotations of all others.
        standing: heights of the feet's joints while they stand.
    """

    skeleton: Skeleton
    fps: float
    forward: Tensor
    moving: tuple[int, ...]
    still: Tensor
    standing: tuple[float, ...]

    @property
    def width(self) -> int:
        """F."""
        return 6 * len(self.moving) + 4 + len(self.skeleton.feet)

    @property
    def seen_width(self) -> int:
        """C."""
        return self.width + 6 * len(self.seen_joints)

    @property
    def seen_joints(self) -> tuple[int, ...]:
        """Joints that are somewhere else than their parents: others show a critic nothing."""
        lengths = self.skeleton.lengths
        return tuple(j for j in range(1, len(self.skeleton)) if float(lengths[j]) > 1e-6)

    def encode(self, motion: Motion) -> Tensor:
        """A motion in metres at our rate as (T, F), float32."""
        fps, skeleton = self.fps, self.skeleton
        heading = self.headings(motion)
        upright = about("Y", -heading)
        rotations = motion.rotations.clone()
        rotations[:, 0] = upright @ rotations[:, 0]
        step = motion.root.diff(dim=0)
        ahead = (upright[1:] @ step[:, :, None]).squeeze(-1)[:, [0, 2]]
        turned = heading.diff()
        turned = torch.atan2(turned.sin(), turned.cos())
        speed = torch.cat([ahead, turned[:, None]], dim=1) * fps
        speed = torch.cat([speed[:1], speed])  # nobody knows the first frame's
        places = forward_kinematics(skeleton, motion.rotations, motion.root)
        contacts = foot_contacts(
            places[:, list(skeleton.feet)], fps=fps, leg=skeleton.leg, standing=self.standing
        )
        six = to_six(rotations[:, list(self.moving)]).flatten(1)
        rows = [six, motion.root[:, 1:2], speed, contacts]
        return torch.cat(rows, dim=1).float()

    def decode(self, x_BTF: Tensor, start: Start | None = None) -> tuple[Tensor, Tensor]:
        """Rotations (B, T, J, 3, 3) and places of the root (B, T, 3).

        Args:
            x_BTF: of `encode`, or of a generator.
            start: where the frame before the first one was. None begins with the first one at the
                origin, looking along z; its velocities then say nothing.
        """
        frames = x_BTF.shape[1]
        rotations, height, velocity, turning = self.parts(x_BTF)
        move = torch.ones(frames, device=x_BTF.device)
        if start is None:
            move[0] = 0.0
        heading_BT = (turning * move / self.fps).cumsum(1)
        if start is not None:
            heading_BT = heading_BT + start.heading[:, None]
        sin, cos = heading_BT.sin(), heading_BT.cos()
        left, ahead = velocity.unbind(-1)
        x = ((cos * left + sin * ahead) * move / self.fps).cumsum(1)
        z = ((cos * ahead - sin * left) * move / self.fps).cumsum(1)
        if start is not None:
            x, z = x + start.place[:, :1], z + start.place[:, 1:]
        root = torch.stack([x, height, z], dim=-1)
        whole = self.still.to(rotations).repeat(*x_BTF.shape[:2], 1, 1, 1)
        whole[:, :, list(self.moving)] = rotations
        turned = about("Y", heading_BT) @ whole[:, :, 0]
        return torch.cat([turned[:, :, None], whole[:, :, 1:]], dim=2), root

    def parts(self, x_BTF: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Rotations (B, T, M, 3, 3), height, velocity (.., 2) and turning."""
        count = 6 * len(self.moving)
        rotations = from_six(x_BTF[..., :count].unflatten(-1, (-1, 6)))
        height, velocity = x_BTF[..., count], x_BTF[..., count + 1 : count + 3]
        return rotations, height, velocity, x_BTF[..., count + 3]

    def contacts(self, x_TF: Tensor) -> Tensor:
        """Whether joints of the feet stand, (..., number of them), from 0 to 1."""
        return x_TF[..., self.width - len(self.skeleton.feet) :].clamp(0, 1)

    def seen(self, x_BTF: Tensor) -> tuple[Tensor, Tensor]:
        """What a critic judges, and how fast the feet are.

        Returns:
            (B, T, C): the frames with clean rotations, where all joints are as seen from the root,
            turned to its heading, and their velocities over the ground, in the same axes; and
            (B, T, number of feet), speeds of the feet's joints in metres a second.
        """
        rotations, root = self.decode(x_BTF)
        places = forward_kinematics(self.skeleton, rotations, root)
        moved = (places[:, 1:] - places[:, :-1]) * self.fps
        moved = torch.cat([moved[:, :1], moved], dim=1)
        forward = self.forward.to(rotations)
        facing = rotations[:, :, 0] @ forward
        upright = about("Y", -torch.atan2(facing[..., 0], facing[..., 2]))
        ground = torch.stack([root[..., 0], torch.zeros_like(root[..., 1]), root[..., 2]], dim=-1)
        joints = list(self.seen_joints)
        near = (places[:, :, joints] - ground[:, :, None]) @ upright.transpose(-1, -2)
        fast = moved[:, :, joints] @ upright.transpose(-1, -2)
        count = 6 * len(self.moving)
        local = torch.cat([(upright @ rotations[:, :, 0])[:, :, None], rotations[:, :, 1:]], dim=2)
        six = to_six(local[:, :, list(self.moving)]).flatten(2)
        rows = [six, x_BTF[..., count:], near.flatten(2), fast.flatten(2)]
        return torch.cat(rows, dim=-1), moved[:, :, list(self.skeleton.feet)].norm(dim=-1)

    def motion(self, x_TF: Tensor, *, start: Start | None = None, action: str = "") -> Motion:
        """One motion, float64."""
        rotations, root = self.decode(x_TF[None].double(), start)
        return Motion(self.skeleton, rotations[0], root[0], self.fps, action)

    def headings(self, motion: Motion) -> Tensor:
        """Which way the root faces in each frame, (T,), radians from z towards x."""
        facing = motion.rotations[:, 0] @ self.forward.to(motion.rotations)
        return torch.atan2(facing[:, 0], facing[:, 2])

    def end(self, motion: Motion) -> Start:
        """Where a motion ends, for another one to go on there."""
        return Start(motion.root[-1:, [0, 2]], self.headings(motion)[-1:])

    def facts(self) -> dict[str, Any]:
        """For JSON; `of` reads it."""
        return {
            "skeleton": self.skeleton.facts(),
            "fps": self.fps,
            "forward": self.forward.tolist(),
            "moving": list(self.moving),
            "still": self.still.tolist(),
            "standing": list(self.standing),
        }

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Codec:
        """From what `facts` wrote.

        Raises:
            ValueError, KeyError, TypeError: it is none.
        """
        return cls(
            Skeleton.of(facts["skeleton"]),
            float(facts["fps"]),
            torch.tensor(facts["forward"], dtype=torch.float64),
            tuple(int(joint) for joint in facts["moving"]),
            torch.tensor(facts["still"], dtype=torch.float64),
            tuple(float(height) for height in facts["standing"]),
        )


def make_codec(motions: Sequence[Motion]) -> Codec:
    """The codec of motions of one skeleton, in metres and at one rate.

    Raises:
        DataError: the skeleton has no hips or no feet.
    """
    skeleton = motions[0].skeleton
    rotations = torch.cat([motion.rotations for motion in motions])
    spread = rotations.std(dim=0, correction=0).amax(dim=(-1, -2))
    moving = tuple(
        j for j, order in enumerate(skeleton.orders) if j == 0 or (order and spread[j] > _STILL)
    )
    left, right = skeleton.hips
    across = skeleton.offsets[left] - skeleton.offsets[right]
    up = rotations[:, 0, 1].mean(0)  # rows of a rotation: the world's y in the frame of the root
    forward = torch.linalg.cross(across, up)
    # Of each joint of the feet in turn, the height under which it is in a tenth of the frames.
    heights = torch.cat([motion.positions()[:, list(skeleton.feet), 1] for motion in motions])
    return Codec(
        skeleton, motions[0].fps, forward / forward.norm(), moving, rotations[0],
        tuple(heights.quantile(0.1, dim=0).tolist()),
    )  # fmt: skip


def foot_contacts(places: Tensor, *, fps: float, leg: float, standing: Sequence[float]) -> Tensor:
    """Which joints of the feet stand on the ground: those that are low and slow.

    Args:
        places: (T, N, 3), of the joints, y up, floor at 0.
        fps: frames a second.
        leg: length of a leg, by which heights and speeds are measured.
        standing: N heights of the joints while the foot stands.

    Returns:
        (T, N), 1 or 0.
    """
    step = places.diff(dim=0).norm(dim=-1) * fps
    # In the middle of two steps; the first and last frame have one neighbour only.
    speed = (torch.cat([step[:1], step]) + torch.cat([step, step[-1:]])) / 2
    low = places[..., 1] < torch.tensor(standing).to(places) + CONTACT_HEIGHT * leg
    return (low & (speed < CONTACT_SPEED * leg)).to(places)


def mirrored(x_TF: Tensor, codec: Codec) -> Tensor | None:
    """The motion as a mirror shows it; None where the skeleton is not symmetric."""
    skeleton, partners = codec.skeleton, codec.skeleton.partners
    axis = _mirror_axis(skeleton)
    if axis is None or all(p == n for n, p in enumerate(partners)):
        return None
    flip = torch.ones(3, dtype=x_TF.dtype)
    flip[axis] = -1.0
    over = torch.diag(flip)
    world = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=x_TF.dtype))
    rotations, height, velocity, turning = codec.parts(x_TF[None])
    number = {joint: place for place, joint in enumerate(codec.moving)}
    if any(partners[joint] not in number for joint in codec.moving):
        return None
    order = [number[partners[joint]] for joint in codec.moving]
    swapped = over @ rotations[:, :, order] @ over
    swapped[:, :, 0] = world @ rotations[:, :, 0] @ over
    feet = [skeleton.feet.index(partners[joint]) for joint in skeleton.feet]
    rows = [
        to_six(swapped).flatten(2), height[..., None],
        velocity * torch.tensor([-1.0, 1.0], dtype=x_TF.dtype), -turning[..., None],
        codec.contacts(x_TF[None])[..., feet],
    ]  # fmt: skip
    return torch.cat(rows, dim=-1)[0]


def _mirror_axis(skeleton: Skeleton) -> int | None:
    """The axis of the joints' frames that points from one side to the other, the same for all."""
    offsets, partners = skeleton.offsets, list(skeleton.partners)
    for axis in range(3):
        flip = torch.ones(3, dtype=offsets.dtype)
        flip[axis] = -1.0
        apart = (offsets[partners] * flip - offsets).norm(dim=-1)
        if float(apart.max()) < 0.1 * skeleton.leg and math.isfinite(float(apart.max())):
            return axis
    return None
