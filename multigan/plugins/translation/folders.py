"""Unpaired pictures from two domains, cropped and flipped at random."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.source import Images, images
from multigan.data.transforms import image_transform


def open_domain(
    source: str, *, size: int, builtin_size: int, unpaired: bool = False, on_error: str = "raise"
) -> Images:
    """Opens the pictures of one domain, uint8 (H, W, 3).

    Args:
        source: What `multigan.data.source.images` opens, or ``builtin:sketches``.
        size: Side at which built-in pictures are drawn.
        builtin_size: Number of built-in pictures.
        unpaired: Take other built-in scenes than the first domain does.
        on_error: ``raise``, or ``skip`` unreadable files with one warning for each.

    Raises:
        DataError: There are no such pictures.
    """
    sketches = source == "builtin:sketches"
    builtin = source.startswith("builtin:")
    return images(
        "builtin:scenes" if sketches else source,
        split="validation" if builtin and unpaired else "train",
        limit=builtin_size if builtin else None,
        size=size,
        transform=sketch if sketches else None,
        on_error=on_error,
    )


class Unpaired(Dataset[dict[str, Tensor]]):
    """A random crop of A by index, with a random one of B.

    Args:
        a: Domain A.
        b: Domain B.
        size: Side of the crops.
        resize: Shorter side before cropping.
        flip: Mirror half of the crops.
    """

    def __init__(self, a: Images, b: Images, *, size: int, resize: int, flip: bool) -> None:
        self.a, self.b = a, b
        self.augment = image_transform(size, resize=max(size, resize), flip=flip)
        self.centre = image_transform(size, crop="centre", flip=False)

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        other = int(torch.randint(len(self.b), ()))
        return {
            "a": self.augment(self.a[index % len(self.a)]),
            "b": self.augment(self.b[other]),
        }

    def shown(self, pictures: Images, indices: Sequence[int]) -> Tensor:
        """Centre crops (N, 3, size, size) in [-1, 1], for previews."""
        return torch.stack([self.centre(pictures[i]) for i in indices])


def sketch(rgb: np.ndarray) -> np.ndarray:
    """Dark lines on white where neighbouring colours differ; uint8 (H, W, 3) to the same."""
    x = rgb.astype(np.int16)
    across = np.abs(np.diff(x, axis=1, append=x[:, -1:])).sum(axis=2)
    down = np.abs(np.diff(x, axis=0, append=x[-1:])).sum(axis=2)
    ink = np.clip(across + down, 0, 220)
    return np.repeat((255 - ink).astype(np.uint8)[:, :, None], 3, axis=2)
