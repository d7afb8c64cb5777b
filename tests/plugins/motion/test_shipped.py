"""The shipped models: they walk, run and jump, feet stand, and clips go on without a jump."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import multigan
from multigan.plugins.motion.scores import bone_error, foot_skating, seam_jump


@pytest.fixture(scope="module")
def pipe() -> Any:
    return multigan.pipeline("motion", style="locomotion")


def test_actions_are_told_apart_and_look_like_them(pipe):
    judge: Any = multigan.pipeline("motion-recogniser")
    made = pipe(12, length=64)
    named = judge(made.motions).labels
    assert sum(a == b for a, b in zip(named, made.actions, strict=True)) >= 11
    speed = {}
    for action in pipe.actions:
        own = [m for m in made.motions if m.action == action]
        ways = [float((m.root[-1] - m.root[0])[[0, 2]].norm()) / 63 * 30 for m in own]
        speed[action] = sum(ways) / len(ways)
    assert speed["jumping"] < 0.8 < speed["walking"] < 2 < speed["running"] < 4
    # A jump leaves the ground with both feet, a walk never does.
    for motion in made.motions:
        feet = motion.positions()[:, list(motion.skeleton.feet), 1]
        flies = float((feet.amin(1) - feet.min()).max())
        assert (flies > 0.1) if motion.action == "jumping" else flies < 0.4
        assert motion.action != "walking" or flies < 0.12


def test_bones_and_feet(pipe):
    walks = pipe(4, length=200, actions="walking", seed=5).motions
    assert bone_error(walks, pipe.codec.skeleton) < 1e-9
    assert foot_skating(walks) < 0.25  # real ones: 0.19


def test_going_on_from_its_own_walk(pipe):
    clip = pipe(1, length=60, actions="walking", seed=7).motions[0]
    for action in pipe.actions:
        made = pipe.follow(clip, length=40, action=action)
        assert seam_jump(made.motions[0], frame=60) < 3.4  # real clips' 99th percentile
    long = pipe.follow(clip, length=400, action="walking").motions[0]
    assert float(long.root[:, 1].min()) > 0.7 and bool(torch.isfinite(long.rotations).all())
