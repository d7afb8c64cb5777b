"""Rotations in the forms that files and networks use, as pure functions of tensors.

Matrices (..., 3, 3) act on columns: R @ v. Angles are radians. Every function is differentiable and
has finite gradients everywhere but where its form has a jump by nature: `to_euler` at gimbal lock,
`to_expmap` and `to_quaternion` at half turns.
"""

from __future__ import annotations

import torch
from torch import Tensor

AXES = "XYZ"
_LOCKED = 1e-7  # cosine of the middle angle under which the outer two turn about one axis


def from_six(six: Tensor) -> Tensor:
    """Matrices from any six numbers (Zhou et al. 2019): the first two columns, made orthonormal.

    The map is continuous and onto, which no map from three or four numbers can be.

    Args:
        six: (..., 6); the two triples must not be parallel.
    """
    first, second = six[..., :3], six[..., 3:]
    x = torch.nn.functional.normalize(first, dim=-1)
    y = torch.nn.functional.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], dim=-1)


def to_six(matrix: Tensor) -> Tensor:
    """The first two columns, (..., 6)."""
    return matrix[..., :2].transpose(-1, -2).flatten(-2)


def from_expmap(expmap: Tensor) -> Tensor:
    """Rodrigues' formula: matrices of axis times angle (..., 3)."""
    squared = expmap.square().sum(-1)[..., None, None]
    small = squared < 1e-4
    # sqrt has no slope at 0, so that series take over: of sin(t) / t and of (1 - cos(t)) / t^2.
    safe = torch.where(small, torch.ones_like(squared), squared)
    angle = safe.sqrt()
    sine = torch.where(small, 1 - squared / 6 + squared.square() / 120, angle.sin() / angle)
    cosine = torch.where(
        small, 0.5 - squared / 24 + squared.square() / 720, (1 - angle.cos()) / safe
    )
    x, y, z = expmap.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    identity = torch.eye(3, dtype=expmap.dtype, device=expmap.device)
    return identity + sine * cross + cosine * (cross @ cross)


def to_expmap(matrix: Tensor) -> Tensor:
    """Axis times angle (..., 3), angles from 0 to pi."""
    quaternion = to_quaternion(matrix)
    real, imaginary = quaternion[..., :1], quaternion[..., 1:]
    squared = imaginary.square().sum(-1, keepdim=True)
    small = squared < 1e-10
    safe = torch.where(small, torch.ones_like(squared), squared).sqrt()
    # 2 atan(s / w) / s, of which near 0 only 2 / w is left.
    scale = torch.where(small, 2 / real.clamp(min=0.5), 2 * torch.atan2(safe, real) / safe)
    return scale * imaginary


def from_quaternion(quaternion: Tensor) -> Tensor:
    """Matrices of quaternions (..., 4), real part first, of any length but 0."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, -1).unflatten(-1, (3, 3))


def to_quaternion(matrix: Tensor) -> Tensor:
    """Unit quaternions (..., 4), real part first and not negative.

    Four times its outer product is linear in the matrix; the longest row is the one to divide by.
    """
    (a, b, c), (d, e, f), (g, h, i) = (row.unbind(-1) for row in matrix.unbind(-2))
    rows = torch.stack(
        [
            torch.stack([1 + a + e + i, h - f, c - g, d - b], -1),
            torch.stack([h - f, 1 + a - e - i, b + d, c + g], -1),
            torch.stack([c - g, b + d, 1 - a + e - i, f + h], -1),
            torch.stack([d - b, c + g, f + h, 1 - a - e + i], -1),
        ],
        dim=-2,
    )
    longest = rows.diagonal(dim1=-2, dim2=-1).argmax(-1, keepdim=True)
    row = rows.gather(-2, longest[..., None].expand(*longest.shape, 4)).squeeze(-2)
    quaternion = torch.nn.functional.normalize(row, dim=-1)
    return torch.where(quaternion[..., :1] < 0, -quaternion, quaternion)


def about(axis: str, angle: Tensor) -> Tensor:
    """Matrices of turns about "X", "Y" or "Z"."""
    cos, sin, zero, one = angle.cos(), angle.sin(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = {
        "X": [one, zero, zero, zero, cos, -sin, zero, sin, cos],
        "Y": [cos, zero, sin, zero, one, zero, -sin, zero, cos],
        "Z": [cos, -sin, zero, sin, cos, zero, zero, zero, one],
    }
    return torch.stack(rows[axis], -1).unflatten(-1, (3, 3))


def from_euler(angles: Tensor, *, order: str) -> Tensor:
    """Matrices of three turns (..., 3); "ZXY" is Rz @ Rx @ Ry, as the channels of a BVH file.

    Raises:
        ValueError: The order does not name every axis once.
    """
    first, second, third = tuple(_axes(order))
    return about(first, angles[..., 0]) @ (
        about(second, angles[..., 1]) @ about(third, angles[..., 2])
    )


def to_euler(matrix: Tensor, *, order: str) -> Tensor:
    """Three turns (..., 3), the middle one within a quarter turn; at gimbal lock the last is 0.

    Raises:
        ValueError: The order does not name every axis once.
    """
    i, j, k = (AXES.index(axis) for axis in _axes(order))
    even = 1.0 if (j - i) % 3 == 1 else -1.0
    sine = even * matrix[..., i, k]
    cosine = torch.hypot(matrix[..., i, i], matrix[..., i, j])
    middle = torch.atan2(sine, cosine)
    locked = cosine < _LOCKED
    first = torch.where(
        locked,
        torch.atan2(even * matrix[..., k, j], matrix[..., j, j]),
        torch.atan2(-even * matrix[..., j, k], matrix[..., k, k]),
    )
    last = torch.where(
        locked, torch.zeros_like(sine), torch.atan2(-even * matrix[..., i, j], matrix[..., i, i])
    )
    return torch.stack([first, middle, last], -1)


def between(start: Tensor, end: Tensor, *, share: Tensor) -> Tensor:
    """The rotation on the shortest way from one to another.

    Args:
        start: (..., 3, 3).
        end: (..., 3, 3).
        share: how much of the way, broadcast over (...).
    """
    way = to_expmap(start.transpose(-1, -2) @ end)
    return start @ from_expmap(share[..., None] * way)


def _axes(order: str) -> str:
    if sorted(order) != list(AXES):
        raise ValueError(f"an Euler order names every axis once, as in 'ZXY', not '{order}'")
    return order
