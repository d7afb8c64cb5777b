"""Writes what a model makes while it trains into ``samples/``."""

from __future__ import annotations

import math
from pathlib import Path

from torch import Tensor

from multigan.training.phases import Preview


def write_preview(preview: Preview, folder: Path, step: int) -> list[Path]:
    """Writes ``step-000500.txt``, ``step-000500.png`` and ``step-000500-NAME`` for each file.

    Returns:
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    if preview.texts:
        path = folder / f"step-{step:06d}.txt"
        path.write_text("\n".join(preview.texts) + "\n", encoding="utf-8")
        written.append(path)
    if preview.images is not None:
        path = folder / f"step-{step:06d}.png"
        write_grid(preview.images, path, columns=preview.columns)
        written.append(path)
    for name, content in preview.files.items():
        path = folder / f"step-{step:06d}-{name}"
        path.write_bytes(content)
        written.append(path)
    return written


def write_grid(images: Tensor, path: Path, *, columns: int = 0) -> None:
    """Writes pictures as one PNG.

    Args:
        images: (N, C, H, W) in [0, 1].
        path: Of the PNG.
        columns: Pictures in a row; 0 makes the grid square.
    """
    from torchvision.utils import save_image

    save_image(images, path, nrow=columns or math.ceil(math.sqrt(len(images))))
