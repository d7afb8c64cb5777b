"""Biovision hierarchies (.bvh): any skeleton, and any Euler order at any joint.

What the format leaves open is settled as most programs do: a joint's position channels replace its
OFFSET; an End Site is the end of the bone of the joint above it, and is called after it.

Writing is stable: what was written reads back to the same rotations, and is written again byte by
byte. Angles go on from frame to frame without jumps, beyond half turns if need be, so that they can
be edited as curves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from multigan.data.files import reason, write_atomic
from multigan.errors import DataError
from multigan.plugins.motion.rotations import AXES, from_euler, to_euler
from multigan.plugins.motion.skeleton import Motion, Skeleton

_POSITIONS = tuple(f"{axis}position" for axis in AXES)
_ROTATIONS = tuple(f"{axis}rotation" for axis in AXES)
_STRETCH = 1e-3  # of a bone, as a share of its length, that is taken for rounding


def read_bvh(path: Path) -> Motion:
    """Reads a BVH file.

    Raises:
        DataError: It cannot be read; the line says where it is wrong: ``walk.bvh:12: ...``.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({reason(error)})") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not a text file") from error
    lines = _Lines(path, text)
    joints = _read_hierarchy(lines)
    values, fps = _read_frames(lines, sum(len(joint.channels) for joint in joints))
    return _motion(path, joints, values, fps)


def write_bvh(motion: Motion, path: Path) -> Path:
    """Writes a BVH file, complete or not at all.

    Raises:
        DataError: It cannot be written.
    """
    write_atomic(path, bvh_text(motion).encode())
    return path


def bvh_text(motion: Motion) -> str:
    """The content of a BVH file."""
    skeleton = motion.skeleton
    children: list[list[int]] = [[] for _ in skeleton.names]
    for joint, parent in enumerate(skeleton.parents[1:], start=1):
        children[parent].append(joint)
    lines, order = ["HIERARCHY"], []
    left: list[tuple[int, int] | str] = [(0, 0)]
    while left:
        item = left.pop()
        if isinstance(item, str):
            lines.append(item)
            continue
        joint, depth = item
        tab = "\t" * depth
        euler = skeleton.orders[joint]
        head = "ROOT" if joint == 0 else "JOINT"
        lines += [f"{tab}{head} {skeleton.names[joint]}" if euler else f"{tab}End Site", f"{tab}{{"]
        lines.append(f"{tab}\tOFFSET {_row(skeleton.offsets[joint].tolist())}")
        if euler:
            order.append(joint)
            channels = [*(_POSITIONS if joint == 0 else ()), *(f"{a}rotation" for a in euler)]
            lines.append(f"{tab}\tCHANNELS {len(channels)} {' '.join(channels)}")
        left.append(f"{tab}}}")
        left += [(child, depth + 1) for child in reversed(children[joint])]
    lines += ["MOTION", f"Frames: {len(motion)}", f"Frame Time: {1 / motion.fps:.8f}"]
    columns = [motion.root.double().numpy()]
    for joint in order:
        matrices = motion.rotations[:, joint].double()
        angles = to_euler(matrices, order=skeleton.orders[joint]).rad2deg().numpy()
        columns.append(_continued(angles))
    table = np.round(np.concatenate(columns, axis=1), 6) + 0.0  # without -0
    lines += [_row(row) for row in table.tolist()]
    return "\n".join(lines) + "\n"


@dataclass
class _Joint:
    name: str
    parent: int
    line: int
    offset: list[float] = field(default_factory=list)
    channels: list[str] = field(default_factory=list)
    ends: bool = False


