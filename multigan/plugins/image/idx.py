"""MNIST-style data: a pair of idx files, one of pictures and one of their labels.

The split is fixed: the last sixth of the ``train-`` pair is held out. Of MNIST's 60,000 digits that
is the usual validation set, the last 10,000. The digits classifier was trained without it, and
generated digits are compared with it, so nothing else may train on it either. A ``t10k-`` pair, if
there is one, is never touched by training.
"""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import torch
from torch import Tensor

from multigan.data.files import reason
from multigan.errors import DataError

HELD_OUT = 6  # one picture in so many
_BYTES = 0x08  # the type code of unsigned bytes
_PREFIXES = {"train": "train", "validation": "train", "test": "t10k"}


def read_pictures(folder: str | Path, *, split: str = "train") -> tuple[Tensor, Tensor]:
    """Pictures and labels of one split.

    Args:
        folder: holds train-images-idx3-ubyte and train-labels-idx1-ubyte, plain or as .gz.
        split: "train", the first five sixths; "validation", the last sixth; "test", the t10k files.

    Returns:
        uint8 pictures (N, 1, H, W) and int64 labels (N,).

    Raises:
        DataError: a file is missing, damaged or of another kind, or the two do not match.
        ValueError: unknown split.
    """
    if split not in _PREFIXES:
        raise ValueError(f"unknown split '{split}'; choose one of: {', '.join(_PREFIXES)}")
    prefix = _PREFIXES[split]
    images = read_idx(_find(Path(folder), f"{prefix}-images-idx3-ubyte"))
    labels = read_idx(_find(Path(folder), f"{prefix}-labels-idx1-ubyte"))
    if images.dim() != 3 or labels.shape != images.shape[:1]:
        shapes = f"{tuple(images.shape)} and {tuple(labels.shape)}"
        raise DataError(f"{folder}: pictures and labels do not match: {shapes}; copy both again")
    border = len(images) - len(images) // HELD_OUT
    part = {"train": slice(border), "validation": slice(border, None)}.get(split, slice(None))
    return images[part, None], labels[part].long()


def is_idx_folder(folder: str | Path) -> bool:
    """Whether a folder holds MNIST-style files."""
    return any(Path(folder).glob("train-images-idx3-ubyte*"))


def read_idx(path: str | Path) -> Tensor:
    """One idx file of bytes, plain or gzipped: magic number, sizes (big-endian), values.

    Raises:
        DataError: missing, damaged, or not an idx file of bytes.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read ({reason(error)}); copy it again") from error
    if len(content) < 4 or content[:3] != bytes((0, 0, _BYTES)):
        raise DataError(f"{path}: not an idx file of bytes; give MNIST-style files")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    shape = [int.from_bytes(content[i : i + 4], "big") for i in range(4, start, 4)]
    if len(content) - start != math.prod(shape):
        raise DataError(f"{path}: cut short or damaged; copy it again")
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)[start:].view(shape)


def _find(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder}: no {name} or {name}.gz in it; name a folder with MNIST-style files")
