"""pix2pix's game, pairs and scores against independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from multigan.config.recipe import make_recipe
from multigan.data.source import Images
from multigan.errors import DataError, RecipeError
from multigan.plugins.translation.domains import sketch
from multigan.plugins.translation.held_out import hold_out
from multigan.plugins.translation.networks import UNetGenerator
from multigan.plugins.translation.pix2pix.evaluation import scores
from multigan.plugins.translation.pix2pix.gan import Pix2Pix
from multigan.training.phases import Noise, Step

SMALL = {
    "plugin": "translation",
    "method": "pix2pix",
    "data": {"size": 32, "resize": 36, "builtin_size": 20},
    "model": {"width": 4, "discriminator_width": 4, "discriminator_layers": 1, "dropout": 0.0},
}


def make(**sections):
    torch.manual_seed(0)
    sections = {name: {**SMALL.get(name, {}), **values} for name, values in sections.items()}
    return Pix2Pix(make_recipe({**SMALL, **sections}))


def step():
    return Step(0, 10, Noise(0))


def batch(count=2):
    generator = torch.Generator().manual_seed(0)
    return {
        name: torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1
        for name in ("input", "target")
    }


# -- the game -------------------------------------------------------------------------------------


def test_generator_terms_equal_the_textbook_formulas():
    loss = {"reconstruction": 70.0, "adversarial": 0.5, "self_regularisation": 3.0}
    gan, data = make(loss=loss), batch()
    losses = gan.game.generate(data, step())
    fake = gan.networks["generator"](data["input"])
    logits = gan.networks["discriminator"](torch.cat([data["input"], fake], dim=1))
    expected = {
        "adversarial": -0.5 * torch.log(torch.sigmoid(logits)).mean(),
        "reconstruction": 70 * (fake - data["target"]).abs().mean(),
        "self-regularisation": 3 * (fake - data["input"]).abs().mean(),
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-4), name


def test_squared_distances_on_request():
    gan, data = make(loss={"distance": "l2", "self_regularisation": 2.0}), batch()
    losses = gan.game.generate(data, step())
    fake = gan.networks["generator"](data["input"])
    for name, weight, other in (
        ("reconstruction", 100, "target"),
        ("self-regularisation", 2, "input"),
    ):
        expected = weight * (fake - data[other]).square().mean()
        assert losses[name].item() == pytest.approx(expected.item(), rel=1e-4)


def test_the_discriminator_judges_pairs_and_trains_nobody_else():
    gan, data = make(), batch()
    gan.game.generate(data, step())
    losses = gan.game.judge(data, step())
    judge = gan.networks["discriminator"]
    real = judge(torch.cat([data["input"], data["target"]], dim=1))
    fake = judge(torch.cat([data["input"], data["fake"]], dim=1))
    expected = -torch.log(torch.sigmoid(real)).mean() - torch.log(torch.sigmoid(-fake)).mean()
    assert losses["adversarial"].item() == pytest.approx(expected.item(), rel=1e-4)
    losses["adversarial"].backward()
    assert all(p.grad is None for p in gan.networks["generator"].parameters())


def test_the_same_picture_beside_another_input_gets_another_verdict():
    gan, data = make(), batch()
    first = gan.game._verdict(data, data["target"])
    data["input"] = data["input"].flip(0)
    assert (gan.game._verdict(data, data["target"]) - first).abs().max() > 1e-3


def test_more_discriminator_steps_play_on_batches_of_their_own():
    phases = make(loss={"discriminator_steps": 3}).stages()[0].phases
    played = [(phase.name, phase.repeat, phase.fresh) for phase in phases]
    assert played == [
        ("discriminator", 2, True), ("generator", 1, True), ("discriminator", 1, False),
    ]  # fmt: skip
    gan, data = make(loss={"discriminator_steps": 3}), batch()
    assert torch.isfinite(gan.game.judge(data, step())["adversarial"])  # no fakes in it yet


def test_r1_is_a_lazy_phase_with_the_inputs_held_fixed():
    gan, data = make(loss={"r1": 2.0, "r1_every": 4}), batch()
    phase = gan.stages()[0].phases[-1]
    assert (phase.name, phase.every, phase.fresh) == ("r1", 4, False)
    real = data["target"].clone().requires_grad_(True)
    verdict = gan.networks["discriminator"](torch.cat([data["input"], real], 1))
    (gradient,) = torch.autograd.grad(verdict.mean((1, 2, 3)).sum(), real)
    expected = 4 * 2.0 * 0.5 * gradient.square().sum((1, 2, 3)).mean()
    assert phase.loss(data, step())["r1"].item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize("objective", ["hinge", "wasserstein", "relativistic", "least-squares"])
def test_every_objective_gives_finite_losses(objective):
    gan, data = make(loss={"objective": objective, "gradient_penalty": 10.0}), batch()
    for losses in (gan.game.generate(data, step()), gan.game.judge(data, step())):
        assert all(torch.isfinite(value) for value in losses.values())


def test_the_unet_is_as_deep_as_the_size_allows():
    for size, depth in ((32, 5), (48, 4), (256, 8), (512, 8)):
        data = {"size": size, "resize": size}
        assert make_recipe({**SMALL, "data": data}).depth == depth
    with pytest.raises(RecipeError, match="multiple of 8"):
        make_recipe({**SMALL, "data": {"size": 36}})
    with pytest.raises(RecipeError, match="multiple of 64"):
        make_recipe({**SMALL, "model": {"depth": 6}})
    assert UNetGenerator(width=4, depth=3)(torch.zeros(1, 3, 24, 8)).shape == (1, 3, 24, 8)


def test_dropout_is_noise_in_training_and_off_afterwards():
    generator = make(model={"dropout": 0.5}).networks["generator"]
    x = batch()["input"]
    assert not torch.equal(generator(x), generator(x))
    generator.eval()
    assert torch.equal(generator(x), generator(x))


# -- pairs ----------------------------------------------------------------------------------------


def save(path, rgb):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rgb).save(path)


def coordinates(height, width):
    """Every pixel says where it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([rows, columns, rows * 0]).astype(np.uint8)


