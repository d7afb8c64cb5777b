"""`builtin:walker`: a procedural figure that walks, runs and jumps, with exact ground truth.

Feet follow given paths and knees are solved for (two bones in a plane), so that a standing foot
stands still to rounding. Clip number i of a seed is always the same: pace, stride, lean, arms and
direction are drawn, the rest is sines. Made by this project; no recording is behind it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from multigan.plugins.motion.rotations import about
from multigan.plugins.motion.skeleton import Motion, Skeleton

ACTIONS = ("walking", "running", "jumping")
FPS = 30.0

_THIGH, _SHIN, _ANKLE, _FOOT = 0.44, 0.43, 0.08, 0.16  # metres
_REACH = 0.985 * (_THIGH + _SHIN)  # a leg is never quite straight
# name, parent, offset, turns
_JOINTS: tuple[tuple[str, int, tuple[float, float, float], bool], ...] = (
    ("Hips", -1, (0.0, 0.0, 0.0), True),
    ("Spine", 0, (0.0, 0.12, 0.0), True),
    ("Chest", 1, (0.0, 0.2, 0.0), True),
    ("Neck", 2, (0.0, 0.2, 0.0), True),
    ("NeckEnd", 3, (0.0, 0.22, 0.03), False),
    ("LeftShoulder", 2, (0.18, 0.15, 0.0), True),
    ("LeftElbow", 5, (0.0, -0.29, 0.0), True),
    ("LeftElbowEnd", 6, (0.0, -0.3, 0.0), False),
    ("RightShoulder", 2, (-0.18, 0.15, 0.0), True),
    ("RightElbow", 8, (0.0, -0.29, 0.0), True),
    ("RightElbowEnd", 9, (0.0, -0.3, 0.0), False),
    ("LeftHip", 0, (0.1, 0.0, 0.0), True),
    ("LeftKnee", 11, (0.0, -_THIGH, 0.0), True),
    ("LeftAnkle", 12, (0.0, -_SHIN, 0.0), True),
    ("LeftToe", 13, (0.0, -_ANKLE + 0.02, _FOOT), True),
    ("LeftToeEnd", 14, (0.0, 0.0, 0.06), False),
    ("RightHip", 0, (-0.1, 0.0, 0.0), True),
    ("RightKnee", 16, (0.0, -_THIGH, 0.0), True),
    ("RightAnkle", 17, (0.0, -_SHIN, 0.0), True),
    ("RightToe", 18, (0.0, -_ANKLE + 0.02, _FOOT), True),
    ("RightToeEnd", 19, (0.0, 0.0, 0.06), False),
)
SKELETON = Skeleton(
    names=tuple(name for name, _, _, _ in _JOINTS),
    parents=tuple(parent for _, parent, _, _ in _JOINTS),
    offsets=torch.tensor([offset for _, _, offset, _ in _JOINTS], dtype=torch.float64),
    orders=tuple("ZYX" if turns else "" for _, _, _, turns in _JOINTS),
)


def walker_clip(index: int, *, seed: int = 0, frames: int = 150) -> Motion:
    """One clip; the actions take turns.

    Args:
        index: which.
        seed: of the whole set.
        frames: at 30 a second.
    """
    random = np.random.default_rng((seed, index))
    action = ACTIONS[index % len(ACTIONS)]
    seconds = torch.arange(frames, dtype=torch.float64) / FPS + random.uniform(0, 10)
    body = _jumping(seconds, random) if action == "jumping" else _gait(seconds, random, action)
    return _motion(body, heading=random.uniform(-math.pi, math.pi), action=action)


Path = tuple[Tensor, Tensor, Tensor]  # of a foot, all (T,): ankle's height, its place ahead, pitch


class _Body:
    """What a frame is made of; angles in radians, forward is negative about x."""

    def __init__(self, height: Tensor, ahead: Tensor) -> None:
        self.height, self.ahead = height, ahead
        self.feet: list[Path] = []
        self.shoulders: list[Tensor] = []
        self.elbows: list[Tensor] = []
        self.lean = torch.zeros_like(height)
        self.twist = torch.zeros_like(height)


def _gait(seconds: Tensor, random: np.random.Generator, action: str) -> _Body:
    running = action == "running"
    pace = random.uniform(2.3, 3.3) if running else random.uniform(0.9, 1.6)  # metres a second
    rate = 1.15 + 0.1 * pace if running else 0.55 + 0.3 * pace  # double steps a second
    duty = 0.34 if running else 0.62  # share of a step in which the foot stands
    clearance = random.uniform(0.22, 0.32) if running else random.uniform(0.06, 0.12)
    stance = pace * duty / rate
    bob = 0.03 if running else 0.015
    # Feet are reached at both ends of a stance, with the hips at their highest.
    base = _ANKLE + math.sqrt(_REACH**2 - (stance / 2) ** 2) - bob
    phase = rate * seconds
    high = 2 * math.pi * (2 * phase - duty)  # lowest in the middle of each stance, if running
    body = _Body(base + bob * torch.cos(high + (math.pi if running else 0)), pace * seconds)
    for side in (0.0, 0.5):
        share = (phase + side) % 1.0
        body.feet.append(_step(share, duty, stance, clearance, body.ahead, rate))
        swing = torch.sin(2 * math.pi * (share - duty / 2 + 0.25))
        reach = random.uniform(0.5, 0.8) if running else random.uniform(0.3, 0.55)
        body.shoulders.append(reach * swing)  # back when its own leg is ahead
        bend = 1.5 if running else 0.3
        body.elbows.append(-(bend + 0.25 * bend * swing.neg()))
    body.lean += random.uniform(0.1, 0.25) if running else random.uniform(0.0, 0.08)
    body.twist += random.uniform(0.05, 0.15) * torch.sin(2 * math.pi * (phase - duty / 2 + 0.25))
    return body


def _step(
    share: Tensor, duty: float, stance: float, clearance: float, ahead: Tensor, rate: float
) -> Path:
    """A foot that stands for `duty` of each step, and swings to the next place without a jerk."""
    swung = ((share - duty) / (1 - duty)).clamp(0, 1)
    slope = -stance / duty * (1 - duty)  # the ground's speed under the body, for the swing's time
    a, b = -stance / 2, stance / 2
    u = swung
    swing = (
        (2 * u**3 - 3 * u**2 + 1) * a + (u**3 - 2 * u**2 + u) * slope
        + (-2 * u**3 + 3 * u**2) * b + (u**3 - u**2) * slope
    )  # fmt: skip
    standing = share < duty
    place = torch.where(standing, b - stance * share / duty, swing)
    lift = torch.sin(math.pi * u).square() * (~standing)
    # The toes hang at first and are up at the end, but never below the ground.
    hanging = torch.asin((0.9 * clearance * lift / _FOOT).clamp(max=0.9))
    pitch = hanging * torch.cos(math.pi * u)
    return _ANKLE + clearance * lift, ahead + place, pitch


def _jumping(seconds: Tensor, random: np.random.Generator) -> _Body:
    period = random.uniform(1.5, 2.0)
    flight, depth = random.uniform(0.35, 0.5), random.uniform(0.18, 0.3)
    distance = random.uniform(0.0, 0.6)
    share, count = (seconds / period) % 1.0, torch.floor(seconds / period)
    off, on = 0.45, 0.45 + flight / period  # of a period: where it leaves the ground and lands
    rest = _ANKLE + 0.96 * (_THIGH + _SHIN)
    down = depth * (_bump(share, 0.05, off) + 0.7 * _bump(share, on, on + 0.25))
    flown = ((share - off) / (on - off)).clamp(0, 1)
    arc = 4 * flown * (1 - flown)
    rise = 9.81 * flight**2 / 8
    travelled = distance * (count + flown * flown * (3 - 2 * flown))
    body = _Body(rest - down + rise * arc, travelled)
    tuck = 0.12 * torch.sin(math.pi * flown).square()
    foot = (_ANKLE + (rise * arc + tuck) * (arc > 0), travelled, 0.5 * arc)
    body.feet = [foot, foot]
    swing = 0.9 * _bump(share, 0.05, off) - 2.2 * _bump(share, off - 0.1, on + 0.1)
    body.shoulders = [swing, swing]
    body.elbows = [-(0.3 + 0.4 * down / depth)] * 2
    body.lean = 0.9 * down / depth * 0.6
    return body


def _bump(share: Tensor, start: float, end: float) -> Tensor:
    """0, up to 1 and back to 0 between two moments."""
    inside = ((share - start) / (end - start)).clamp(0, 1)
    return torch.sin(math.pi * inside).square()


def _motion(body: _Body, *, heading: float, action: str) -> Motion:
    frames = len(body.height)
    rotations = torch.eye(3, dtype=torch.float64).repeat(frames, len(SKELETON), 1, 1)
    number = {name: joint for joint, name in enumerate(SKELETON.names)}
    turned = about("Y", torch.full((frames,), heading, dtype=torch.float64))
    rotations[:, 0] = turned
    half: Callable[[Tensor], Tensor] = lambda angle: about("X", angle / 2)  # noqa: E731
    rotations[:, number["Spine"]] = half(body.lean) @ about("Y", body.twist)
    rotations[:, number["Chest"]] = half(body.lean)
    rotations[:, number["Neck"]] = half(-body.lean)
    for side, (height, place, pitch), shoulder, elbow in zip(
        ("Left", "Right"), body.feet, body.shoulders, body.elbows, strict=True
    ):
        thigh, knee = _solve(height - body.height, place - body.ahead)
        rotations[:, number[f"{side}Hip"]] = about("X", thigh)
        rotations[:, number[f"{side}Knee"]] = about("X", knee)
        rotations[:, number[f"{side}Ankle"]] = about("X", pitch - thigh - knee)
        rotations[:, number[f"{side}Shoulder"]] = about("X", shoulder)
        rotations[:, number[f"{side}Elbow"]] = about("X", elbow)
    still = torch.zeros_like(body.height)
    root = torch.stack([still, body.height, body.ahead - body.ahead[0]], dim=-1)
    root = (turned @ root[:, :, None]).squeeze(-1)
    return Motion(SKELETON, rotations, root, FPS, action, source="builtin:walker")


def _solve(up: Tensor, ahead: Tensor) -> tuple[Tensor, Tensor]:
    """Turns of thigh and knee that put the ankle at a place seen from the hip."""
    distance = torch.hypot(up, ahead).clamp(max=0.999 * (_THIGH + _SHIN))
    towards = torch.atan2(-ahead, -up)
    at_hip = (_THIGH**2 + distance**2 - _SHIN**2) / (2 * _THIGH * distance)
    at_knee = (_THIGH**2 + _SHIN**2 - distance**2) / (2 * _THIGH * _SHIN)
    return towards - torch.acos(at_hip.clamp(-1, 1)), math.pi - torch.acos(at_knee.clamp(-1, 1))
