"""Rotations: closed forms, round trips, scipy, and gradients where forms are delicate."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.spatial.transform import Rotation

from multigan.plugins.motion.rotations import (
    about,
    between,
    from_euler,
    from_expmap,
    from_quaternion,
    from_six,
    to_euler,
    to_expmap,
    to_quaternion,
    to_six,
)

ORDERS = ["".join(order) for order in itertools.permutations("XYZ")]


def some(count=200, seed=0):
    return torch.from_numpy(Rotation.random(count, random_state=seed).as_matrix())


def test_quarter_turns():
    quarter = torch.tensor(math.pi / 2, dtype=torch.float64)
    x, y, z = torch.eye(3, dtype=torch.float64)
    torch.testing.assert_close(about("X", quarter) @ y, z)
    torch.testing.assert_close(about("Y", quarter) @ z, x)
    torch.testing.assert_close(about("Z", quarter) @ x, y)
    for axis, vector in zip("XYZ", (x, y, z), strict=True):
        torch.testing.assert_close(from_expmap(vector * 0.7), about(axis, 0.7 * quarter / quarter))


def test_forms_agree_with_scipy():
    matrices = some()
    scipy = Rotation.from_matrix(matrices.numpy())
    quaternion = to_quaternion(matrices)
    theirs = torch.from_numpy(scipy.as_quat()[:, [3, 0, 1, 2]])
    torch.testing.assert_close(quaternion, theirs * theirs[:, :1].sign())
    torch.testing.assert_close(to_expmap(matrices), torch.from_numpy(scipy.as_rotvec()))
    torch.testing.assert_close(from_quaternion(3 * quaternion), matrices)
    torch.testing.assert_close(from_expmap(to_expmap(matrices)), matrices)


@pytest.mark.parametrize("order", ORDERS)
def test_euler_angles_of_every_order(order):
    matrices = some()
    angles = to_euler(matrices, order=order)
    # scipy's capitals turn about the moving axes, which is what a product from the left says.
    theirs = torch.from_numpy(Rotation.from_matrix(matrices.numpy()).as_euler(order))
    torch.testing.assert_close(angles, theirs)
    torch.testing.assert_close(from_euler(angles, order=order), matrices)
    product = torch.eye(3, dtype=torch.float64)
    for place, axis in enumerate(order):
        product = product @ about(axis, angles[:, place])
    torch.testing.assert_close(product, matrices)
    for sign in (1.0, -1.0):  # gimbal lock: other angles, the same rotation
        locked = torch.tensor([[0.4, sign * math.pi / 2, -1.1]], dtype=torch.float64)
        matrix = from_euler(locked, order=order)
        found = to_euler(matrix, order=order)
        assert found[0, 2] == 0
        torch.testing.assert_close(from_euler(found, order=order), matrix)


def test_unknown_orders_are_refused():
    with pytest.raises(ValueError, match="names every axis once"):
        from_euler(torch.zeros(3), order="XYX")


def test_six_numbers():
    matrices = some()
    torch.testing.assert_close(from_six(to_six(matrices)), matrices)
    anything = torch.randn(100, 6, generator=torch.Generator().manual_seed(0))
    made = from_six(anything)
    torch.testing.assert_close(made @ made.mT, torch.eye(3).expand(100, 3, 3))
    torch.testing.assert_close(torch.linalg.det(made), torch.ones(100))
    towards = torch.nn.functional.cosine_similarity(made[:, :, 0], anything[:, :3])
    torch.testing.assert_close(towards, torch.ones(100))


def test_half_turns_and_no_turn():
    for axis in ([1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0], [0.6, 0, 0.8]):
        half = math.pi * torch.tensor(axis, dtype=torch.float64)
        torch.testing.assert_close(from_expmap(to_expmap(from_expmap(half))), from_expmap(half))
    identity = torch.eye(3, dtype=torch.float64)
    assert to_expmap(identity).abs().max() == 0
    torch.testing.assert_close(to_quaternion(identity), torch.tensor([1.0, 0, 0, 0]).double())


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-5, 9.99e-3, 1.01e-2, 1.0])
def test_gradients_are_right_and_finite_near_zero(size):
    vector = size * torch.tensor([0.36, -0.48, 0.8], dtype=torch.float64)
    vector.requires_grad_()
    assert torch.autograd.gradcheck(from_expmap, (vector,))
    assert torch.autograd.gradcheck(lambda v: to_expmap(from_expmap(v)), (vector,))
    assert torch.autograd.gradcheck(lambda v: to_quaternion(from_expmap(v)), (vector,))


def test_halfway_is_halfway():
    start, end = some(50, seed=1), some(50, seed=2)
    share = torch.full((50,), 0.3, dtype=torch.float64)
    middle = between(start, end, share=share)
    whole = to_expmap(start.mT @ end).norm(dim=-1)
    torch.testing.assert_close(to_expmap(start.mT @ middle).norm(dim=-1), 0.3 * whole)
    torch.testing.assert_close(between(start, end, share=torch.ones(50).double()), end)
