"""Pictures for a generator to learn from: decoded once, labelled if asked, varied at random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.media import read_image
from multigan.data.pixels import over_white
from multigan.data.scenes import ACTIONS, COLOURS, SHAPES, render, scene, scene_index
from multigan.data.source import SPLIT_FOLDERS, Images, images
from multigan.data.transforms import image_transform, to_float, to_uint8
from multigan.errors import DataError, suggestion
from multigan.plugins.image.adversarial.labels import read_labels
from multigan.plugins.image.adversarial.recipe import ImageData
from multigan.plugins.image.idx import is_idx_folder, read_pictures

CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}
SCENE_CLASSES = {"shape": SHAPES, "colour": tuple(COLOURS), "action": ACTIONS}
LUMA = (0.299, 0.587, 0.114)
CHUNK = 1000  # pictures resized at once


@dataclass(frozen=True)
class Source:
    """Where pictures come from.

    Attributes:
        load: number -> uint8 (C, H, W) of any size, and its class (0 where there are none). Where
            unreadable files are skipped, it is another picture's.
        count: of pictures.
        classes: their names; empty without labels.
    """

    load: Callable[[int], tuple[Tensor, int]]
    count: int
    classes: tuple[str, ...] = ()


class Pictures(Dataset[dict[str, Tensor]]):
    """Pictures of one size in [-1, 1].

    A picture is decoded and shrunk once and then kept in memory, as far as ``config.memory`` goes;
    what varies at random is done anew every time.

    Args:
        source: where they come from.
        config: size and augmentation.
    """

    def __init__(self, source: Source, config: ImageData) -> None:
        self.source, self.config = source, config
        self.classes = source.classes
        self._shorter = max(config.size, config.resize)
        self._kept: dict[int, tuple[Tensor, int]] = {}
        self._room = config.memory * 1e9
        self._vary = image_transform(
            config.size,
            resize=config.resize or None,
            crop=config.crop,
            flip=config.flip,
            jitter=config.jitter,
            rotation=config.rotation,
        )
        centre = "none" if config.crop == "none" else "centre"
        self._plain = image_transform(config.size, crop=centre, flip=False)

    def __len__(self) -> int:
        """Number of pictures."""
        return self.source.count

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One picture (C, size, size), augmented, and its label."""
        pixels, label = self._decoded(index)
        if self.config.zoom:
            pixels = _zoomed(pixels, self.config.zoom)
        return self._sample(self._vary(pixels), label)

    def plain(self, index: int) -> dict[str, Tensor]:
        """One picture without augmentation, for comparison."""
        pixels, label = self._decoded(index)
        return self._sample(self._plain(pixels), label)

    def _sample(self, image: Tensor, label: int) -> dict[str, Tensor]:
        return {"image": image, "label": torch.tensor(label)} if self.classes else {"image": image}

    def _decoded(self, index: int) -> tuple[Tensor, int]:
        if index in self._kept:
            return self._kept[index]
        pixels, label = self.source.load(index)
        pixels = _shrunk(pixels, self._shorter, zoom=self.config.zoom)
        if self._room >= pixels.numel():
            self._room -= pixels.numel()
            self._kept[index] = (pixels, label)
        return pixels, label


class WholePictures(Dataset[dict[str, Tensor]]):
    """Pictures of one size that nothing varies, in memory: given out batch by batch.

    Args:
        images: uint8 (N, C, H, W).
        labels: int64 (N,).
        classes: names; empty without labels.
        config: the size to bring them to.
    """

    def __init__(
        self, images: Tensor, labels: Tensor, classes: tuple[str, ...], config: ImageData
    ) -> None:
        self.labels, self.classes = labels, classes
        self.images = images
        if images.shape[-2:] != (config.size, config.size):
            fit = image_transform(config.size, crop=config.crop, flip=False)
            self.images = torch.cat([to_uint8(fit(part)) for part in images.split(CHUNK)])

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One picture (C, size, size) in [-1, 1] and its label."""
        return {key: value[0] for key, value in self.batch(torch.tensor([index])).items()}

    def plain(self, index: int) -> dict[str, Tensor]:
        """The same."""
        return self[index]

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Pictures by number, (B, C, size, size), and their labels."""
        batch = {"image": to_float(self.images[indices])}
        return batch | {"label": self.labels[indices]} if self.classes else batch


