"""25 Gaussians: how modes are counted, and that the stable objectives find all of them."""

from __future__ import annotations

import pytest
import torch

from multigan.config.recipe import make_recipe
from multigan.plugins.image.adversarial.gan import ImageGAN
from multigan.plugins.image.adversarial.points import (
    DEVIATION,
    Gaussians,
    centres,
    coverage,
    heat_map,
)
from multigan.training.engine import Engine
from multigan.training.phases import Noise
from multigan.training.run import Run
from multigan.training.trainer import Trainer


def test_the_data_covers_itself():
    data = Gaussians(20_000)
    scores = coverage(data.points.flatten(1))
    assert scores["modes"] == 25
    # Within three deviations lie 1 - exp(-9/2) of a Gaussian of the plane.
    assert scores["good-points"] == pytest.approx(0.98889, abs=0.003)
    assert torch.equal(data.batch(torch.tensor([3]))["image"][0], data[3]["image"])


def test_coverage_counts_modes_with_a_good_point():
    points = torch.cat([centres()[:10], centres()[10:12] + 5 * DEVIATION, centres()[:4]])
    assert coverage(points) == {"modes": 10.0, "good-points": pytest.approx(14 / 16)}
    assert coverage(torch.full((5, 2), 9.0)) == {"modes": 0.0, "good-points": 0.0}


def test_heat_map_shows_the_grid():
    picture = heat_map(centres())
    assert picture.shape == (1, 1, 96, 96)
    assert int((picture > 0).sum()) == 25


STABLE = {
    "wgan-gp": (
        {"objective": "wasserstein", "gradient_penalty": 1.0, "discriminator_steps": 3},
        2000,
    ),
    "r1-r2": ({"objective": "relativistic", "r1": 0.002, "r2": 0.002}, 3000),
}


def trained(folder, loss, *, steps, seed=0):
    players = ("generator", "discriminator")
    adam = {"lr": 1e-3, "betas": [0.0, 0.9], "schedule": "linear", "hold": 0.5}
    recipe = make_recipe(
        {
            "plugin": "image",
            "method": "mlp",
            "seed": seed,
            "data": {"source": "builtin:gaussians", "builtin_size": 50_000},
            "model": {"latents": 4, "width": 96, "discriminator_width": 96},
            "loss": loss,
            "train": {
                "batch_size": 200, "device": "cpu", "threads": 1, "preview_every": 0,
                "checkpoint_every": 0,
            },
            "ema": {"decay": 0.99},
            "evaluate": {"samples": 10_000},
            "steps": {"adversarial": steps},
            "optimizers": dict.fromkeys(players, adam),
        }
    )  # fmt: skip
    torch.manual_seed(seed)
    gan = ImageGAN(recipe)
    trainer = Trainer(gan, recipe, engine=Engine(recipe.train), run=Run(folder))
    trainer.fit()
    return gan.evaluate(trainer.averaged(), Noise(1))


@pytest.mark.slow
@pytest.mark.parametrize("name", STABLE)
def test_stable_objectives_cover_all_modes(tmp_path, name, capsys):
    loss, steps = STABLE[name]
    scores = trained(tmp_path, loss, steps=steps)
    with capsys.disabled():
        print(f"\n{name}: {scores}")
    assert scores["modes"] == 25
    assert scores["good-points"] > 0.15  # scattered over the square, 0.03 would be
