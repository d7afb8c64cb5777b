"""Scores of results whose right answer is known, each beside what doing nothing clever scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from multigan.metrics.psnr import psnr
from multigan.metrics.random_features import random_feature_distance
from multigan.metrics.ssim import ssim
from multigan.training.phases import Preview

MOST = 100.0  # decibels: a perfect picture would make every mean infinite
METRICS = {"psnr": psnr, "ssim": ssim, "random-feature-distance": random_feature_distance}
CHUNK = 8  # pictures restored at once


@torch.no_grad()
def scores(
    generator: nn.Module,
    pictures: dict[str, Tensor],
    *,
    baseline: Callable[[Tensor], Tensor],
) -> dict[str, float]:
    """Mean scores of the generator's results and, named ``...-baseline``, of the baseline's.

    Args:
        generator: In eval mode.
        pictures: ``input`` and ``target`` in [-1, 1].
        baseline: What to compare with, made of the inputs.
    """
    found: dict[str, list[Tensor]] = {}
    for given, target in zip(*(pictures[k].split(CHUNK) for k in ("input", "target")), strict=True):
        for name, made in (("", _placed(generator, given)), ("-baseline", baseline(given))):
            for metric, measure in METRICS.items():
                values = measure(_seen(made), _seen(target)).clamp(max=MOST)
                found.setdefault(metric + name, []).append(values)
    return {name: float(torch.cat(values).mean()) for name, values in found.items()}


@torch.no_grad()
def rows(
    generator: nn.Module, pictures: dict[str, Tensor], *, baseline: Callable[[Tensor], Tensor]
) -> Preview:
    """Rows of what the baseline makes of the input, what the generator makes, and the target."""
    made: Iterable[Tensor] = (
        baseline(pictures["input"]),
        _placed(generator, pictures["input"]),
        pictures["target"],
    )
    images = torch.stack([_seen(x) for x in made], dim=1).flatten(0, 1)
    return Preview(images=images, columns=3)


def _placed(generator: nn.Module, x_BCHW: Tensor) -> Tensor:
    """Generates where the generator is; the result comes back to the CPU."""
    return generator(x_BCHW.to(next(generator.parameters()).device)).cpu()


def _seen(x_BCHW: Tensor) -> Tensor:
    """The 256 levels of a file, in [0, 1]."""
    return x_BCHW.float().add(1).mul(127.5).round().clamp(0, 255) / 255
