"""Every recipe of this plugin is played for a step of each stage."""

from pathlib import Path

import pytest

import multigan
from multigan import registry
from multigan.config.recipe import load_recipe
from multigan.training.train import train

NAMES = [name for name in registry.recipes() if load_recipe(name).plugin == "text"]

SHORT = [
    "steps.mle=1", "steps.discriminator=1", "steps.adversarial=1", "loss.discriminator_steps=1",
    "train.batch_size=8", "train.threads=1", "train.trackers=[]", "data.builtin_size=100",
    "data.oracle.sentences=60", "evaluate.samples=20", "evaluate.seeds=1",
    "evaluate.temperatures=[1.0]",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_recipe(name: str, tmp_path: Path) -> None:
    captions = tmp_path / "captions.txt"
    captions.write_text("".join(f"a cat and {n} dogs\n" for n in range(100)), encoding="utf-8")
    source = [f"data.source={captions}"] if name == "textgan-captions" else []
    run = train(name, overrides=[*SHORT, *source], output=tmp_path / "run", quiet=True)
    assert (run / "exhibits" / "sweep.png").is_file()
    assert len(multigan.pipeline(run)(3).texts) == 3  # type: ignore[operator]
