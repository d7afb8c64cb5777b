"""Motions as numbers and back; what the critic sees; mirrors, contacts, the built-in figure."""

from __future__ import annotations

import pytest
import torch

from multigan.errors import DataError
from multigan.plugins.motion.representation import Codec, Start, make_codec, mirrored
from multigan.plugins.motion.rotations import about
from multigan.plugins.motion.scores import bone_error
from multigan.plugins.motion.skeleton import Motion, Skeleton, same_skeleton
from multigan.plugins.motion.walker import SKELETON, walker_clip


@pytest.fixture(scope="module")
def walks():
    return [walker_clip(index, frames=60) for index in range(3)]


@pytest.fixture(scope="module")
def codec(walks):
    return make_codec(walks)


def turned(motion, angle, shift=(0.0, 0.0, 0.0)):
    turn = about("Y", torch.tensor(angle).double())
    rotations = motion.rotations.clone()
    rotations[:, 0] = turn @ rotations[:, 0]
    root = motion.root @ turn.T + torch.tensor(shift).double()
    return Motion(motion.skeleton, rotations, root, motion.fps)


def test_a_motion_comes_back_where_it_was(walks, codec):
    for walk in walks:
        x_TF = codec.encode(walk)
        assert x_TF.shape == (60, codec.width)
        start = Start(walk.root[:1, [0, 2]], codec.headings(walk)[:1])
        # The frame that it begins after is its own first one.
        again = codec.motion(x_TF[1:], start=start)
        torch.testing.assert_close(again.positions(), walk.positions()[1:], atol=1e-4, rtol=0)


def test_numbers_know_neither_place_nor_direction(walks, codec):
    for walk in walks:
        other = turned(walk, 2.5, (3.0, 0.0, -8.0))
        torch.testing.assert_close(codec.encode(other), codec.encode(walk), atol=1e-5, rtol=0)
    bent = turned(walks[0], 0.0)
    bent.root[:, 0] += torch.linspace(0, 2, 60)
    assert (codec.encode(bent) - codec.encode(walks[0])).abs().max() > 0.5


def test_joints_that_do_not_turn_are_held(codec):
    names = [SKELETON.names[joint] for joint in codec.moving]
    assert "LeftToe" not in names and "LeftKnee" in names and names[0] == "Hips"


def test_bones_keep_their_length_whatever_a_network_says(codec):
    x_BTF = 3 * torch.randn(4, 20, codec.width, generator=torch.Generator().manual_seed(0))
    motions = [codec.motion(x_TF) for x_TF in x_BTF]
    assert bone_error(motions, SKELETON) < 1e-9


def test_a_critic_sees_joints_from_the_body_and_velocities_over_ground(walks, codec):
    walk = walks[0]
    x_BTF = codec.encode(walk)[None]
    seen_BTC, speeds = codec.seen(x_BTF)
    assert seen_BTC.shape[2] == codec.seen_width
    count = len(codec.seen_joints)
    near = seen_BTC[0, :, codec.width : codec.width + 3 * count].unflatten(1, (count, 3))
    fast = seen_BTC[0, :, codec.width + 3 * count :].unflatten(1, (count, 3))
    places = walk.positions()
    upright = about("Y", -codec.headings(walk))
    ground = walk.root * torch.tensor([1.0, 0.0, 1.0]).double()
    joints = list(codec.seen_joints)
    expected = torch.einsum("tij,tkj->tki", upright, places[:, joints] - ground[:, None])
    torch.testing.assert_close(near.double(), expected, atol=1e-4, rtol=0)
    moved = torch.einsum("tij,tkj->tki", upright[1:], places[:, joints].diff(dim=0) * 30)
    torch.testing.assert_close(fast[1:].double(), moved, atol=1e-3, rtol=0)
    feet = places[:, list(SKELETON.feet)].diff(dim=0).norm(dim=-1) * 30
    torch.testing.assert_close(speeds[0, 1:].double(), feet, atol=1e-3, rtol=0)
    # A standing foot stands still, though the body passes over it: exact by the walker's making.
    assert float(speeds[0].min(dim=1).values[1:].max()) < 1e-2


