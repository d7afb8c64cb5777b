"""Reading weights: safetensors only, every name and shape checked, one clear line on failure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
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


def published_file(what: str, weights: str | None, *, name: str, url: str) -> Path:
    """Where weights lie that somebody else has published; nothing is downloaded.

    Args:
        what: is to be used, for the message.
        weights: the file that the user named; None looks into torch hub's cache.
        name: of the file, as it is published.
        url: where it is published.

    Raises:
        CheckpointError: there is no such file.
    """
    path = Path(weights) if weights else Path(torch.hub.get_dir()) / "checkpoints" / name
    if path.is_file():
        return path
    if weights:
        raise CheckpointError(f"{path} is not a file; give the file {name}")
    raise CheckpointError(
        f"{what} needs its weights: download {url} and name the file with --weights, or put it "
        f"into {path.parent}"
    )


def read_published(path: Path, *, name: str, url: str) -> dict[str, Tensor]:
    """The tensors of such a file, safetensors or a state dict of torch; code in it is never run.

    Raises:
        CheckpointError: it is damaged, or holds other things than tensors.
    """
    if path.suffix == ".safetensors":
        return read_tensors(path)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a damaged file raises has no common base
        raise CheckpointError(
            f"{path} cannot be read as a file of weights; download {url} again"
        ) from error
    if not isinstance(tensors, dict) or not all(isinstance(v, Tensor) for v in tensors.values()):
        raise CheckpointError(f"{path} holds other things than tensors; give the file {name}")
    return tensors


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
