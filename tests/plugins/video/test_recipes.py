"""Every recipe of this plugin is played for two steps of each stage, and its model is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from multigan import registry
from multigan.config.recipe import load_recipe

NAMES = [name for name in registry.recipes() if load_recipe(name).plugin == "video"]

SHORT = ["data.size=32", "train.batch_size=2", "train.trackers=[]", "model.width=4"]
ADVERSARIAL = [*SHORT, "steps.adversarial=2", "model.discriminator_width=4", "model.widest=8"]
OVERRIDES = {
    "mocogan": [*ADVERSARIAL, "evaluate.features=none", "train.precision=fp32"],
    "animate": [
        *ADVERSARIAL,
        "steps.reconstruction=2",
        "steps.actions=2",
        "evaluate.samples=4",
        "evaluate.features=none",
    ],
    "next-frame": [*ADVERSARIAL, "evaluate.samples=4"],
    "classifier": [*SHORT, "steps.training=2", "data.frames=4"],
}


@pytest.mark.parametrize("name", NAMES)
def test_recipe(name: str, sheets: Path, tmp_path: Path, cli) -> None:
    recipe = load_recipe(name)
    overrides = list(OVERRIDES[recipe.method])
    if recipe.data.source == "builtin:scenes":
        overrides.append("data.builtin_size=20")
    else:
        overrides += [f"data.source={sheets}", "data.held_out=4"]
    if name == "videogan-sprites":
        overrides.append("steps.reconstruction=2")
    shown = cli("run", name, *overrides, "-o", tmp_path / "run")
    assert shown.code == 0, shown.err
    if recipe.method == "mocogan":
        shown = cli("sample", tmp_path / "run", "-n", 2, "--length", 5, "-o", tmp_path / "clips")
        assert shown.code == 0, shown.err
        assert len(list((tmp_path / "clips").glob("*.mp4"))) == 2
