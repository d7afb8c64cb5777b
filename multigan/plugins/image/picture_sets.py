"""The two sets of pictures of a score: opened, drawn from, and looked at once.

A picture that cannot be read is left out: one broken file among thousands must not cost the score
of the others.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from multigan.data.media import list_images, read_image
from multigan.data.pixels import over_white
from multigan.data.source import images
from multigan.errors import DataError
from multigan.plugins.image.features.extractor import FeatureExtractor
from multigan.plugins.image.idx import is_idx_folder, read_pictures
from multigan.plugins.image.scores import Summary

READERS = 4  # threads that decode while the network looks at the batch before


@dataclass(frozen=True)
class PictureSet:
    """Pictures to look at one after the other.

    Attributes:
        source: as the user named it.
        available: how many there are.
        chosen: the numbers of those that are looked at.
        load: gives the picture of a number as uint8 (height, width, 1 or 3).
        labels: the name of each chosen one's class folder; empty without such folders.
    """

    source: str
    available: int
    chosen: Sequence[int]
    load: Callable[[int], np.ndarray]
    labels: Sequence[str] = ()


def open_set(source: str, *, limit: int | None) -> PictureSet:
    """Opens a folder of pictures, a folder of MNIST-style files (its held-out part), or a built-in.

    Args:
        source: where they are.
        limit: no more than so many, drawn without replacement by a fixed seed.

    Raises:
        DataError: there are no pictures.
    """
    if source.startswith("builtin:"):
        scenes = images(source, split="validation")
        return PictureSet(source, len(scenes), _choose(len(scenes), limit), scenes.load)
    if is_idx_folder(source):
        pictures, _ = read_pictures(source, split="validation")
        pixels = pictures.permute(0, 2, 3, 1).numpy()
        named = f"{source} (held-out sixth)"
        return PictureSet(named, len(pixels), _choose(len(pixels), limit), pixels.__getitem__)
    paths = list_images(source)

    def load(index: int) -> np.ndarray:
        picture = read_image(paths[index])
        return over_white(picture.rgb, picture.alpha)

    chosen = _choose(len(paths), limit)
    below = [paths[index].relative_to(source).parts for index in chosen]
    labels = [parts[0] for parts in below] if all(len(parts) > 1 for parts in below) else []
    return PictureSet(source, len(paths), chosen, load, labels)


def summarize(
    pictures: PictureSet,
    extractor: FeatureExtractor,
    *,
    batch_size: int,
    device: torch.device,
) -> tuple[Summary, list[str]]:
    """Looks once at all chosen pictures.

    Returns:
        What is known about those that can be read, and a line about each of the others.

    Raises:
        DataError: none can be read.
    """
    problems: list[str] = []
    summary = Summary(extractor, total=len(pictures.chosen))
    numbers = {name: number for number, name in enumerate(extractor.class_names)}
    named = bool(pictures.labels) and all(label in numbers for label in pictures.labels)
    for start, batch in _batches(pictures, batch_size):
        problems += [str(found) for found in batch if isinstance(found, DataError)]
        readable = {
            place: torch.from_numpy(found).permute(2, 0, 1).to(device)
            for place, found in enumerate(batch, start)
            if not isinstance(found, DataError)
        }
        if not readable:
            continue
        tensors, labels = list(readable.values()), None
        if named:
            labels = torch.tensor([numbers[pictures.labels[place]] for place in readable])
        alike = len({tensor.shape for tensor in tensors}) == 1
        summary.update(torch.stack(tensors) if alike else tensors, labels)
    if not summary.count:
        raise DataError(f"none of {len(problems)} pictures can be read, the first: {problems[0]}")
    return summary, problems


def _batches(pictures: PictureSet, size: int) -> Iterator[tuple[int, list[np.ndarray | DataError]]]:
    """(number of the first, decoded pictures); decoding runs one batch ahead in threads."""

    def load(index: int) -> np.ndarray | DataError:
        try:
            return pictures.load(index)
        except DataError as error:
            return error

    with ThreadPoolExecutor(READERS) as readers:
        ahead = [readers.submit(load, index) for index in pictures.chosen[:size]]
        for start in range(0, len(pictures.chosen), size):
            batch = ahead
            following = pictures.chosen[start + size : start + 2 * size]
            ahead = [readers.submit(load, index) for index in following]
            yield start, [each.result() for each in batch]


def _choose(available: int, limit: int | None) -> Sequence[int]:
    if limit is None or limit >= available:
        return range(available)
    return sorted(random.Random(0).sample(range(available), limit))