def test_contacts_are_where_feet_stand(walks, codec):
    contacts = codec.encode(walks[0])[:, -4:]
    assert set(contacts.unique().tolist()) == {0.0, 1.0}
    assert (contacts.sum(1) > 0).float().mean() > 0.9  # a walk always has a foot on the ground
    assert (codec.encode(walks[1])[:, -4:].sum(1) == 0).float().mean() > 0.1  # a run has not


def test_gradients_reach_all_numbers(codec):
    x_BTF = torch.randn(2, 20, codec.width, generator=torch.Generator().manual_seed(0))
    x_BTF.requires_grad_()
    seen_BTC, _ = codec.seen(x_BTF)
    seen_BTC.square().sum().backward()
    assert x_BTF.grad is not None and bool(x_BTF.grad.isfinite().all())
    assert (x_BTF.grad.abs().amax((0, 1)) > 0).all()


def test_a_mirror_swaps_sides(walks, codec):
    for walk in walks:
        x_TF = codec.encode(walk)
        other = mirrored(x_TF, codec)
        assert other is not None
        torch.testing.assert_close(mirrored(other, codec), x_TF, atol=1e-5, rtol=0)
        one, two = codec.motion(x_TF).positions(), codec.motion(other).positions()
        partners = list(SKELETON.partners)
        flipped = two[:, partners] * torch.tensor([-1.0, 1.0, 1.0]).double()
        torch.testing.assert_close(flipped, one, atol=1e-4, rtol=0)
    lopsided = Skeleton(
        SKELETON.names, SKELETON.parents, SKELETON.offsets + torch.eye(21, 3).double().flip(0),
        SKELETON.orders,
    )  # fmt: skip
    odd = Codec(lopsided, 30.0, codec.forward, codec.moving, codec.still, codec.standing)
    assert mirrored(codec.encode(walks[0]), odd) is None


def test_facts_are_all_there_is(walks, codec):
    again = Codec.of(codec.facts())
    torch.testing.assert_close(again.encode(walks[2]), codec.encode(walks[2]))
    broken = codec.facts()
    broken["skeleton"]["parents"][3] = 7
    with pytest.raises(ValueError, match="before its parent"):
        Codec.of(broken)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("LeftUpLeg", "RightUpLeg"), ("lhip", "rhip"), ("hip_l", "hip_r"), ("L_Thigh", "R_Thigh"),
        ("Bip01 L Thigh", "Bip01 R Thigh"), ("upperleg.L", "upperleg.R"), ("left_hip", "right_hip"),
        ("mixamorig:LeftUpLeg", "mixamorig:RightUpLeg"),
    ],
)  # fmt: skip
def test_sides_and_feet_are_known_by_their_names(left, right):
    names = ("Hips", right, left, right + "Foot", left + "Foot")
    offsets = torch.tensor([[0.0, 0, 0], [-1, 0, 0], [1, 0, 0], [0, -1, 0], [0, -1, 0]]).double()
    skeleton = Skeleton(names, (-1, 0, 0, 1, 2), offsets, ("ZYX",) * 5)
    assert skeleton.partners == (0, 2, 1, 4, 3)
    assert skeleton.hips == (2, 1) and skeleton.feet == (3, 4)
    assert skeleton.is_left(2) and not skeleton.is_left(1) and not skeleton.is_left(0)


def test_skeletons_without_legs_are_refused():
    snake = Skeleton(("a", "b"), (-1, 0), torch.ones(2, 3).double(), ("ZYX", "ZYX"))
    with pytest.raises(DataError, match="no feet among the joints"):
        _ = snake.feet
    with pytest.raises(DataError, match="no hips"):
        _ = snake.hips
    assert "no Chest and a a" in str(same_skeleton(SKELETON, snake))


def test_clips_of_the_procedural_figure(walks):
    again = walker_clip(1, frames=60)
    torch.testing.assert_close(again.positions(), walks[1].positions(), rtol=0, atol=0)
    assert [walk.action for walk in walks] == ["walking", "running", "jumping"]
    different = walker_clip(4, frames=60)
    assert (different.positions() - walks[1].positions()).abs().max() > 0.1
    speeds = [float((w.root[-1] - w.root[0]).norm() / 2) for w in walks]
    assert 0.8 < speeds[0] < 1.7 < 2.2 < speeds[1] < 3.5
    ankles = walks[2].positions()[:, [13, 18], 1].amin(1)
    assert float(ankles.max()) > 0.2  # both feet leave the ground
