"""CycleGAN's losses, pool and data against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from multigan.config.recipe import load_recipe, make_recipe
from multigan.errors import DataError, RecipeError
from multigan.plugins.translation.cyclegan.gan import CycleGAN
from multigan.plugins.translation.cyclegan.pool import ImagePool
from multigan.plugins.translation.domains import sketch
from multigan.training.phases import Noise, Step

SMALL = {
    "plugin": "translation",
    "method": "cyclegan",
    "data": {"size": 32, "resize": 36, "builtin_size": 20},
    "model": {"width": 4, "blocks": 1, "discriminator_width": 4, "discriminator_layers": 1},
}


def make(**sections):
    torch.manual_seed(0)
    return CycleGAN(make_recipe({**SMALL, **sections}))


def step():
    return Step(0, 10, Noise(0))


def batch(size=32, count=2):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(count, 3, size, size, generator=generator) * 2 - 1 for name in "ab"}


def test_generator_terms_equal_the_textbook_formulas():
    gan = make(loss={"cycle": 7.0, "identity": 0.3})
    data = batch()
    losses = gan.generators(data, step())
    ab, ba = gan.networks["generator_ab"], gan.networks["generator_ba"]
    judge_b = gan.networks["discriminator_b"]
    fake_b = ab(data["a"])
    expected = {
        "adversarial-b": 0.5 * (judge_b(fake_b) - 1).square().mean(),
        "cycle-a": 7.0 * (ba(fake_b) - data["a"]).abs().mean(),
        "identity-b": 7.0 * 0.3 * (ab(data["b"]) - data["b"]).abs().mean(),
    }
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-4), name
    assert torch.allclose(data["fake_b"], fake_b, atol=1e-5)
    assert not data["fake_b"].requires_grad


def test_discriminators_use_the_fakes_of_the_generator_phase():
    gan = make(loss={"pool": 0})
    data = batch()
    gan.generators(data, step())
    losses = gan.discriminators(data, step())
    judge = gan.networks["discriminator_a"]
    real, fake = judge(data["a"]), judge(data["fake_a"])
    expected = 0.5 * 0.5 * ((real - 1).square().mean() + fake.square().mean())
    assert losses["adversarial-a"].item() == pytest.approx(expected.item(), rel=1e-5)
    losses["adversarial-a"].backward()
    assert all(p.grad is None for p in gan.networks["generator_ba"].parameters())


def test_r1_is_a_lazy_phase_of_its_own():
    gan = make(loss={"r1": 2.0, "r1_every": 4})
    phase = gan.stages()[0].phases[-1]
    assert (phase.name, phase.every, phase.fresh) == ("r1", 4, False)
    data = batch()
    real = data["a"].clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(
        gan.networks["discriminator_a"](real).mean(dim=(1, 2, 3)).sum(), real
    )
    expected = 4 * 2.0 * 0.5 * gradient.square().sum(dim=(1, 2, 3)).mean()
    assert phase.loss(data, step())["r1-a"].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("objective", ["hinge", "wasserstein", "relativistic", "non-saturating"])
def test_every_objective_gives_finite_losses(objective):
    gan = make(loss={"objective": objective, "gradient_penalty": 10.0})
    data = batch()
    for losses in (gan.generators(data, step()), gan.discriminators(data, step())):
        assert all(torch.isfinite(value) for value in losses.values())


def test_unet_trains_too():
    gan = make(model={**SMALL["model"], "generator": "unet", "depth": 5})
    losses = gan.generators(batch(), step())
    assert all(torch.isfinite(value) for value in losses.values())
    assert gan.model()["multiple"] == 32


def test_size_that_does_not_fit_is_told():
    with pytest.raises(RecipeError, match="multiple of 4"):
        make_recipe({**SMALL, "data": {"size": 30}})


def test_pool_follows_the_reference_rule():
    """The same draws through a plain list, as the reference implementation keeps it."""
    pool = ImagePool(3, shape=(1, 1, 1))
    kept: list[float] = []
    generator = torch.Generator().manual_seed(0)
    for number in range(40):
        chance = torch.rand(1, generator=generator)
        slot = torch.randint(3, (1,), generator=generator)
        image = torch.full((1, 1, 1, 1), float(number))
        found = pool.exchange(image, chance_B=chance, slot_B=slot).item()
        if len(kept) < 3:
            kept.append(number)
            expected = number
        elif chance.item() < 0.5:
            expected, kept[slot.item()] = kept[slot.item()], number
        else:
            expected = number
        assert found == expected
        assert pool.images.flatten().tolist()[: len(kept)] == kept


def test_empty_pool_hands_through():
    x = torch.rand(2, 3, 4, 4, requires_grad=True)
    out = ImagePool(0, shape=(3, 4, 4)).exchange(
        x, chance_B=torch.rand(2), slot_B=torch.zeros(2, dtype=torch.long)
    )
    assert torch.equal(out, x) and not out.requires_grad


def folder(path, sizes):
    path.mkdir()
    for number, size in enumerate(sizes):
        Image.new("RGB", size, (number, 2 * number, 3 * number)).save(path / f"{number}.png")
    return path


def test_folders_of_any_sizes_even_of_one_picture(tmp_path):
    a = folder(tmp_path / "a", [(10, 200), (300, 20), (64, 64)])
    b = folder(tmp_path / "b", [(5, 5)])
    gan = make(data={**SMALL["data"], "a": str(a), "b": str(b)})
    items = [gan.dataset()[i] for i in range(len(gan.dataset()))]
    assert len(items) == 3
    for item in items:
        assert item["a"].shape == item["b"].shape == (3, 32, 32)
        assert item["a"].min() >= -1 and item["a"].max() <= 1


def test_an_unreadable_picture_stops_the_run_or_is_left_out(tmp_path):
    files = folder(tmp_path / "a", [(8, 8), (8, 8)])
    (files / "0.png").write_bytes(b"broken")
    data = {**SMALL["data"], "a": str(files)}
    with pytest.raises(DataError, match=r"0\.png.*on_error=skip"):
        make(data=data).dataset()[0]
    gan = make(data={**data, "on_error": "skip", "flip": False})
    with pytest.warns(UserWarning, match=r"0\.png"):
        item = gan.dataset()[0]
    assert item["a"].mean() == pytest.approx(gan.dataset()[1]["a"].mean())


@pytest.mark.parametrize("source", ["missing", "builtin:nothing"])
def test_missing_data_is_one_clear_error(tmp_path, source):
    with pytest.raises(DataError):
        make(data={**SMALL["data"], "a": source})


def test_sketch_draws_edges_only():
    rgb = np.full((8, 8, 3), 50, dtype=np.uint8)
    rgb[:, 4:] = 200
    drawn = sketch(rgb)
    assert (drawn[:, 3] < 128).all()
    assert (drawn[:, [0, 1, 2, 4, 5, 6, 7]] == 255).all()


def test_shipped_recipe_is_valid():
    assert load_recipe("cyclegan").method == "cyclegan"
