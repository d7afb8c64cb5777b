"""Clips as pictures and films: contact sheets, a film of all clips side by side, single files.

Shape suffixes: N clips, T frames, C channels, H and W pixels.
"""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from multigan.data.film import write_film
from multigan.training.phases import Preview

SHEET_FRAMES = 16  # shown of a longer clip, evenly spread


def side_by_side(clips_NTCHW: Tensor) -> Tensor:
    """One clip (T, C, rows H, columns W) of all clips, in a grid that is as square as it can be."""
    N, T, C, H, W = clips_NTCHW.shape
    columns = math.ceil(math.sqrt(N))
    rows = math.ceil(N / columns)
    blank = clips_NTCHW.new_ones(rows * columns - N, T, C, H, W)
    grid = torch.cat([clips_NTCHW, blank]).view(rows, columns, T, C, H, W)
    return grid.permute(2, 3, 0, 4, 1, 5).reshape(T, C, rows * H, columns * W)


def contact_sheet(clips_NTCHW: Tensor) -> Tensor:
    """One picture (C, N H, T W): a row for each clip, time from left to right."""
    T = clips_NTCHW.shape[1]
    if T > SHEET_FRAMES:
        which = torch.linspace(0, T - 1, SHEET_FRAMES).round().long()
        clips_NTCHW = clips_NTCHW[:, which]
    N, T, C, H, W = clips_NTCHW.shape
    return clips_NTCHW.permute(2, 0, 3, 1, 4).reshape(C, N * H, T * W)


def picture(x_CHW: Tensor) -> Image.Image:
    """A tensor in [0, 1] as a PIL picture."""
    pixels = x_CHW.mul(255).round().clamp(0, 255).byte().permute(1, 2, 0)
    return Image.fromarray(pixels.contiguous().numpy())


def write_clip(clip_TCHW: Tensor, path: Path, *, rate: float) -> Path:
    """Writes a clip in [0, 1] as a film, see `multigan.data.film.write_film`."""
    return write_film([picture(frame) for frame in clip_TCHW], path, rate=max(1, round(rate)))


def preview_of(clips_NTCHW: Tensor, *, rate: float) -> Preview:
    """A contact sheet and a GIF of clips in [-1, 1]."""
    clips_NTCHW = clips_NTCHW.add(1).div(2).clamp(0, 1)
    with tempfile.TemporaryDirectory() as folder:
        gif = write_clip(side_by_side(clips_NTCHW), Path(folder) / "clips.gif", rate=rate)
        content = gif.read_bytes()
    sheet = contact_sheet(clips_NTCHW)
    return Preview(images=sheet[None], columns=1, files={"clips.gif": content})
