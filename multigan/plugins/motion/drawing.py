"""Stick figures: a motion as pictures, for films and for sheets of several moments.

Left limbs are red, right ones blue, the rest grey. The camera stands at the side, a little ahead,
and follows the root.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from multigan.data.media import write_image
from multigan.plugins.motion.skeleton import Motion, Skeleton

LEFT, RIGHT, MIDDLE, GROUND = (200, 60, 50), (45, 95, 190), (70, 70, 75), (205, 205, 200)
_VIEW = math.radians(62)  # from ahead of the figure towards its side
_FINE = 3  # drawn so many times larger, for smooth lines
_STEP = 0.5  # between marks on the ground, in leg lengths


def draw_frame(
    skeleton: Skeleton, places: Tensor, *, size: int = 160, facing: float = 0.0
) -> Image.Image:
    """One moment.

    Args:
        skeleton: whose.
        places: (J, 3), y up, floor at 0.
        size: side of the picture.
        facing: heading of the camera's own axes, radians from z towards x.
    """
    side = size * _FINE
    picture = Image.new("RGB", (side, side), "white")
    draw = ImageDraw.Draw(picture)
    scale = side / (2.2 * skeleton.leg)
    points = _projected(places.numpy(), facing)
    centre = points[0, 0]
    floor = side * 0.93

    def pixel(point: np.ndarray) -> tuple[float, float]:
        return side / 2 + (point[0] - centre) * scale, floor - point[1] * scale

    draw.line([(0, floor), (side, floor)], fill=GROUND, width=_FINE)
    for mark in _marks(centre, skeleton.leg):
        x, y = pixel(np.array([mark, 0.0]))
        draw.line([(x, y), (x, y + 3 * _FINE)], fill=GROUND, width=_FINE)
    width = max(_FINE, round(0.045 * skeleton.leg * scale))
    for joint in _far_first(skeleton, points):
        parent = skeleton.parents[joint]
        if parent >= 0:
            ends = [pixel(points[parent]), pixel(points[joint])]
            draw.line(ends, fill=_colour(skeleton, joint), width=width)
            for x, y in ends:
                r = width / 2
                draw.ellipse([x - r, y - r, x + r, y + r], fill=_colour(skeleton, joint))
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def draw_film(motion: Motion, *, size: int = 160) -> list[Image.Image]:
    """All frames, from one side."""
    places = motion.positions()
    facing = _facing(places, motion.skeleton)
    return [draw_frame(motion.skeleton, frame, size=size, facing=facing) for frame in places]


def draw_sheet(
    motions: Sequence[Motion], *, moments: int = 12, size: int = 110, every: int | None = None
) -> Image.Image:
    """One row for each motion, moments from left to right.

    Args:
        motions: at least one.
        moments: in a row.
        size: side of a moment.
        every: frames between moments; None spreads them over the motion.
    """
    sheet = Image.new("RGB", (moments * size, len(motions) * size), "white")
    for row, motion in enumerate(motions):
        places = motion.positions()
        facing = _facing(places, motion.skeleton)
        chosen = np.linspace(0, len(motion) - 1, moments) if every is None else (
            np.arange(moments) * every
        )  # fmt: skip
        for column, frame in enumerate(chosen.round().astype(int)):
            if frame < len(motion):
                picture = draw_frame(motion.skeleton, places[frame], size=size, facing=facing)
                sheet.paste(picture, (column * size, row * size))
    return sheet


def write_sheet(motions: Sequence[Motion], path: Path) -> Path:
    """Writes such a sheet."""
    return write_image(np.array(draw_sheet(motions)), path)


def side_by_side(films: Sequence[Sequence[Image.Image]]) -> list[Image.Image]:
    """One film of several of the same length, in a row."""
    width, height = films[0][0].size
    frames = []
    for pictures in zip(*films, strict=True):
        frame = Image.new("RGB", (width * len(films), height), "white")
        for number, picture in enumerate(pictures):
            frame.paste(picture, (number * width, 0))
        frames.append(frame)
    return frames


def _projected(points: np.ndarray, facing: float) -> np.ndarray:
    """(N, 3): to the right, up, and away from the camera."""
    angle = facing + _VIEW
    right = np.array([math.cos(angle), 0.0, -math.sin(angle)])
    away = np.array([-math.sin(angle), 0.0, -math.cos(angle)])
    return np.stack([points @ right, points[:, 1], points @ away], axis=1)


def _facing(places: Tensor, skeleton: Skeleton) -> float:
    """Which way the hips look, on average."""
    left, right = skeleton.hips
    across = (places[:, left] - places[:, right]).mean(0)
    return math.atan2(-float(across[2]), float(across[0]))


def _marks(centre: float, leg: float) -> list[float]:
    """Places on the ground that stay where they are, so that one sees how far the figure comes."""
    step = _STEP * leg
    first = math.floor(centre / step)
    return [(first + i) * step for i in range(-3, 5)]


def _far_first(skeleton: Skeleton, points: np.ndarray) -> list[int]:
    return sorted(range(1, len(skeleton)), key=lambda joint: -points[joint, 2])


def _colour(skeleton: Skeleton, joint: int) -> tuple[int, int, int]:
    if skeleton.partners[joint] == joint:
        return MIDDLE
    return LEFT if skeleton.is_left(joint) else RIGHT
