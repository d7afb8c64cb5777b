"""Pictures and their damaged copies, made when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.source import SPLIT_FOLDERS, Images, images
from multigan.data.transforms import image_transform
from multigan.plugins.translation.domains import open_domain
from multigan.plugins.translation.held_out import hold_out
from multigan.plugins.translation.restoration.recipe import RestorationData


class Damaged(Dataset[dict[str, Tensor]]):
    """A crop as ``target`` (3, size, size) in [-1, 1], and what is left of it as ``input``.

    Args:
        pictures: Whole ones.
        data: Sizes.
        degrade: The damage to one picture; chance from torch's global generator.
    """

    def __init__(
        self, pictures: Images, data: RestorationData, *, degrade: Callable[[Tensor], Tensor]
    ) -> None:
        self.pictures, self.degrade = pictures, degrade
        self.augment = image_transform(data.size, resize=data.resize, flip=data.flip)
        self.centre = image_transform(data.size, resize=data.resize, crop="centre", flip=False)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        target = self.augment(self.pictures[index])
        return {"input": self.degrade(target), "target": target}

    def shown(self, count: int) -> dict[str, Tensor]:
        """Centres of the first pictures, as a batch; the damage is always the same."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            targets = [self.centre(self.pictures[i]) for i in range(min(count, len(self)))]
            inputs = [self.degrade(target) for target in targets]
        return {"input": torch.stack(inputs), "target": torch.stack(targets)}


def open_split(data: RestorationData) -> tuple[Images, Images]:
    """Pictures to train on, and pictures to score.

    Raises:
        DataError: There are no such pictures.
    """
    size = data.resize or data.size
    pictures = open_domain(
        data.source, size=size, builtin_size=data.builtin_size, on_error=data.on_error
    )
    if any((Path(data.source) / name).is_dir() for name in SPLIT_FOLDERS["validation"]):
        return pictures, images(data.source, split="validation", on_error=data.on_error)
    return hold_out(pictures, data.held_out)
