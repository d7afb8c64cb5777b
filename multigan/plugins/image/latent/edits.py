"""Edits of latents: steps along directions, and blends of two points.

Shape suffixes: B points, A amounts, D directions, Z latents, K classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.data.files import reason
from multigan.errors import DataError, PluginError
from multigan.plugins.image.latent.space import Points, slerp
from multigan.weights import read_tensors


def walk(points: Points, *, directions_DZ: Tensor, alphas_A: Tensor) -> Points:
    """Every point, moved by every amount along every direction: B * D * A points in this order.

    Args:
        points: where from.
        directions_DZ: of length 1.
        alphas_A: in standard deviations of the latents along such a direction. Truncated latents
            vary less, and their steps are as much shorter.

    Raises:
        PluginError: the directions are not those of this latent space.
    """
    size = points.latents.shape[1]
    if directions_DZ.dim() != 2 or directions_DZ.shape[1] != size:
        shape = tuple(directions_DZ.shape)
        raise PluginError(f"directions of shape {shape}; this model's have {size} numbers each")
    steps_DAZ = points.deviation * alphas_A[:, None] * directions_DZ[:, None, :]
    moved_BDAZ = points.latents[:, None, None, :] + steps_DAZ
    copies = steps_DAZ.shape[0] * steps_DAZ.shape[1]
    labels = None if points.labels is None else points.labels.repeat_interleave(copies, dim=0)
    return Points(moved_BDAZ.reshape(-1, size), labels, points.deviation)


def blend(
    one: Points,
    other: Points,
    *,
    shares_A: Tensor,
    classes: int = 0,
    matrix_ZZ: Tensor | None = None,
) -> Points:
    """Points on the arc from one point to another.

    Args:
        one: a single point.
        other: a single point; the first one itself if only a matrix is to change it.
        shares_A: of the other one, 0 to 1. Shares of classes are mixed alike.
        classes: K.
        matrix_ZZ: is applied to the other one's latents first.

    Raises:
        PluginError: a share outside of 0 to 1, or a matrix of another size.
    """
    if not ((shares_A >= 0) & (shares_A <= 1)).all():
        raise PluginError("blends lie between two pictures: give an alpha from 0 to 1")
    start_Z, end_Z = one.latents[0], other.latents[0]
    if matrix_ZZ is not None:
        if matrix_ZZ.shape != (len(end_Z), len(end_Z)):
            found = " x ".join(map(str, matrix_ZZ.shape))
            size = f"{len(end_Z)} x {len(end_Z)}"
            raise PluginError(f"the matrix is {found}; this model needs {size}")
        end_Z = matrix_ZZ.to(end_Z.dtype) @ end_Z
    labels = None
    if one.labels is not None and other.labels is not None:
        first_K, second_K = (_shares(each.labels, classes)[0] for each in (one, other))
        labels = torch.lerp(first_K, second_K, shares_A[:, None])
    return Points(slerp(start_Z, end_Z, shares_A), labels, one.deviation)


def read_matrix(path: Path) -> Tensor:
    """A matrix of numbers from a .npy file, or from a .safetensors file with a single tensor.

    Raises:
        DataError: the file is missing, damaged, or holds something else.
        CheckpointError: a .safetensors file that is missing or damaged.
    """
    if path.suffix == ".safetensors":
        tensors = list(read_tensors(path).values())
        if len(tensors) != 1:
            raise DataError(f"{path}: holds {len(tensors)} tensors; save the matrix alone")
        matrix = tensors[0].float()
    elif path.suffix == ".npy":
        try:
            matrix = torch.from_numpy(np.load(path, allow_pickle=False).astype(np.float32))
        except (OSError, ValueError, TypeError) as error:
            why = reason(error)
            raise DataError(f"{path}: cannot be read as numbers ({why}); use numpy.save") from error
    else:
        raise DataError(f"{path}: give the matrix as .npy or .safetensors")
    if matrix.dim() != 2 or not matrix.isfinite().all():
        raise DataError(f"{path}: is no matrix of finite numbers, but {tuple(matrix.shape)}")
    return matrix


def _shares(labels: Tensor | None, classes: int) -> Tensor:
    assert labels is not None
    return labels if labels.is_floating_point() else F.one_hot(labels, classes).float()
