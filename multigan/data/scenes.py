"""`builtin:scenes`: one small procedural world, shown as pictures, clips, labels and captions.

A scene is one to three coloured things on a plain background, each with a motion. Scene number i of
a seed is always the same, there is no end to them, and everything about them is known exactly:
`multigan.data.grammar` says whether a sentence is a caption and whether it is true of a scene.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

COLOURS = {
    "red": (214, 40, 40),
    "green": (46, 160, 67),
    "blue": (38, 84, 214),
    "yellow": (250, 213, 40),
    "orange": (247, 127, 0),
    "purple": (128, 50, 168),
    "pink": (255, 130, 180),
    "brown": (121, 72, 34),
}
BACKGROUNDS = {"white": (245, 245, 245), "black": (18, 18, 18), "grey": (150, 150, 150)}
SHAPES = ("circle", "square", "triangle", "star", "diamond", "ring", "cross", "oval")
SIZES = {"small": 0.095, "large": 0.18}  # half the width, as a share of the picture's side
ACTIONS = ("left", "right", "up", "down", "bounce", "grow", "shrink", "spin", "still")

_STEP = 0.16  # things whose centres differ by less are neither left nor right, above nor below
_TRAVEL = 0.4  # how far a moving thing goes during a clip
_ROUND = ("circle", "ring")  # nobody sees them spin


@dataclass(frozen=True)
class Thing:
    """One coloured shape.

    Attributes:
        x, y: centre, 0 to 1 from left to right and from top to bottom, at the start of a clip.
        radius: half its width as a share of the picture's side.
        action: what it does in a clip, one of `ACTIONS`; "left" moves left, and so on.
    """

    shape: str
    colour: str
    size: str
    x: float
    y: float
    radius: float
    action: str


@dataclass(frozen=True)
class Scene:
    """A background and the things on it; the first thing is the one that labels speak of."""

    things: tuple[Thing, ...]
    background: str

    @property
    def labels(self) -> dict[str, int]:
        """Class numbers of the first thing: its places in `SHAPES`, `COLOURS` and `ACTIONS`."""
        thing = self.things[0]
        return {
            "shape": SHAPES.index(thing.shape),
            "colour": list(COLOURS).index(thing.colour),
            "action": ACTIONS.index(thing.action),
        }


def scene(index: int, *, seed: int = 0, things: int | None = None) -> Scene:
    """Scene number `index` of a seed.

    Args:
        index: 0 or more, without an end.
        seed: another seed is another world.
        things: how many there are, 1 to 3; None draws it.
    """
    rng = np.random.default_rng((seed, index))
    number = int(rng.choice(3, p=(0.25, 0.45, 0.3))) + 1
    return Scene(
        things=_place([], things or number, rng), background=str(rng.choice(list(BACKGROUNDS)))
    )


def scene_index(position: int, *, split: str = "train") -> int:
    """Scene number of a position in a split: even ones train, odd ones validate."""
    offsets = {"train": 0, "validation": 1}
    if split not in offsets:
        raise ValueError(f"unknown split '{split}'; choose one of: {', '.join(offsets)}")
    return 2 * position + offsets[split]


def render(
    scene: Scene, size: int = 64, *, antialias: bool = True, time: float = 0.0
) -> np.ndarray:
    """Draw a scene.

    Args:
        scene: what to draw.
        size: side of the square picture in pixels.
        antialias: four by four samples a pixel instead of one.
        time: 0 to 1, start to end of the clip.

    Returns:
        uint8, (size, size, 3).
    """
    samples = 4 if antialias else 1
    canvas = np.empty((size, size, 3), np.float32)
    canvas[:] = BACKGROUNDS[scene.background]
    for thing in scene.things:
        _draw(canvas, thing, time, samples)
    return np.rint(canvas).astype(np.uint8)


def clip(scene: Scene, frames: int = 16, *, size: int = 64) -> np.ndarray:
    """Draw a scene in motion; the first frame is the still picture.

    Returns:
        uint8, (frames, size, size, 3).
    """
    times = np.linspace(0.0, 1.0, frames)
    return np.stack([render(scene, size, time=float(time)) for time in times])


def related(relation: str, a: Thing, b: Thing) -> bool:
    """Whether a is "left", "right", "above" or "below" of b, or "bigger" or "smaller" than b."""
    return {
        "left": b.x - a.x >= _STEP,
        "right": a.x - b.x >= _STEP,
        "above": b.y - a.y >= _STEP,
        "below": a.y - b.y >= _STEP,
        "bigger": (a.size, b.size) == ("large", "small"),
        "smaller": (a.size, b.size) == ("small", "large"),
    }[relation]


def located(place: str, thing: Thing) -> bool:
    """Whether a thing is in the "top", "bottom", "left", "right" or "middle" of the picture."""
    return {
        "left": thing.x <= 0.4,
        "right": thing.x >= 0.6,
        "top": thing.y <= 0.4,
        "bottom": thing.y >= 0.6,
        "middle": max(abs(thing.x - 0.5), abs(thing.y - 0.5)) < 0.1,
    }[place]


def _place(things: list[Thing], number: int, rng: np.random.Generator) -> tuple[Thing, ...]:
    """Add things one at a time where they overlap no other; begin again where there is no room."""
    while len(things) < number:
        for _ in range(50):
            candidate = _thing(things[-1] if things else None, rng)
            if all(_apart(candidate, other) for other in things):
                things.append(candidate)
                break
        else:
            things.clear()
    return tuple(things)


def _thing(twin: Thing | None, rng: np.random.Generator) -> Thing:
    draw = rng.random(8)  # one call: drawing numbers one by one costs most of a scene
    size = "small" if draw[0] < 0.5 else "large"
    shape = SHAPES[int(draw[1] * len(SHAPES))]
    colour = list(COLOURS)[int(draw[2] * len(COLOURS))]
    if twin is not None and draw[3] < 0.4:  # else plurals would be rare
        shape, colour, size = twin.shape, twin.colour, twin.size
    radius = SIZES[size] * (0.9 + 0.2 * draw[4])
    x, y = (radius + 0.02 + (0.96 - 2 * radius) * position for position in draw[5:7])
    actions = _possible_actions(shape, size, x, y)
    return Thing(shape, colour, size, x, y, radius, actions[int(draw[7] * len(actions))])


def _possible_actions(shape: str, size: str, x: float, y: float) -> list[str]:
    possible = {
        "left": x >= 0.55,
        "right": x <= 0.45,
        "up": y >= 0.55,
        "down": y <= 0.45,
        "bounce": y >= 0.5,
        "grow": size == "small",
        "shrink": size == "large",
        "spin": shape not in _ROUND,
        "still": True,
    }
    return [action for action in ACTIONS if possible[action]]


def _apart(a: Thing, b: Thing) -> bool:
    reach = a.radius + b.radius if "square" in (a.shape, b.shape) else 0.0  # corners stick out
    clear = max(abs(a.x - b.x), abs(a.y - b.y)) >= max(_STEP + 0.02, 0.9 * reach)
    return clear and math.hypot(a.x - b.x, a.y - b.y) > a.radius + b.radius + 0.02


def _moved(thing: Thing, time: float) -> tuple[float, float, float, float]:
    """Centre, radius and angle at a time of the clip."""
    x, y, radius, angle = thing.x, thing.y, thing.radius, 0.0
    match thing.action:
        case "left" | "right":
            x += (_TRAVEL if thing.action == "right" else -_TRAVEL) * time
        case "up" | "down":
            y += (_TRAVEL if thing.action == "down" else -_TRAVEL) * time
        case "bounce":
            y -= 0.3 * abs(math.sin(2 * math.pi * time))
        case "grow":
            radius *= 1 + 1.1 * time
        case "shrink":
            radius *= 1 - 0.6 * time
        case "spin":
            angle = math.pi * time
    return x, y, radius, angle


def _draw(canvas: np.ndarray, thing: Thing, time: float, samples: int) -> None:
    size = canvas.shape[0]
    x, y, radius, angle = _moved(thing, time)
    reach = radius * 1.45  # a turning square's corners stick out
    left, right = (
        min(max(int(edge * size), 0), size) for edge in (x - reach, x + reach + 1 / size)
    )
    top, bottom = (
        min(max(int(edge * size), 0), size) for edge in (y - reach, y + reach + 1 / size)
    )
    if left >= right or top >= bottom:
        return
    across = (np.arange(left * samples, right * samples, dtype=np.float32) + 0.5) / (samples * size)
    along = (np.arange(top * samples, bottom * samples, dtype=np.float32) + 0.5) / (samples * size)
    u, v = np.meshgrid((across - x) / radius, (along - y) / radius)
    if angle:
        cosine, sine = math.cos(angle), math.sin(angle)
        u, v = cosine * u + sine * v, cosine * v - sine * u
    inside = _inside(thing.shape, u, v).astype(np.float32)
    cover = inside.reshape(bottom - top, samples, right - left, samples).mean((1, 3))[:, :, None]
    patch = canvas[top:bottom, left:right]
    patch += cover * (np.array(COLOURS[thing.colour], np.float32) - patch)


def _inside(shape: str, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Which points, in units of the radius with v downwards, a shape covers."""
    match shape:
        case "circle":
            return u * u + v * v <= 1
        case "ring":
            return np.abs(u * u + v * v - 0.65) <= 0.35
        case "oval":
            return u * u + (v / 0.6) ** 2 <= 1
        case "square":
            return np.maximum(np.abs(u), np.abs(v)) <= 0.87
        case "diamond":
            return np.abs(u) / 0.7 + np.abs(v) <= 1
        case "cross":
            return (np.minimum(np.abs(u), np.abs(v)) <= 0.3) & (
                np.maximum(np.abs(u), np.abs(v)) <= 0.95
            )
        case "triangle":
            return (v <= 0.75) & (np.abs(u) <= (v + 0.95) * 0.58)
        case "star":
            wedge = 2 * math.pi / 5
            turn = np.abs(
                (np.arctan2(u, -v) + wedge / 2) % wedge - wedge / 2
            )  # from the nearest point
            inner = 0.42  # where two points of the star meet
            across, along = inner * math.sin(wedge / 2), 1 - inner * math.cos(wedge / 2)
            distance = np.hypot(u, v)
            return distance * (np.sin(turn) * along + np.cos(turn) * across) <= across
    raise ValueError(f"unknown shape '{shape}'")
