"""Training and translating on a CUDA device: ``pytest -m gpu``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import multigan
from multigan.config.recipe import make_recipe
from multigan.training.checkpoint import read_state
from multigan.training.train import train
from multigan.weights import read_tensors

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

TRAIN = {"device": "cuda", "log_every": 1, "checkpoint_every": 2, "trackers": []}
RECIPES = {
    "text": {
        "plugin": "text",
        "data": {"builtin_size": 200},
        "model": {"hidden": 16, "discriminator_hidden": 16},
        "steps": {"mle": 2, "discriminator": 2, "adversarial": 4},
        "evaluate": {"samples": 20},
        "train": {**TRAIN, "batch_size": 16},
    },
    "translation": {
        "plugin": "translation",
        "data": {"size": 32, "resize": 36, "builtin_size": 20},
        "model": {"width": 8, "blocks": 1, "discriminator_width": 8, "discriminator_layers": 1},
        "loss": {"r1": 1.0, "r1_every": 2},
        "steps": {"adversarial": 6},
        "train": {**TRAIN, "batch_size": 2, "channels_last": True},
    },
}


def trained(name: str, folder: Path, **options: object) -> Path:
    recipe = RECIPES[name]
    recipe = {**recipe, "train": {**recipe["train"], **options}}  # type: ignore[dict-item]
    return train(make_recipe(recipe), output=folder, quiet=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_precision_trains_and_the_model_loads_on_cpu_and_gpu(name, precision, tmp_path):
    run = trained(name, tmp_path / "run", precision=precision)
    for path in sorted((run / "checkpoints").glob("step-*/networks/*.safetensors")):
        assert all(tensor.isfinite().all() for tensor in read_tensors(path).values()), path
    pipe = multigan.pipeline(run)
    assert pipe.device.type == "cpu"
    if name == "translation":
        rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        on_cpu = np.asarray(pipe(rgb).images[0]).astype(int)
        on_gpu = np.asarray(pipe.to("cuda")(rgb).images[0]).astype(int)
        assert np.abs(on_cpu - on_gpu).mean() < 1
    else:
        texts = pipe(8, seed=1).texts
        assert texts == pipe.to("cuda")(8, seed=1).texts


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_compiled_networks_train(name, tmp_path):
    run = trained(name, tmp_path / "run", compile=True, precision="bf16")
    assert (run / "model" / "multigan.json").is_file()


def test_resume_takes_up_the_random_state_of_the_device(tmp_path):
    whole = trained("translation", tmp_path / "whole", precision="fp32")
    first, last = sorted((whole / "checkpoints").glob("step-*"))
    states = [read_tensors(path / "rank-0" / "rng.safetensors") for path in (first, last)]
    assert "cuda" in states[0]
    assert read_state(last)["step"] == 6
    assert not torch.equal(states[0]["noise"], states[1]["noise"])
