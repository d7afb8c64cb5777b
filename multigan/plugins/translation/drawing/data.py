"""Training data of the drawing method: crops of photos, of their drawings, and of real art."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as TF

from multigan.data.media import read_image, write_image
from multigan.data.source import Images
from multigan.data.transforms import to_float
from multigan.plugins.translation.drawing.abstractions import ABSTRACTIONS

EDITION = b"2"  # of the abstractions; a new one makes old cached drawings invalid


class DrawnPhotos(Dataset[dict[str, Tensor]]):
    """A crop of a photo by index, the same crop of its drawing, and a crop of any piece of art.

    A photo is drawn when it is first needed, as a whole and at every one of the sizes: its
    abstraction depends on more than the crop. Everything decoded stays in memory, three bytes a
    pixel.

    Args:
        photos: What is to be drawn.
        art: What drawings should look like.
        drawing: How photos are drawn: a name in `ABSTRACTIONS`.
        size: Side of the crops.
        photo_sides: Shorter sides of the photos; each sample takes one of them by chance.
        art_side: Shorter side of the art.
        cache: Folder that keeps drawings as PNG files between runs and processes, or None.
    """

    def __init__(
        self,
        photos: Images,
        art: Images,
        *,
        drawing: str,
        size: int,
        photo_sides: Sequence[int],
        art_side: int,
        cache: Path | None = None,
    ) -> None:
        self.photos, self.art, self.size = photos, art, size
        self.drawing = drawing
        self.photo_sides, self.art_side = tuple(photo_sides), art_side
        self.cache = cache
        if cache is not None:
            cache.mkdir(parents=True, exist_ok=True)
        self._pairs: dict[tuple[int, int], Tensor] = {}
        self._art: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        side = self.photo_sides[int(torch.randint(len(self.photo_sides), ()))]
        other = int(torch.randint(len(self.art), ()))
        photo, drawing = self._cropped(self.pair(index, side)).chunk(2)
        art = self._cropped(self.picture(other))
        return {
            "photo": to_float(photo),
            "drawing": to_float(drawing),
            "art": to_float(art),
        }

    def pair(self, index: int, side: int) -> Tensor:
        """A photo and its drawing in one uint8 tensor (6, H, W); the shorter side is `side`."""
        if (index, side) not in self._pairs:
            photo = _resized(self.photos[index], side)
            self._pairs[index, side] = torch.cat([photo, self._drawing(photo)])
        return self._pairs[index, side]

    def picture(self, index: int) -> Tensor:
        """A picture of the art as uint8 (3, H, W)."""
        if index not in self._art:
            self._art[index] = _resized(self.art[index], self.art_side)
        return self._art[index]

    def shown(self, count: int) -> tuple[Tensor, Tensor]:
        """Centres of the first photos and of their drawings, (N, 3, side, side) in [-1, 1]."""
        side = self.photo_sides[0]
        pairs = [TF.center_crop(self.pair(i % len(self), side), [side, side]) for i in range(count)]
        photos, drawings = to_float(torch.stack(pairs)).chunk(2, dim=1)
        return photos, drawings

    def _drawing(self, photo: Tensor) -> Tensor:
        path = None
        if self.cache is not None:
            kind = f"{self.drawing} {tuple(photo.shape)}".encode()
            name = hashlib.sha256(EDITION + kind + photo.numpy().tobytes()).hexdigest()[:32]
            path = self.cache / f"{name}.png"
            if path.is_file():
                return torch.from_numpy(read_image(path).rgb).permute(2, 0, 1)
        drawn = ABSTRACTIONS[self.drawing](photo[None].float() / 255)[0]
        drawing = drawn.mul(255).round_().to(torch.uint8)
        if path is not None:
            write_image(drawing.permute(1, 2, 0).numpy(), path)
        return drawing

    def _cropped(self, x_CHW: Tensor) -> Tensor:
        height, width = x_CHW.shape[-2:]
        top = int(torch.randint(height - self.size + 1, ()))
        left = int(torch.randint(width - self.size + 1, ()))
        x_CHW = x_CHW[:, top : top + self.size, left : left + self.size]
        return x_CHW.flip(-1) if torch.rand(()) < 0.5 else x_CHW


def _resized(rgb: np.ndarray, side: int) -> Tensor:
    picture = torch.from_numpy(rgb).permute(2, 0, 1)
    return TF.resize(picture, [side], antialias=True).contiguous()
