"""The pictures to judge: files, folders of files, and folders of MNIST-style files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from multigan.data.media import list_images
from multigan.data.transforms import to_uint8
from multigan.errors import DataError, suggestion
from multigan.plugins.image.adversarial.data import load_picture, open_pictures
from multigan.plugins.image.adversarial.recipe import ImageData
from multigan.plugins.image.idx import is_idx_folder


@dataclass(frozen=True)
class Candidate:
    """A picture that has not been looked at.

    Attributes:
        path: as the user knows it; "FOLDER#7" for the eighth held-out picture of idx files.
        name: below the path that was named, for files that are written about it.
        group: its class folder, or its label; None where there is neither.
        load: gives it as (C, size, size) in [-1, 1], or raises a DataError.
    """

    path: str
    name: str
    group: str | None
    load: Callable[[], Tensor]


def candidates(path: Path, config: ImageData) -> Iterator[Candidate]:
    """All pictures of a path, in natural order.

    Args:
        path: a file, a folder, or a folder of MNIST-style files, whose held-out sixth is taken.
        config: size, crop and colours of what the model has learnt.

    Raises:
        DataError: there are none.
    """
    if is_idx_folder(path):
        held_out = config.model_copy(update={"source": str(path)})
        pictures = open_pictures(held_out, labelled=True, split="validation")
        for index in range(len(pictures)):
            group = pictures.classes[int(pictures[index]["label"])]
            yield Candidate(
                f"{path}#{index}", str(index), group, partial(_plain, pictures.plain, index)
            )
    elif path.is_dir():
        for file in list_images(path):
            below = file.relative_to(path)
            folder = below.parts[0] if len(below.parts) > 1 else None
            yield Candidate(str(file), str(below), folder, partial(load_picture, file, config))
    elif path.exists():
        yield Candidate(str(path), path.name, None, partial(load_picture, path, config))
    else:
        raise DataError(f"{path}: no such file or folder; check the path")


def known_as_normal(given: Iterable[Candidate], names: Sequence[str]) -> dict[str, bool]:
    """Which candidates, by their paths, belong to classes that are normal.

    Raises:
        DataError: one has no class, there is no such class, or all are of one kind.
    """
    groups = {}
    for candidate in given:
        if candidate.group is None:
            raise DataError(f"{candidate.path}: lies in no class folder, as --normal needs")
        groups[candidate.path] = candidate.group
    known = set(groups.values())
    for name in names:
        if name not in known:
            raise DataError(f"--normal: no class '{name}' there{suggestion(name, known)}")
    if known <= set(names):
        raise DataError("--normal: all pictures are of normal classes; add some that are not")
    return {path: group in names for path, group in groups.items()}


def side_by_side(x_CHW: Tensor, made_CHW: Tensor) -> np.ndarray:
    """A picture, what the generator made of it, and where they differ: uint8 (H, 3 W, 3).

    White is a difference of half the range of a channel or more, on their average.
    """
    difference_1HW = (x_CHW - made_CHW).abs().mean(0, keepdim=True)
    shown = [x_CHW[:3], made_CHW[:3], 2 * difference_1HW - 1]
    wide = torch.cat([each.expand(3, -1, -1) for each in shown], dim=2)
    return to_uint8(wide).permute(1, 2, 0).numpy()


def _plain(plain: Callable[[int], dict[str, Tensor]], index: int) -> Tensor:
    return plain(index)["image"]
