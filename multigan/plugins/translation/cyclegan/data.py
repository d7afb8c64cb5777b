"""Unpaired pictures from two domains, cropped and flipped at random."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.source import Images
from multigan.data.transforms import image_transform


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
