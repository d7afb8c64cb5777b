"""ResNet generators of pytorch-CycleGAN-and-pix2pix (Zhu et al. 2017).

One numbered chain, ``model.0`` to ``model.(18 + B)``: a 7x7 convolution at 1, two halvings at 4 and
7, B residual blocks from 10 on, two doublings, a 7x7 convolution at 17 + B. Every convolution has a
bias if the norms are instance norms; with batch norms only the last one has.
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from multigan.plugins.translation.peers.tensors import (
    State,
    in_colour,
    norm_of,
    residual_blocks,
    without_instance_statistics,
)


def recognise(state: State) -> dict[str, Any] | None:
    """Arguments of the `ResnetGenerator` that these tensors fill; None for another layout."""
    blocks = residual_blocks(state)
    first = state.get("model.1.weight")
    if first is None or first.shape[2:] != (7, 7) or not blocks or min(blocks) != 10:
        return None
    if f"model.{17 + len(blocks)}.weight" not in state:
        return None
    return {"width": len(first), "blocks": len(blocks), "norm": norm_of(state, "model.2")}


def weights(state: State) -> dict[str, Tensor]:
    """Tensors by our names, which are theirs but for dropout, an entry of the chain of its own."""
    # Dropout moves the second convolution of a block from 5 to 6, and its norm from 6 to 7.
    dropout = "model.10.conv_block.5.weight" not in state
    last = f"model.{17 + len(residual_blocks(state))}"
    state = in_colour(without_instance_statistics(state), first="model.1", last=last)
    if not dropout:
        return state
    return {
        re.sub(r"conv_block\.([67])\.", lambda at: f"conv_block.{int(at[1]) - 1}.", key): value
        for key, value in state.items()
    }


def facts(arguments: dict[str, Any]) -> dict[str, Any]:
    """How the pipeline feeds it."""
    # To each side a block sees two pixels of a quarter of the size, the other layers together 12
    # of the full size; instance norms see all there are.
    halo = 8 * arguments["blocks"] + 12 if arguments["norm"] == "batch" else None
    return {"multiple": 4, "minimum": 16, "halo": halo}
