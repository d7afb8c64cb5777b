"""Style transfer by optimising the pixels of one photo (Gatys et al. 2016), from coarse to fine.

A coarse picture settles the large shapes of a style cheaply, and each finer one starts from it
(Gatys et al. 2017). There is no chance in it: the same pictures give the same result.

Shape suffixes: C channels, H and W pixels; one picture at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from multigan.data.media import Picture
from multigan.data.transforms import to_float, to_uint8
from multigan.plugins.translation.stylize.colours import greys, recoloured, with_lightness
from multigan.plugins.translation.stylize.layers import PerceptualFeatures
from multigan.plugins.translation.stylize.objective import StyleObjective, Weights

COARSEST = 48  # pixels of the shorter side below which no coarser picture is made
HISTORY = 20  # steps that L-BFGS remembers; each costs two pictures of memory
FIRST_STEP = 0.01  # mean change of a value in the first step of L-BFGS

Progress = Callable[[float], None]


def stylize(
    photo: Picture,
    style: np.ndarray,
    *,
    features: PerceptualFeatures,
    size: int = 512,
    iterations: int = 60,
    weights: Weights | None = None,
    colours: Literal["keep", "style"] = "style",
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Picture:
    """Paints a photo in the style of another picture.

    Args:
        photo: What to paint. Everything but its pixels stays as it was.
        style: What to paint it like, uint8 (H, W, 3).
        features: What both are compared in.
        size: Longer side, in pixels, at which a larger photo is painted before it is scaled up
            again. The style is taken at the same, so that strokes keep their share of the picture.
        iterations: How often the loss is computed at each size from coarse to fine.
        weights: Of style, content and smoothness.
        colours: Those of the "style", or "keep" the photo's.
        device: Where to compute.
        progress: Called with the share of the work that is done.
    """
    side, least = min(size, max(photo.rgb.shape[:2])), features.smallest
    photo_1CHW = _tensor(_fitted(photo.rgb, side, least)).to(device)
    style_1CHW = _tensor(_fitted(style, side, least)).to(device)
    if colours == "keep":
        photo_1CHW, style_1CHW = greys(photo_1CHW, style_1CHW)
    else:
        photo_1CHW = recoloured(photo_1CHW, style_1CHW)
    painted_1CHW = optimise(
        photo_1CHW,
        style_1CHW,
        features=features.to(device),
        iterations=iterations,
        weights=weights or Weights(),
        progress=progress,
    )
    height, width = photo.rgb.shape[:2]
    painted = Image.fromarray(_pixels(painted_1CHW))
    rgb = np.array(painted.resize((width, height), Image.Resampling.BICUBIC))
    if colours == "keep":
        rgb = _pixels(with_lightness(_tensor(photo.rgb), _tensor(rgb)))
    return replace(photo, rgb=rgb)


def optimise(
    photo_1CHW: Tensor,
    style_1CHW: Tensor,
    *,
    features: PerceptualFeatures,
    iterations: int,
    weights: Weights,
    progress: Progress | None = None,
) -> Tensor:
    """The picture of least loss that L-BFGS finds on the way from the photo.

    Args:
        photo_1CHW: RGB in [-1, 1].
        style_1CHW: RGB in [-1, 1], of any size.
        features: What both are compared in; on the same device.
        iterations: How often the loss is computed at each size.
        weights: Of the terms.
        progress: Called with the share of the work that is done.

    Returns:
        RGB in [-1, 1], as large as the photo.
    """
    scales = _scales(photo_1CHW, max(COARSEST, features.smallest))
    work = sum(scale**2 for scale in scales)
    done, x_1CHW = 0.0, photo_1CHW
    for scale in scales:
        content_1CHW, target_1CHW = (
            _scaled(picture, scale, features.smallest) for picture in (photo_1CHW, style_1CHW)
        )
        x_1CHW = F.interpolate(x_1CHW, content_1CHW.shape[-2:], mode="bilinear", antialias=True)
        x_1CHW = _descend(
            x_1CHW,
            content_1CHW,
            StyleObjective(features, target_1CHW, weights=weights),
            iterations=iterations,
            progress=_part(progress, done / work, (done + scale**2) / work),
        )
        done += scale**2
    return x_1CHW.clamp(-1, 1)


def _descend(
    x_1CHW: Tensor,
    photo_1CHW: Tensor,
    objective: StyleObjective,
    *,
    iterations: int,
    progress: Progress,
) -> Tensor:
    """L-BFGS on the pixels."""
    # Its first step changes the sum of all unknowns by one. In this unit that is a step worth
    # trying for a picture; from then on units do not matter to it.
    unit = FIRST_STEP * x_1CHW.numel()
    unknown = x_1CHW.div(unit).contiguous().requires_grad_()
    content, seen = objective.content(photo_1CHW), 0
    optimiser = torch.optim.LBFGS(
        [unknown],
        max_iter=iterations,
        max_eval=iterations,
        # Gradients of single pixels are tiny; the budget alone ends the search.
        tolerance_grad=0.0,
        tolerance_change=0.0,
        history_size=HISTORY,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        nonlocal seen
        optimiser.zero_grad()
        total = torch.stack(list(objective(unit * unknown, content=content).values())).sum()
        total.backward()
        seen += 1
        progress(min(1.0, seen / iterations))
        return total

    optimiser.step(loss)
    progress(1.0)
    return unknown.detach() * unit


def _part(progress: Progress | None, begin: float, end: float) -> Progress:
    """Reports a part of the work as its share of the whole."""

    def report(share: float) -> None:
        if progress is not None:
            progress(begin + share * (end - begin))

    return report


def _scales(photo_1CHW: Tensor, least: int) -> list[float]:
    """1 and its halves while the shorter side stays large enough, the smallest first."""
    shorter, scales = min(photo_1CHW.shape[-2:]), [1.0]
    while shorter * scales[0] / 2 >= least:
        scales.insert(0, scales[0] / 2)
    return scales


def _scaled(x_1CHW: Tensor, scale: float, least: int) -> Tensor:
    if scale == 1:
        return x_1CHW
    size = [max(least, round(side * scale)) for side in x_1CHW.shape[-2:]]
    return F.interpolate(x_1CHW, size, mode="bilinear", antialias=True)


def _fitted(rgb: np.ndarray, side: int, least: int) -> np.ndarray:
    """Resizes to a longer side; a very narrow picture is squeezed so that features can see it."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    size = (max(least, round(width * scale)), max(least, round(height * scale)))
    return np.array(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS))


def _tensor(rgb: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) to (1, 3, H, W) in [-1, 1]."""
    return to_float(torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None])


def _pixels(x_1CHW: Tensor) -> np.ndarray:
    """(1, 3, H, W) in [-1, 1] to uint8 (H, W, 3)."""
    return np.ascontiguousarray(to_uint8(x_1CHW)[0].permute(1, 2, 0).cpu().numpy())
