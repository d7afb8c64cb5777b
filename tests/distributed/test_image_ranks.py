"""Two processes train the image GAN like one: everything in a step that looks at a whole batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.distributed

# Nothing here normalises over the batch. Everything else that a step knows of other pictures is on:
# DRAGAN's deviation and ADA's probability.
RECIPE = """
plugin: image
method: r3gan
data: {size: 16, builtin_size: 32}
model: {latents: 6, width: 8, discriminator_width: 8, blocks: 1, group: 4}
loss: {gradient_penalty: 1.0, dragan: 10.0}
augment: {policy: ada, images: 100}
steps: {adversarial: 4}
evaluate: {features: none}
train: {batch_size: 8, device: cpu, threads: 1, preview_every: 0, trackers: []}
optimizers:
  generator: {name: sgd, lr: 0.02}
  discriminator: {name: sgd, lr: 0.02}
"""


def networks(run: Path) -> dict[str, torch.Tensor]:
    (last,) = (run / "checkpoints").glob("step-*4")
    return {
        f"{file.stem}.{key}": value
        for file in sorted((last / "networks").iterdir())
        for key, value in load_file(file).items()
    }


def test_two_ranks_equal_one(ranks: Any, fork: Any, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    assert fork("run", recipe, "-o", tmp_path / "one").wait() == 0
    processes = ranks(2, "run", recipe, "-o", tmp_path / "two")
    assert [process.wait() for process in processes] == [0, 0]
    one, two = networks(tmp_path / "one"), networks(tmp_path / "two")
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=0, atol=1e-5, msg=name)