class _Lines:
    """The words of a file, line by line, with what to say when they are wrong."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.rows = text.replace("{", " { ").replace("}", " } ").splitlines()
        self.number = 0

    def __iter__(self) -> Iterator[list[str]]:
        while self.number < len(self.rows):
            self.number += 1
            if words := self.rows[self.number - 1].split():
                yield words

    def wrong(self, what: str, *, line: int | None = None) -> DataError:
        return DataError(f"{self.path}:{line or self.number}: {what}")

    def floats(self, words: list[str], what: str) -> list[float]:
        try:
            numbers = [float(word) for word in words]
        except ValueError:
            raise self.wrong(f"{what}: a word that is no number") from None
        if not all(map(math.isfinite, numbers)):
            raise self.wrong(f"{what}: a number that is not finite")
        return numbers


def _read_hierarchy(lines: _Lines) -> list[_Joint]:
    joints: list[_Joint] = []
    open_joints: list[int] = []
    named: _Joint | None = None  # a joint whose brace has not come yet
    rows = iter(lines)
    if next(rows, [""])[0].upper() != "HIERARCHY":
        raise lines.wrong("a BVH file begins with HIERARCHY", line=1)
    for words in rows:
        while words:
            key = words[0].upper()
            if (key == "{") != (named is not None):
                raise lines.wrong(f"'{words[0]}' where {'{' if named else 'a joint'} was expected")
            if key == "{" and named is not None:
                joints.append(named)
                open_joints.append(len(joints) - 1)
                named, words = None, words[1:]
                continue
            if key == "}":
                if not open_joints:
                    raise lines.wrong("} closes nothing")
                _check(lines, joints[open_joints.pop()])
                words = words[1:]
                continue
            if key == "MOTION":
                if open_joints or not joints:
                    raise lines.wrong("MOTION before the hierarchy is complete")
                return joints
            brace = words.index("{") if "{" in words else len(words)
            line, words = words[:brace], words[brace:]
            if key in ("ROOT", "JOINT", "END"):
                named = _named(lines, joints, open_joints, line)
                continue
            if "}" in line:
                cut = line.index("}")
                line, words = line[:cut], line[cut:] + words
            if not open_joints:
                raise lines.wrong(f"'{line[0]}' outside of a joint")
            _describe(lines, joints[open_joints[-1]], line)
    raise lines.wrong("the file ends before MOTION")


def _named(lines: _Lines, joints: list[_Joint], open_joints: list[int], words: list[str]) -> _Joint:
    """A joint that begins."""
    key, name = words[0].upper(), " ".join(words[1:])
    if (key == "ROOT") != (not joints):
        raise lines.wrong("one ROOT is the first joint, and no other is")
    if joints and not open_joints:
        raise lines.wrong(f"'{name}' hangs on no joint")
    parent = open_joints[-1] if open_joints else -1
    if parent >= 0 and joints[parent].ends:
        raise lines.wrong(f"'{name}' hangs on an End Site")
    known = {joint.name for joint in joints}
    if key == "END":
        name = f"{joints[parent].name}End"
        while name in known:
            name += "End"
        return _Joint(name, parent, lines.number, ends=True)
    if not name:
        raise lines.wrong("a joint without a name")
    if name in known:
        raise lines.wrong(f"the joint '{name}' stands twice")
    return _Joint(name, parent, lines.number)


def _describe(lines: _Lines, joint: _Joint, words: list[str]) -> None:
    """OFFSET or CHANNELS of a joint."""
    key = words[0].upper()
    if key == "OFFSET":
        joint.offset = lines.floats(words[1:], "OFFSET")
        if len(joint.offset) != 3:
            raise lines.wrong(f"OFFSET has three numbers, not {len(joint.offset)}")
    elif key == "CHANNELS":
        if joint.ends:
            raise lines.wrong("an End Site has no channels")
        known = {name.lower(): name for name in (*_POSITIONS, *_ROTATIONS)}
        for word in words[2:]:
            if word.lower() not in known:
                raise lines.wrong(f"unknown channel '{word}'")
        joint.channels = [known[word.lower()] for word in words[2:]]
        if len(set(joint.channels)) < len(joint.channels):
            raise lines.wrong("a channel stands twice")
        if words[1:2] != [str(len(joint.channels))]:
            raise lines.wrong(f"CHANNELS counts {' '.join(words[1:2])}, names {len(words) - 2}")
    else:
        raise lines.wrong(f"unknown word '{words[0]}'")


def _check(lines: _Lines, joint: _Joint) -> None:
    if not joint.offset:
        raise lines.wrong(f"'{joint.name}' has no OFFSET")


def _read_frames(lines: _Lines, channels: int) -> tuple[np.ndarray, float]:
    """Values (T, channels) and frames a second."""
    rows = iter(lines)
    count_words = next(rows, [])
    if not (len(count_words) == 2 and count_words[0].lower() == "frames:"):
        raise lines.wrong("'Frames: NUMBER' was expected")
    counted_at = lines.number
    if not count_words[1].isdigit() or int(count_words[1]) == 0:
        raise lines.wrong(f"'{count_words[1]}' is no number of frames")
    time_words = next(rows, [])
    if not (len(time_words) == 3 and [w.lower() for w in time_words[:2]] == ["frame", "time:"]):
        raise lines.wrong("'Frame Time: SECONDS' was expected")
    seconds = lines.floats(time_words[2:], "Frame Time")[0]
    if seconds <= 0:
        raise lines.wrong(f"a frame cannot last {seconds} s")
    values: list[list[float]] = []
    for words in rows:
        if len(words) != channels:
            raise lines.wrong(f"{len(words)} numbers for {channels} channels")
        values.append(lines.floats(words, f"frame {len(values) + 1}"))
    if len(values) != int(count_words[1]):
        raise lines.wrong(f"{len(values)} frames follow, not {count_words[1]}", line=counted_at)
    return np.array(values, dtype=np.float64), 1 / seconds


def _motion(path: Path, joints: list[_Joint], values: np.ndarray, fps: float) -> Motion:
    frames = len(values)
    rotations = torch.eye(3, dtype=torch.float64).repeat(frames, len(joints), 1, 1)
    root = torch.tensor(joints[0].offset, dtype=torch.float64).repeat(frames, 1)
    orders, column = [], 0
    for number, joint in enumerate(joints):
        own = torch.from_numpy(values[:, column : column + len(joint.channels)])
        column += len(joint.channels)
        order = "".join(channel[0] for channel in joint.channels if channel in _ROTATIONS)
        for place, channel in enumerate(joint.channels):
            if channel in _POSITIONS:
                axis = AXES.index(channel[0])
                if number == 0:
                    root[:, axis] = own[:, place]
                else:
                    _set_offset(path, joint, axis, own[:, place])
        turns = [place for place, channel in enumerate(joint.channels) if channel in _ROTATIONS]
        full = order + "".join(axis for axis in AXES if axis not in order)
        orders.append("" if joint.ends else full)
        if turns:
            angles = torch.zeros(frames, 3, dtype=torch.float64)
            angles[:, : len(turns)] = own[:, turns].deg2rad()
            rotations[:, number] = from_euler(angles, order=full)
    skeleton = Skeleton(
        names=tuple(joint.name for joint in joints),
        parents=tuple(joint.parent for joint in joints),
        offsets=torch.tensor([joint.offset for joint in joints], dtype=torch.float64),
        orders=tuple(orders),
    )
    return Motion(skeleton, rotations, root, fps, source=str(path))


def _set_offset(path: Path, joint: _Joint, axis: int, places: torch.Tensor) -> None:
    """Where every joint has position channels, most programs write its offset over and over."""
    length = math.hypot(*joint.offset)
    if float(places.max() - places.min()) > _STRETCH * max(length, 1e-6):
        raise DataError(
            f"{path}:{joint.line}: '{joint.name}' moves away from its parent; bones of changing "
            "length cannot be learnt"
        )
    joint.offset[axis] = float(places[0])


def _continued(angles: np.ndarray) -> np.ndarray:
    """Degrees (T, 3) with the nearest of the two ways to write a rotation, and of all turns."""
    out = angles.copy()
    for frame in range(1, len(out)):
        before, (first, middle, last) = out[frame - 1], angles[frame]
        ways = np.array([[first, middle, last], [first + 180, 180 - middle, last + 180]])
        ways += 360 * np.round((before - ways) / 360)
        out[frame] = ways[np.abs(ways - before).sum(1).argmin()]
    return out


def _row(numbers: list[float]) -> str:
    return " ".join(f"{number + 0.0:.6f}" for number in numbers)
