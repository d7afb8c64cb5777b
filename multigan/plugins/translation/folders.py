"""Unpaired pictures from two domains, cropped and flipped at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as TF

from multigan.data.media import list_images, read_image
from multigan.data.scenes import render, scene
from multigan.errors import DataError


class Domain:
    """The pictures of one domain, as uint8 arrays (H, W, 3).

    Args:
        source: A folder, or ``builtin:scenes`` / ``builtin:sketches``.
        builtin_size: Number of built-in pictures.
        size: Side at which built-in pictures are drawn.
        seed: Of the built-in pictures; another one for each domain keeps them unpaired.
        on_error: ``raise``, or ``skip`` unreadable files with one warning for each.
        warn: Is called with that warning.

    Raises:
        DataError: The folder is missing or empty, or the built-in name is unknown.
    """

    def __init__(
        self,
        source: str,
        *,
        builtin_size: int,
        size: int,
        seed: int,
        on_error: str = "raise",
        warn: Callable[[str], None] = print,
    ) -> None:
        self.size, self.seed, self.on_error, self.warn = size, seed, on_error, warn
        self.sketch = source == "builtin:sketches"
        self.files: list[Path] | None = None
        self.length = builtin_size
        self._bad: set[int] = set()
        if source not in ("builtin:scenes", "builtin:sketches"):
            if source.startswith("builtin:"):
                raise DataError(f"unknown {source}; choose builtin:scenes or builtin:sketches")
            self.files = list_images(source)
            self.length = len(self.files)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> np.ndarray:
        if self.files is None:
            drawn = render(scene(index, seed=self.seed), size=self.size)
            return sketch(drawn) if self.sketch else drawn
        # With on_error=skip, the next readable picture stands in: the same one every time.
        for attempt in range(len(self.files)):
            place = (index + attempt) % len(self.files)
            if place in self._bad:
                continue
            try:
                return read_image(self.files[place]).rgb
            except DataError as error:
                if self.on_error == "raise":
                    raise DataError(f"{error} (or data.on_error=skip)") from error
                self._bad.add(place)
                self.warn(f"skipped: {error}")
        raise DataError(f"none of the {len(self.files)} pictures can be read")


class Unpaired(Dataset[dict[str, Tensor]]):
    """A random crop of A by index, with a random one of B.

    Args:
        a: Domain A.
        b: Domain B.
        size: Side of the crops.
        resize: Shorter side before cropping.
        flip: Mirror half of the crops.
    """

    def __init__(self, a: Domain, b: Domain, *, size: int, resize: int, flip: bool) -> None:
        self.a, self.b = a, b
        steps: list[Any] = [v2.Resize(max(size, resize), antialias=True), v2.RandomCrop(size)]
        self.augment = v2.Compose([*steps, v2.RandomHorizontalFlip(0.5 if flip else 0.0)])
        self.centre = v2.Compose([v2.Resize(size, antialias=True), v2.CenterCrop(size)])

    def __len__(self) -> int:
        return max(len(self.a), len(self.b))

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        other = int(torch.randint(len(self.b), ()))
        picture_a = self.augment(_tensor(self.a[index % len(self.a)]))
        return {"a": to_network(picture_a), "b": to_network(self.augment(_tensor(self.b[other])))}

    def shown(self, domain: Domain, indices: Sequence[int]) -> Tensor:
        """Centre crops (N, 3, size, size) in [-1, 1], for previews."""
        return torch.stack([to_network(self.centre(_tensor(domain[i]))) for i in indices])


def to_network(x_CHW: Tensor) -> Tensor:
    """uint8 to float in [-1, 1]."""
    return TF.to_dtype(x_CHW, torch.float32, scale=True).mul_(2.0).sub_(1.0)


def sketch(rgb: np.ndarray) -> np.ndarray:
    """Dark lines on white where neighbouring colours differ; uint8 (H, W, 3) to the same."""
    x = rgb.astype(np.int16)
    across = np.abs(np.diff(x, axis=1, append=x[:, -1:])).sum(axis=2)
    down = np.abs(np.diff(x, axis=0, append=x[-1:])).sum(axis=2)
    ink = np.clip(across + down, 0, 220)
    return np.repeat((255 - ink).astype(np.uint8)[:, :, None], 3, axis=2)


def _tensor(rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(rgb).permute(2, 0, 1)
