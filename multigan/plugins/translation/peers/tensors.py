"""What the layouts share: reading their names, tensors that mean nothing, and grey pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from multigan.errors import CheckpointError

State = Mapping[str, Tensor]

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in grey (ITU-R BT.601), which PIL and these projects use."""


def residual_blocks(state: State) -> set[int]:
    """Places of the residual blocks in the chain ``model``."""
    return {int(at[1]) for key in state if (at := re.match(r"model\.(\d+)\.conv_block\.", key))}


def norm_of(state: State, layer: str) -> Literal["batch", "instance"]:
    """Which norm this layer is; instance norms have no weights."""
    return "batch" if {f"{layer}.weight", f"{layer}.running_mean"} <= state.keys() else "instance"


def without_instance_statistics(state: State) -> dict[str, Tensor]:
    """Leaves out the running statistics of norms without weights.

    Before torch 0.4 instance norms kept statistics, which nobody used; they stand in the oldest of
    the published files.
    """
    norms = {key.rpartition(".")[0] for key in state if key.endswith(".running_mean")}
    bare = {name for name in norms if f"{name}.weight" not in state}
    return {key: value for key, value in state.items() if key.rpartition(".")[0] not in bare}


def in_colour(
    state: State, *, first: str, last: str, transposed: bool = False
) -> dict[str, Tensor]:
    """Makes a generator for grey pictures one for RGB, with the same results.

    A convolution of grey is one of the three channels that grey is the weighted sum of; as the
    weights add up to 1, that holds for pictures in [-1, 1] as well. Grey results are drawn thrice.

    Args:
        state: Tensors by name.
        first: Name of the layer that takes the picture.
        last: Name of the layer that paints it.
        transposed: Whether that one is a transposed convolution.

    Raises:
        CheckpointError: The pictures have neither one channel nor three.
    """
    colour, side = dict(state), 1 if transposed else 0
    layers = [state.get(f"{layer}.weight") for layer in (first, last)]
    if any(weight is None or weight.dim() != 4 for weight in layers):
        return colour  # told as what does not fit
    coming, painted = state[f"{first}.weight"].shape[1], state[f"{last}.weight"].shape[side]
    if coming not in (1, 3) or painted not in (1, 3):
        raise CheckpointError(
            f"turns pictures of {coming} channels into {painted}; only grey and RGB are supported"
        )
    if coming == 1:
        luma = torch.tensor(LUMA).view(1, 3, 1, 1)
        colour[f"{first}.weight"] = state[f"{first}.weight"].float() * luma
    if painted == 1:
        colour[f"{last}.weight"] = state[f"{last}.weight"].repeat_interleave(3, side)
        if f"{last}.bias" in state:
            colour[f"{last}.bias"] = state[f"{last}.bias"].repeat_interleave(3)
    return colour