def open_pictures(
    config: ImageData, *, labelled: bool, split: str = "train"
) -> Pictures | WholePictures:
    """Opens what ``data.source`` names.

    Args:
        config: the section of the recipe.
        labelled: whether classes are needed.
        split: "train" or "validation". Built-in scenes and idx files always have both; a folder
            has a validation part only where one of its folders is called so.

    Raises:
        DataError: there are no such pictures, or they have no labels.
    """
    if config.source == "builtin:scenes":
        return Pictures(_scenes(config, labelled=labelled, split=split), config)
    if is_idx_folder(config.source):
        return _idx(config, labelled=labelled, split=split)
    if config.stacked:
        raise DataError(f"{config.source}: only idx files are stacked; set data.stacked=false")
    return Pictures(_files(config, labelled=labelled, split=split), config)


def in_colours(pixels: np.ndarray, colours: str) -> Tensor:
    """uint8 (H, W, 1, 3 or 4) to uint8 (C, H, W) in grey, rgb or rgba."""
    x_CHW = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
    if colours == "rgba":
        if len(x_CHW) != 4:
            opaque = torch.full_like(x_CHW[:1], 255)
            x_CHW = torch.cat([x_CHW.expand(3, -1, -1), opaque])
        # Under transparent pixels files hide anything; colours times alpha hide nothing.
        cover = x_CHW[3:].float() / 255
        return torch.cat([(x_CHW[:3] * cover).round().to(torch.uint8), x_CHW[3:]])
    if colours == "grey" and len(x_CHW) == 3:
        weights = torch.tensor(LUMA)[:, None, None]
        return (x_CHW * weights).sum(0, keepdim=True).round().to(torch.uint8)
    return x_CHW.expand(CHANNELS[colours], -1, -1).contiguous()


def has_validation(source: str) -> bool:
    """Whether there are pictures that are kept out of the training."""
    if source == "builtin:scenes" or is_idx_folder(source):
        return True
    return any((Path(source) / name).is_dir() for name in SPLIT_FOLDERS["validation"])


def load_picture(path: Path, config: ImageData) -> Tensor:
    """A file as a generator would learn it, nothing varied: (C, size, size) in [-1, 1].

    Raises:
        DataError: it cannot be read.
    """
    pixels = in_colours(_pixels(path, config), config.colours)
    return Pictures(Source(lambda _: (pixels, 0), 1), config).plain(0)["image"]


def _scenes(config: ImageData, *, labelled: bool, split: str) -> Source:
    def load(index: int) -> tuple[Tensor, int]:
        # With several things in a picture nobody could tell which of them the label means.
        shown = scene(scene_index(index, split=split), things=1 if labelled else None)
        return in_colours(render(shown, config.size), config.colours), shown.labels[config.label]

    return Source(load, config.builtin_size, SCENE_CLASSES[config.label] if labelled else ())


def _idx(config: ImageData, *, labelled: bool, split: str) -> Pictures | WholePictures:
    pictures, labels = read_pictures(config.source, split=split)
    digits = tuple(str(number) for number in range(int(labels.max()) + 1))
    kept, numbers, names = _chosen(labels.tolist(), digits, config)
    if config.classes:
        pictures, labels = pictures[kept], torch.tensor(numbers)
    if config.stacked:
        return WholePictures(_stacked(pictures), labels, (), config)
    names = names if labelled else ()
    varied = config.flip or config.rotation or config.zoom or config.jitter or config.resize
    if varied or config.crop == "random" or config.colours == "rgba":

        def load(index: int) -> tuple[Tensor, int]:
            pixels = pictures[index].permute(1, 2, 0).numpy()
            return in_colours(pixels, config.colours), int(labels[index])

        return Pictures(Source(load, len(pictures), names), config)
    coloured = pictures.expand(-1, CHANNELS[config.colours], -1, -1)
    return WholePictures(coloured, labels, names, config)


