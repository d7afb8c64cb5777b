"""The world of builtin:scenes: what is drawn is what the scene says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from multigan.data.scenes import (
    ACTIONS,
    BACKGROUNDS,
    COLOURS,
    SHAPES,
    Scene,
    Thing,
    clip,
    related,
    render,
    scene,
    scene_index,
)

THING = Thing("circle", "red", "large", 0.5, 0.5, 0.2, "still")


def alone(**changes) -> Scene:
    return Scene((replace(THING, **changes),), "white")


def mask(picture: np.ndarray, colour: str = "red") -> np.ndarray:
    return np.abs(picture.astype(int) - COLOURS[colour]).sum(-1) < 60


def centre(picture: np.ndarray, colour: str = "red") -> tuple[float, float]:
    y, x = np.nonzero(mask(picture, colour))
    return (x.mean() + 0.5) / picture.shape[1], (y.mean() + 0.5) / picture.shape[0]


def test_a_scene_depends_on_its_index_and_seed_alone():
    assert scene(7) == scene(7) != scene(8)
    assert scene(7) != scene(7, seed=1)
    assert np.array_equal(render(scene(7)), render(scene(7)))


def test_splits_share_no_scene():
    train = {scene_index(i) for i in range(500)}
    assert not train & {scene_index(i, split="validation") for i in range(500)}
    with pytest.raises(ValueError, match="train"):
        scene_index(0, split="text")


def test_the_world_has_everything_and_nothing_overlaps_or_leaves():
    scenes = [scene(i) for i in range(1500)]
    things = [thing for each in scenes for thing in each.things]
    assert {t.shape for t in things} == set(SHAPES)
    assert {t.colour for t in things} == set(COLOURS)
    assert {t.action for t in things} == set(ACTIONS)
    assert {each.background for each in scenes} == set(BACKGROUNDS)
    assert {len(each.things) for each in scenes} == {1, 2, 3}
    assert all(t.radius < min(t.x, t.y, 1 - t.x, 1 - t.y) for t in things)
    for each in scenes:
        for a in each.things:
            for b in each.things:
                if a is not b:
                    assert np.hypot(a.x - b.x, a.y - b.y) > a.radius + b.radius
                    assert any(related(r, a, b) for r in ("left", "right", "above", "below"))


def test_a_number_of_things_can_be_asked_for():
    assert {len(scene(i, things=1).things) for i in range(50)} == {1}
    assert {len(scene(i, things=3).things) for i in range(50)} == {3}


@pytest.mark.parametrize("size", [16, 33, 64, 200])
def test_pictures_have_any_size_and_the_colours_of_the_scene(size):
    picture = render(alone(), size)
    assert picture.shape == (size, size, 3) and picture.dtype == np.uint8
    assert tuple(picture[0, 0]) == BACKGROUNDS["white"]
    assert tuple(picture[size // 2, size // 2]) == COLOURS["red"]


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ("circle", np.pi),
        ("ring", 0.7 * np.pi),
        ("oval", 0.6 * np.pi),
        ("square", 4 * 0.87**2),
        ("diamond", 2 * 0.7),
        ("cross", 4 * 0.6 * 0.95 - 0.6**2),
        ("triangle", 0.58 * 1.7**2),
        ("star", 10 * 0.5 * 0.42 * np.sin(np.pi / 5)),
    ],
)
def test_shapes_cover_the_area_that_geometry_gives(shape, area):
    share = mask(render(alone(shape=shape), 400, antialias=False)).mean()
    assert share == pytest.approx(area * 0.2**2, rel=0.02)


def test_antialiasing_mixes_colours_at_the_edge_only():
    assert len(np.unique(render(alone(), antialias=False).reshape(-1, 3), axis=0)) == 2
    assert len(np.unique(render(alone()).reshape(-1, 3), axis=0)) > 8


@pytest.mark.parametrize(
    ("action", "dx", "dy"),
    [("left", -0.4, 0), ("right", 0.4, 0), ("up", 0, -0.4), ("down", 0, 0.4), ("still", 0, 0)],
)
def test_things_move_where_they_are_said_to(action, dx, dy):
    start = (0.5 - dx / 2, 0.5 - dy / 2)
    frames = clip(alone(action=action, x=start[0], y=start[1], radius=0.1), 8, size=100)
    assert frames.shape == (8, 100, 100, 3)
    (x0, y0), (x1, y1) = centre(frames[0]), centre(frames[-1])
    assert (x1 - x0, y1 - y0) == (pytest.approx(dx, abs=0.02), pytest.approx(dy, abs=0.02))


def test_the_first_frame_is_the_picture():
    for i in range(20):
        assert np.array_equal(clip(scene(i), 3, size=48)[0], render(scene(i), 48))


def test_growing_shrinking_bouncing_and_spinning():
    areas = [mask(frame).sum() for frame in clip(alone(action="grow", radius=0.1))]
    assert areas[-1] > 3 * areas[0]
    areas = [mask(frame).sum() for frame in clip(alone(action="shrink"))]
    assert areas[-1] < 0.3 * areas[0]
    heights = [centre(frame)[1] for frame in clip(alone(action="bounce", y=0.7, radius=0.1), 17)]
    assert heights[4] < 0.45 and heights[8] > 0.68 and heights[12] < 0.45
    frames = clip(alone(action="spin", shape="oval"), 3, size=100)
    tall = [np.ptp(np.nonzero(mask(frame))[0]) for frame in frames]
    assert tall[1] > 1.4 * tall[0] and abs(tall[2] - tall[0]) <= 2


def test_labels_are_class_numbers_of_the_first_thing():
    labels = alone(shape="star", colour="blue", action="spin").labels
    assert labels == {"shape": SHAPES.index("star"), "colour": 2, "action": ACTIONS.index("spin")}
