"""Motions as what a report shows: a sheet of moments, and a film as bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from multigan.plugins.motion.drawing import draw_film, draw_sheet, side_by_side
from multigan.plugins.motion.skeleton import Motion

SMOOTH = 15  # frames a second of a film that only previews; GIF players know 20 at most


def shown_sheet(motions: Sequence[Motion]) -> Tensor:
    """Pictures (N, 3, H, W) in [0, 1], a row of moments of each motion."""
    rows = [np.asarray(draw_sheet([motion], size=80)) for motion in motions]
    return torch.from_numpy(np.stack(rows)).permute(0, 3, 1, 2).float() / 255


def shown_film(motions: Sequence[Motion], *, size: int = 96) -> bytes:
    """All of them side by side as an animated GIF."""
    every = max(1, round(motions[0].fps / SMOOTH))
    films = [draw_film(motion, size=size)[::every] for motion in motions]
    frames = [
        picture.quantize(16, method=Image.Quantize.MEDIANCUT) for picture in side_by_side(films)
    ]
    file = io.BytesIO()
    duration = round(1000 * every / motions[0].fps)
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=duration, loop=0)
    return file.getvalue()
