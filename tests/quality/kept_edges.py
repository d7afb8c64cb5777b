"""How many of the edges of photos are still edges in what was made of them?

    python tests/quality/kept_edges.py --photos photos/ RESULTS...

An edge of a photo is a pixel among the tenth where its brightness, slightly blurred, changes most.
It is kept if a pixel of the result's own tenth lies at most two pixels away. Beside each share
stands what the result of another photo would get, for edges are everywhere in busy pictures.
A result's name begins with its photo's, as `multigan translate` has it; shorter sides become 320
pixels.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from multigan.data.media import list_images, read_image

SIDE, SHARE, NEAR = 320, 0.1, 2


def edges(path: Path, size: tuple[int, int]) -> Tensor:
    """Which pixels are edges, (1, 1, H, W)."""
    picture = Image.fromarray(read_image(path).rgb).convert("L")
    grey = torch.from_numpy(np.array(picture.resize(size, Image.Resampling.LANCZOS))).float()
    grey = F.avg_pool2d(grey[None, None], 3, stride=1, padding=1, count_include_pad=False)
    sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    padded = F.pad(grey, (1, 1, 1, 1), mode="replicate")
    gradient = F.conv2d(padded, torch.stack([sobel, sobel.t()])[:, None])
    strength = gradient.square().sum(1, keepdim=True)
    return strength >= strength.flatten().quantile(1 - SHARE)


def kept(photo: Tensor, result: Tensor) -> float:
    reached = F.max_pool2d(result.float(), 2 * NEAR + 1, stride=1, padding=NEAR) > 0
    return float((photo & reached).sum() / photo.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", required=True)
    parser.add_argument("results", nargs="+")
    given = parser.parse_args()
    photos = {path.stem: path for path in list_images(given.photos)}
    for folder in given.results:
        results = sorted(list_images(folder), key=lambda path: len(path.stem), reverse=True)
        made = {name: path for name in photos for path in results if path.stem.startswith(name)}
        names = sorted(made)
        if not names:
            parser.error(f"{folder}: no picture in it is named like one of {given.photos}")
        own, other = [], []
        for name, neighbour in zip(names, names[1:] + names[:1], strict=True):
            with Image.open(photos[name]) as picture:
                scale = SIDE / min(picture.size)
                size = (round(picture.width * scale), round(picture.height * scale))
            photo = edges(photos[name], size)
            own.append(kept(photo, edges(made[name], size)))
            other.append(kept(photo, edges(made[neighbour], size)))
        print(
            f"{folder}: {np.mean(own):.3f} of the edges kept (worst {min(own):.3f}); "
            f"the result of another photo has {np.mean(other):.3f}; {len(names)} photos"
        )


if __name__ == "__main__":
    main()
