"""Small labelled pictures, all in memory: a training part, and one to measure accuracy on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.transforms import to_float, to_uint8
from multigan.errors import DataError
from multigan.plugins.image.adversarial.data import WholePictures, has_validation, open_pictures
from multigan.plugins.image.adversarial.recipe import ImageData
from multigan.plugins.image.classifier.recipe import ClassifierData
from multigan.plugins.image.idx import HELD_OUT


class Labelled(Dataset[dict[str, Tensor]]):
    """Pictures with their labels.

    Args:
        images: uint8 (N, C, H, W).
        labels: int64 (N,).
        classes: names of the classes.
    """

    def __init__(self, images: Tensor, labels: Tensor, classes: tuple[str, ...]) -> None:
        self.images, self.labels, self.classes = images, labels, classes

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One picture (C, H, W) in [-1, 1] and its label."""
        return {"image": to_float(self.images[index]), "label": self.labels[index]}

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Pictures (B, C, H, W) in [-1, 1] and labels (B,)."""
        return {"image": to_float(self.images[indices]), "label": self.labels[indices]}

    def part(self, indices: Tensor) -> Labelled:
        """Some of the pictures."""
        return Labelled(self.images[indices], self.labels[indices], self.classes)


def open_labelled(config: ClassifierData) -> tuple[Labelled, Labelled]:
    """The pictures to train on and those that are held out.

    Held out are the last sixth of idx files; a folder called validation, where there is one; else
    every sixth picture of a folder.

    Raises:
        DataError: there are no such pictures, or no labels, or held-out classes are unknown.
    """
    train = read_whole(config, config.source)
    if not has_validation(config.source):
        held = torch.arange(len(train)) % HELD_OUT == HELD_OUT - 1
        return train.part(~held), train.part(held)
    held_out = read_whole(config, config.source, split="validation")
    if unknown := sorted(set(held_out.classes) - set(train.classes)):
        raise DataError(f"{config.source}: no training picture of the class '{unknown[0]}'")
    numbers = torch.tensor([train.classes.index(name) for name in held_out.classes])
    return train, Labelled(held_out.images, numbers[held_out.labels], train.classes)


def read_whole(
    config: ClassifierData, source: str, *, split: str = "train", labelled: bool = True
) -> Labelled:
    """All pictures of a source; without labels they are all 0, of no class."""
    opened = open_pictures(
        ImageData(
            source=source, size=config.size, colours=config.colours, on_error=config.on_error
        ),
        labelled=labelled,
        split=split,
    )
    if isinstance(opened, WholePictures):
        return Labelled(opened.images, opened.labels, opened.classes)
    samples = [opened.plain(index) for index in range(len(opened))]
    images = torch.stack([to_uint8(sample["image"]) for sample in samples])
    labels = (
        [sample["label"] for sample in samples] if labelled else [torch.tensor(0)] * len(opened)
    )
    return Labelled(images, torch.stack(labels), opened.classes)