def test_partners_are_cropped_and_flipped_together(tmp_path):
    rgb = coordinates(60, 90)
    save(tmp_path / "a" / "in" / "1.png", rgb)
    save(tmp_path / "b" / "in" / "1.bmp", 255 - rgb)
    gan = make(data={"a": str(tmp_path / "a"), "b": str(tmp_path / "b")})
    items = [gan.dataset()[0] for _ in range(8)]
    for item in items:
        assert item["input"].shape == (3, 32, 32)
        torch.testing.assert_close(item["input"], -item["target"], atol=0.02, rtol=0)
    starts = {float(item["input"][1, 0, 0]) for item in items}
    assert len(starts) > 2  # not always the same crop


def test_the_aspect_is_kept(tmp_path):
    """Twice as wide as high and exactly as high as the crop: a step of one stays one."""
    rgb = coordinates(32, 64)
    save(tmp_path / "1.png", np.hstack([rgb, rgb]))
    gan = make(data={"pairs": str(tmp_path), "resize": 32, "flip": False})
    levels = gan.dataset()[0]["input"].add(1).mul(127.5)
    torch.testing.assert_close(levels[1].diff(dim=1), torch.ones(32, 31), atol=1e-3, rtol=0)


def test_side_by_side_pictures_in_both_directions(tmp_path):
    left, right = np.full((40, 40, 3), 10, np.uint8), np.full((40, 40, 3), 200, np.uint8)
    save(tmp_path / "1.png", np.hstack([left, right]))
    for direction, found in (("ab", 10), ("ba", 200)):
        gan = make(data={"pairs": str(tmp_path), "direction": direction})
        item = gan.dataset()[0]
        assert item["input"].mean().item() == pytest.approx(found / 127.5 - 1, abs=1e-5)
        assert gan.model()["directions"] == {direction: "generator"}


def test_built_in_pairs_are_of_the_same_scene():
    gan = make(data={"flip": False, "size": 32, "resize": 32})
    pair = gan.data.pairs[3]
    assert np.array_equal(pair[:, :, :3], sketch(pair[:, :, 3:]))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a/1.png": (8, 8), "b/2.png": (8, 8)}, r"a/1\.png: no picture of this name in .*b"),
        ({"a/1.png": (8, 8), "b/1.png": (8, 8), "b/2.png": (8, 8)}, r"b/2\.png: no picture"),
        ({"a/1.png": (8, 8), "b/1.png": (8, 9)}, "8x8 pixels and .*8x9; partners must be of one"),
        ({"a/1.png": (8, 8), "b/1.txt": None}, "no pictures in it"),
        ({"a/1.png": (8, 8)}, "no such folder"),
    ],
)
def test_what_does_not_pair_is_one_clear_error(tmp_path, files, words):
    for name, size in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if size is None:
            path.write_text("")
        else:
            Image.new("RGB", size).save(path)
    with pytest.raises(DataError, match=words):
        make(data={"a": str(tmp_path / "a"), "b": str(tmp_path / "b")}).dataset()[0]


def test_an_odd_width_has_no_two_halves(tmp_path):
    Image.new("RGB", (41, 20)).save(tmp_path / "1.png")
    with pytest.raises(DataError, match="41 pixels wide"):
        make(data={"pairs": str(tmp_path)}).dataset()[0]


# -- held-out pairs and scores --------------------------------------------------------------------


def test_names_decide_what_is_held_out():
    names = [f"x/{i}.png" for i in range(40)]
    pictures = Images(names, lambda i: np.full((1, 1, 3), i, np.uint8))
    training, held_out = hold_out(pictures, 0.25)
    assert (len(training), len(held_out)) == (30, 10)
    assert {*training.names} | {*held_out.names} == {*names}
    for part in (training, held_out):
        assert [f"x/{part[i][0, 0, 0]}.png" for i in range(len(part))] == list(part.names)
    turned = Images([f"y/{name[2:]}" for name in names[::-1]], lambda i: i)
    again = {name[2:] for name in hold_out(turned, 0.25)[1].names}
    assert again == {name[2:] for name in held_out.names}


def test_a_single_picture_is_trained_on_and_scored():
    pictures = Images(["1.png"], lambda i: i)
    assert hold_out(pictures, 0.1) == (pictures, pictures)
    many = Images(["1.png", "2.png"], lambda i: i)
    assert [len(part) for part in hold_out(many, 0.01)] == [1, 1]
    assert hold_out(many, 0) == (many, many)


def test_scores_stand_beside_those_of_the_baseline():
    pictures = {"input": torch.zeros(3, 3, 16, 16), "target": torch.full((3, 3, 16, 16), 0.2)}

    class Right(torch.nn.Linear):
        def forward(self, x):
            return x + 0.2

    found = scores(Right(1, 1), pictures, baseline=lambda x: x)
    assert found["psnr"] == 100 and found["ssim"] == pytest.approx(1)
    # 0.2 in [-1, 1] is 26 levels of 255 after rounding to a file's levels.
    assert found["psnr-baseline"] == pytest.approx(-20 * np.log10(25 / 255), abs=0.3)
    assert found["random-feature-distance"] == 0
