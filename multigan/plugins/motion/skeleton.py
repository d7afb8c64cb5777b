"""What a motion is: a tree of joints with bones of fixed length, and how it is turned over time.

Shape suffixes: T frames, J joints. Positions are (T, J, 3); rotations are matrices (T, J, 3, 3) of
each joint in the frame of its parent, the root's in the world.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from multigan.errors import DataError

_SIDES = (
    re.compile(r"(?i)^(?P<head>.*?)(?P<side>left|right)(?P<tail>.*)$"),
    re.compile(r"^(?P<head>(?:.*[ _.:-])?)(?P<side>[lrLR])(?P<tail>(?:[ _.-].*|[A-Z]?[a-z]+.*)?)$"),
    re.compile(r"^(?P<head>.*[ _.-])(?P<side>[lrLR])(?P<tail>)$"),
)
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}
_FOOT = re.compile(r"(?i)foot|ankle|toe")
_HIP = re.compile(r"(?i)hip|thigh|upleg|upperleg|femur")


@dataclass(frozen=True, eq=False)
class Skeleton:
    """A tree of joints.

    Attributes:
        names: of the joints, each different; a parent comes before its children.
        parents: number of the joint that each one hangs on; -1 for the root, which is first.
        offsets: float64 (J, 3), where a joint sits in the frame of its parent.
        orders: Euler order of each joint's channels in files, such as "ZXY"; "" for the end of a
            bone, which does not turn.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: Tensor
    orders: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def lengths(self) -> Tensor:
        """Of the bones to each joint from its parent, (J,); the root has none."""
        lengths = self.offsets.norm(dim=-1)
        lengths[0] = 0.0
        return lengths

    @cached_property
    def partners(self) -> tuple[int, ...]:
        """For each joint the one on the other side of the body; itself where there is none."""
        numbers = {name.lower(): number for number, name in enumerate(self.names)}
        partners = []
        for number, name in enumerate(self.names):
            other = _other_side(name, numbers)
            partners.append(number if other is None else other)
        return tuple(p if partners[p] == n else n for n, p in enumerate(partners))

    @cached_property
    def feet(self) -> tuple[int, ...]:
        """Ankles and toes, in the order of the joints; ends of bones do not count.

        Raises:
            DataError: The names of the joints tell of no feet.
        """
        found = tuple(
            number
            for number, name in enumerate(self.names)
            if self.orders[number] and _FOOT.search(name) and self.partners[number] != number
        )
        if not found:
            raise DataError(
                f"no feet among the joints {', '.join(self.names[:6])} ...; joints are known by "
                "their names, such as LeftFoot and RightToe"
            )
        return found

    @cached_property
    def hips(self) -> tuple[int, int]:
        """Left and right: the first joints on the sides that are called hip, thigh or so.

        Raises:
            DataError: There are none.
        """
        for number, name in enumerate(self.names):
            other = self.partners[number]
            moved = self.offsets[number].norm() > 0
            if other != number and moved and (_HIP.search(name) or other in self._leg_tops):
                return (number, other) if self.is_left(number) else (other, number)
        raise DataError(
            f"no hips among the joints {', '.join(self.names[:6])} ...; joints are known by their "
            "names, such as LeftUpLeg and RightUpLeg"
        )

    @cached_property
    def leg(self) -> float:
        """Length of the bones from the root to a foot."""
        length, joint = 0.0, self.feet[-1]
        while joint > 0:
            length += float(self.lengths[joint])
            joint = self.parents[joint]
        return length

    def is_left(self, joint: int) -> bool:
        """Whether a joint is on the left side, by its name."""
        if self.partners[joint] == joint:
            return False
        return any(
            found["side"].lower().startswith("l")
            for pattern in _SIDES
            if (found := pattern.match(self.names[joint]))
        )

    @cached_property
    def _leg_tops(self) -> tuple[int, ...]:
        """Below the root, the joints that lead to the feet."""
        tops = []
        for joint in self.feet:
            while self.parents[joint] > 0:
                joint = self.parents[joint]
            tops.append(joint)
        return tuple(tops)

    @cached_property
    def levels(self) -> tuple[tuple[list[int], list[int]], ...]:
        """(joints, their parents) at each distance from the root, so that they turn together."""
        depth = [0] * len(self)
        for joint in range(1, len(self)):
            depth[joint] = depth[self.parents[joint]] + 1
        levels = []
        for distance in range(1, max(depth) + 1):
            joints = [j for j, d in enumerate(depth) if d == distance]
            levels.append((joints, [self.parents[j] for j in joints]))
        return tuple(levels)

    def facts(self) -> dict[str, Any]:
        """For JSON; `of` reads it."""
        return {
            "names": list(self.names),
            "parents": list(self.parents),
            "offsets": self.offsets.tolist(),
            "orders": list(self.orders),
        }

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Skeleton:
        """From what `facts` wrote.

        Raises:
            ValueError: It is no skeleton.
        """
        names, parents = tuple(map(str, facts["names"])), tuple(map(int, facts["parents"]))
        offsets = torch.tensor(facts["offsets"], dtype=torch.float64)
        orders = tuple(map(str, facts["orders"]))
        count = len(names)
        if (
            offsets.shape != (count, 3)
            or len(parents) != count
            or len(orders) != count
            or not count
        ):
            raise ValueError("names, parents, offsets and orders of different lengths")
        if parents[0] != -1 or any(not 0 <= p < n for n, p in enumerate(parents) if n):
            raise ValueError("a joint before its parent")
        return cls(names, parents, offsets, orders)


