"""U-Nets of pytorch-CycleGAN-and-pix2pix (Isola et al. 2017).

Each level is a chain of its own inside the one around it: ``model.model`` is the outermost,
``model.model.1.model`` the next, ``model.model.1.model.3.model`` the one inside that, and so on.
Dropout has no tensors and stands at the end of its level, so it leaves no trace in the file.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from multigan.plugins.translation.peers.tensors import (
    State,
    in_colour,
    norm_of,
    without_instance_statistics,
)

DEPTHS = range(5, 13)  # halvings; 12 mean pictures of 4096 pixels at least


def recognise(state: State) -> dict[str, Any] | None:
    """Arguments of the `UNetGenerator` that these tensors fill; None for another layout."""
    first = state.get("model.model.0.weight")
    if first is None or first.dim() != 4 or "model.model.3.weight" not in state:
        return None
    depth = max(key.count("model.") for key in state) - 1
    if depth not in DEPTHS:
        return None
    return {"width": len(first), "depth": depth, "norm": norm_of(state, "model.model.1.model.2")}


def weights(state: State) -> dict[str, Tensor]:
    """Tensors by our names, which are theirs."""
    state = without_instance_statistics(state)
    return in_colour(state, first="model.model.0", last="model.model.3", transposed=True)


def facts(arguments: dict[str, Any]) -> dict[str, Any]:
    """How the pipeline feeds it: without tiles, for the deepest level sees the whole picture."""
    side = 2 ** arguments["depth"]
    return {"multiple": side, "minimum": side, "halo": None}
