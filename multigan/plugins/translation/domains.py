"""Opening the pictures of one domain: a folder, a hub id, or a built-in world."""

from __future__ import annotations

import numpy as np

from multigan.data.source import Images, images


def open_domain(
    source: str, *, size: int, builtin_size: int, unpaired: bool = False, on_error: str = "raise"
) -> Images:
    """Opens the pictures of one domain, uint8 (H, W, 3).

    Args:
        source: What `multigan.data.source.images` opens, or ``builtin:sketches``.
        size: Side at which built-in pictures are drawn.
        builtin_size: Number of built-in pictures.
        unpaired: Take other built-in scenes than the first domain does.
        on_error: ``raise``, or ``skip`` unreadable files with one warning for each.

    Raises:
        DataError: There are no such pictures.
    """
    sketches = source == "builtin:sketches"
    builtin = source.startswith("builtin:")
    return images(
        "builtin:scenes" if sketches else source,
        split="validation" if builtin and unpaired else "train",
        limit=builtin_size if builtin else None,
        size=size,
        transform=sketch if sketches else None,
        on_error=on_error,
    )


def sketch(rgb: np.ndarray) -> np.ndarray:
    """Dark lines on white where neighbouring colours differ; uint8 (H, W, 3) to the same."""
    x = rgb.astype(np.int16)
    across = np.abs(np.diff(x, axis=1, append=x[:, -1:])).sum(axis=2)
    down = np.abs(np.diff(x, axis=0, append=x[-1:])).sum(axis=2)
    ink = np.clip(across + down, 0, 220)
    return np.repeat((255 - ink).astype(np.uint8)[:, :, None], 3, axis=2)