def _stacked(pictures: Tensor) -> Tensor:
    """Every picture with two others as its green and blue (stacked MNIST, Metz et al. 2017)."""
    generator = torch.Generator().manual_seed(0)
    order = [torch.randperm(len(pictures), generator=generator) for _ in range(2)]
    return torch.cat([pictures, pictures[order[0]], pictures[order[1]]], dim=1)


def _files(config: ImageData, *, labelled: bool, split: str) -> Source:
    opened = images(config.source, split=split)
    root = _root(config.source, split)
    local = Path(config.source).exists()
    named = labelled or bool(config.classes)
    if not local and (named or config.colours == "rgba"):
        what = "labels" if named else "transparency"
        raise DataError(f"{config.source}: only folders have {what}; download it into one")
    found: tuple[list[int], tuple[str, ...]] = [0] * len(opened), ()
    if named:  # one class is enough to be chosen, as where normal pictures have a folder "good"
        found = read_labels(opened.names, root, least=2 if labelled else 1)
    kept, labels, classes = _chosen(*found, config)

    def load(index: int) -> Any:
        number = kept[index]
        if config.colours != "rgba":
            return opened.load(number), labels[index]
        return _pixels(Path(opened.names[number]), config), labels[index]

    # Loaded with their labels: what stands in for a skipped picture brings its own.
    names = [opened.names[number] for number in kept]
    readable = Images(names, load, on_error=config.on_error)

    def converted(index: int) -> tuple[Tensor, int]:
        pixels, label = readable[index]
        return in_colours(pixels, config.colours), label

    return Source(converted, len(kept), classes if labelled else ())


def _pixels(path: Path, config: ImageData) -> np.ndarray:
    """uint8 (H, W, 3), or (H, W, 4) where the recipe wants transparency."""
    picture = read_image(path)
    if config.colours != "rgba":
        return over_white(picture.rgb, picture.alpha)
    alpha = np.full(picture.rgb.shape[:2], 255) if picture.alpha is None else picture.alpha
    return np.dstack([picture.rgb, alpha.astype(np.uint8)])


def _chosen(
    labels: Sequence[int], classes: tuple[str, ...], config: ImageData
) -> tuple[Sequence[int], list[int], tuple[str, ...]]:
    """Which pictures are of the classes that the recipe wants.

    Returns:
        Their numbers, their labels, counted anew, and the names of these.

    Raises:
        DataError: no such class.
    """
    if not config.classes:
        return range(len(labels)), list(labels), classes
    wanted = [str(name) for name in config.classes]
    for name in wanted:
        if name not in classes:
            hint = suggestion(name, classes)
            raise DataError(f"{config.source}: data.classes: no class '{name}'{hint}")
    names = tuple(name for name in classes if name in wanted)
    renumbered = {classes.index(name): number for number, name in enumerate(names)}
    kept = [index for index, label in enumerate(labels) if label in renumbered]
    return kept, [renumbered[labels[index]] for index in kept], names


def _root(source: str, split: str) -> Path:
    """The folder that class folders and tables lie in."""
    inside = [Path(source) / name for name in SPLIT_FOLDERS[split]]
    return next((folder for folder in inside if folder.is_dir()), Path(source))


def _shrunk(pixels: Tensor, shorter: int, *, zoom: float) -> Tensor:
    """No larger than needed: a photo kept at full size would fill the memory."""
    from torchvision.transforms.v2 import functional

    height, width = pixels.shape[-2:]
    target = round(shorter / (1.0 - zoom))
    if min(height, width) <= target:
        return pixels
    scale = target / min(height, width)
    size = [max(target, round(height * scale)), max(target, round(width * scale))]
    return functional.resize(pixels, size, antialias=True)


def _zoomed(pixels: Tensor, most: float) -> Tensor:
    """A part of the picture, by chance down to 1 - most of both sides, anywhere."""
    share, down, right = torch.rand(3).tolist()
    height, width = pixels.shape[-2:]
    tall, wide = (max(1, round(side * (1.0 - most * share))) for side in (height, width))
    top, left = round(down * (height - tall)), round(right * (width - wide))
    return pixels[:, top : top + tall, left : left + wide]