@dataclass(frozen=True, eq=False)
class Motion:
    """A skeleton in motion.

    Attributes:
        skeleton: whose.
        rotations: float64 (T, J, 3, 3), local.
        root: float64 (T, 3), where the root is.
        fps: frames a second.
        action: what it shows, if that is known.
        source: the file, for messages.
    """

    skeleton: Skeleton
    rotations: Tensor
    root: Tensor
    fps: float
    action: str = ""
    source: str = ""

    def __len__(self) -> int:
        return len(self.root)

    def cut(self, frames: slice) -> Motion:
        """Some of the frames."""
        return replace(self, rotations=self.rotations[frames], root=self.root[frames])

    def positions(self) -> Tensor:
        """(T, J, 3) in the world."""
        return forward_kinematics(self.skeleton, self.rotations, self.root)


def forward_kinematics(skeleton: Skeleton, rotations: Tensor, root: Tensor) -> Tensor:
    """Where all joints are.

    Args:
        skeleton: J joints.
        rotations: (..., J, 3, 3), local.
        root: (..., 3).

    Returns:
        (..., J, 3); the distance of a joint to its parent is that of the skeleton, whatever the
        rotations.
    """
    offsets = skeleton.offsets.to(rotations)
    turns: list[Any] = [None] * len(skeleton)
    places: list[Any] = [None] * len(skeleton)
    turns[0], places[0] = rotations[..., 0, :, :], root
    for joints, parents in skeleton.levels:
        over = torch.stack([turns[p] for p in parents], dim=-3)
        base = torch.stack([places[p] for p in parents], dim=-2)
        moved = base + (over @ offsets[joints][:, :, None]).squeeze(-1)
        turned = over @ rotations[..., joints, :, :]
        for place, joint in enumerate(joints):
            turns[joint], places[joint] = turned[..., place, :, :], moved[..., place, :]
    return torch.stack(places, dim=-2)


def same_skeleton(one: Skeleton, other: Skeleton) -> str | None:
    """Why a motion of one cannot be played on the other; None if it can."""
    if one.names == other.names and one.parents == other.parents:
        return None
    missing = sorted(set(one.names) - set(other.names))
    more = sorted(set(other.names) - set(one.names))
    if missing or more:
        parts = [f"no {missing[0]}"] if missing else []
        parts += [f"a {more[0]}"] if more else []
        return f"it has {' and '.join(parts)}, where the other differs"
    return "its joints hang together in another way"


def check_alike(motions: Sequence[Motion]) -> None:
    """Refuses motions that cannot be learnt together.

    Raises:
        DataError: They are of different skeletons.
    """
    first = motions[0]
    for motion in motions[1:]:
        why = same_skeleton(motion.skeleton, first.skeleton)
        if why is not None:
            raise DataError(
                f"{motion.source}: another skeleton than in {first.source}: {why}; one model "
                "learns one skeleton"
            )


def _other_side(name: str, numbers: dict[str, int]) -> int | None:
    for pattern in _SIDES:
        found = pattern.match(name)
        if found:
            other = _OTHER[found["side"].lower()]
            number = numbers.get(f"{found['head']}{other}{found['tail']}".lower())
            if number is not None:
                return number
    return None
