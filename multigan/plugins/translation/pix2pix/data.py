"""Pictures and their partners: two folders with the same names, or two halves of one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.media import list_images, read_image
from multigan.data.pixels import over_white
from multigan.data.source import Images
from multigan.data.transforms import image_transform
from multigan.errors import DataError
from multigan.plugins.translation.domains import open_domain
from multigan.plugins.translation.pix2pix.recipe import Pix2PixData


class Pairs(Dataset[dict[str, Tensor]]):
    """Crops ``input`` and ``target`` (3, size, size) at the same place, flipped together.

    Args:
        pairs: Pictures of six channels, A and B.
        data: Sizes, and which of the two is the input.
    """

    def __init__(self, pairs: Images, data: Pix2PixData) -> None:
        self.pairs, self.backwards = pairs, data.direction == "ba"
        resize = max(data.size, data.resize)
        self.augment = image_transform(data.size, resize=resize, flip=data.flip)
        self.centre = image_transform(data.size, crop="centre", flip=False)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return self._item(self.augment(self.pairs[index]))

    def shown(self, count: int) -> dict[str, Tensor]:
        """Centres of the first pairs, as a batch."""
        items = [self._item(self.centre(self.pairs[i])) for i in range(min(count, len(self)))]
        return {name: torch.stack([item[name] for item in items]) for name in ("input", "target")}

    def _item(self, both_6HW: Tensor) -> dict[str, Tensor]:
        a, b = both_6HW.chunk(2)
        return {"input": b, "target": a} if self.backwards else {"input": a, "target": b}


def open_pairs(data: Pix2PixData) -> Images:
    """Pairs as pictures of six channels, uint8 (H, W, 6), A before B.

    Raises:
        DataError: A folder is missing or empty, a picture has no partner; and when a pair is
            asked for, its pictures differ in size or cannot be cut in two.
    """
    if data.pairs:
        return _side_by_side(data)
    if data.a.startswith("builtin:") and data.b.startswith("builtin:"):
        a, b = (
            open_domain(source, size=data.resize, builtin_size=data.builtin_size)
            for source in (data.a, data.b)
        )
        return Images(a.names, lambda i: np.dstack([a[i], b[i]]))
    return _two_folders(data)


def _side_by_side(data: Pix2PixData) -> Images:
    paths = list_images(data.pairs)

    def load(index: int) -> np.ndarray:
        rgb = _read(paths[index])
        if rgb.shape[1] % 2:
            raise DataError(f"{paths[index]}: {rgb.shape[1]} pixels wide, not two equal halves")
        return np.dstack(np.hsplit(rgb, 2))

    return Images([str(path) for path in paths], load, on_error=data.on_error)


def _two_folders(data: Pix2PixData) -> Images:
    a, b = (
        {path.relative_to(folder).with_suffix(""): path for path in list_images(folder)}
        for folder in (data.a, data.b)
    )
    for folder, found, others in ((data.b, a, b), (data.a, b, a)):
        lonely = [path for name, path in found.items() if name not in others]
        if lonely:
            more = f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else ""
            raise DataError(
                f"{lonely[0]}: no picture of this name in {folder}{more}; partners must have the "
                "same file name"
            )
    names = list(a)

    def load(index: int) -> np.ndarray:
        one, other = a[names[index]], b[names[index]]
        pictures = _read(one), _read(other)
        if pictures[0].shape != pictures[1].shape:
            (h, w, _), (other_h, other_w, _) = (picture.shape for picture in pictures)
            raise DataError(
                f"{one} has {w}x{h} pixels and {other} {other_w}x{other_h}; "
                "partners must be of one size"
            )
        return np.dstack(pictures)

    return Images([str(a[name]) for name in names], load, on_error=data.on_error)


def _read(path: str | Path) -> np.ndarray:
    picture = read_image(path)
    return over_white(picture.rgb, picture.alpha)
