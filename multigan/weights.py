"""Reading weights: safetensors only, every name and shape checked, one clear line on failure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from multigan.errors import CheckpointError


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Reads a safetensors file.

    Raises:
        CheckpointError: Missing, damaged, or not safetensors (a pickle, for example).
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        if not path.is_file():
            raise CheckpointError(f"{path} does not exist") from error
        raise CheckpointError(
            f"{path} is not a whole safetensors file; weights are never read from pickles"
        ) from error


def fill(module: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copies tensors into a module.

    Args:
        module: Takes them; half-precision weights are widened to its own dtype.
        tensors: By the names of ``module.state_dict()``.
        path: Where they come from, for the message.

    Raises:
        CheckpointError: Names or shapes are those of another architecture.
    """
    try:
        module.load_state_dict(dict(tensors), strict=True)
    except RuntimeError as error:
        detail = " ".join(str(error).splitlines()[1:2]).strip()
        raise CheckpointError(f"{path} does not fit this architecture: {detail}") from error
