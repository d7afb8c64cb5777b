"""The recipes that need no folders are played for two steps of each stage; their models load."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import multigan
from multigan import registry
from multigan.config.recipe import load_recipe
from multigan.training.train import train

METHODS = ("cyclegan", "pix2pix", "cut", "restoration")
NAMES = [
    name
    for name in registry.recipes()
    if (recipe := load_recipe(name)).plugin == "translation" and recipe.method in METHODS
]
SHORT = [
    "steps.adversarial=2", "train.batch_size=2", "train.threads=1", "train.trackers=[]",
    "data.builtin_size=8", "data.size=32", "data.resize=36", "model.width=8",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_recipe(name: str, tmp_path: Path) -> None:
    overrides = list(SHORT)
    if load_recipe(name).method == "restoration":
        overrides += ["steps.regression=2"]
    run = train(name, overrides=overrides, output=tmp_path / "run", quiet=True)
    rgba = np.random.default_rng(0).integers(0, 256, (21, 34, 4), dtype=np.uint8)
    pipe = multigan.pipeline(run)
    size = pipe(rgba).images[0].size  # type: ignore[operator]
    scale = 4 if name == "super-resolution" else 1
    assert size == (scale * 34, scale * 21)
