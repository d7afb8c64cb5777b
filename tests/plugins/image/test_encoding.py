"""The stage after the game: what the encoder learns, what rests meanwhile, what the model knows."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import multigan
from multigan.config.recipe import make_recipe
from multigan.errors import RecipeError
from multigan.plugins.image.adversarial.data import open_pictures
from multigan.plugins.image.adversarial.gan import ImageGAN
from multigan.plugins.image.anomaly.detector import Detector
from multigan.training.engine import Engine
from multigan.training.phases import Noise, Step
from multigan.training.run import Run
from multigan.training.train import train
from multigan.training.trainer import Trainer

SMALL = {
    "dcgan": {"width": 4, "discriminator_width": 4, "latents": 6, "encoder_width": 4},
    "sngan": {"width": 8, "discriminator_width": 8, "latents": 6, "encoder_width": 4},
    "r3gan": {"width": 8, "discriminator_width": 8, "group": 4, "blocks": 1, "encoder_width": 4},
    "mlp": {"width": 16, "discriminator_width": 16, "latents": 6, "encoder_width": 4},
}
TRAIN = {
    "batch_size": 4, "device": "cpu", "threads": 1, "log_every": 1, "trackers": [],
    "preview_every": 0,
}  # fmt: skip


def recipe(method="dcgan", **sections):
    given = {
        "plugin": "image",
        "method": method,
        "data": {"size": 16, "builtin_size": 12},
        "evaluate": {"samples": 10, "features": "none"},
        "steps": {"adversarial": 4, "encoder": 3},
        **sections,
    }
    given["model"] = SMALL[method] | sections.get("model", {})
    given["train"] = TRAIN | sections.get("train", {})
    return make_recipe(given)


def facts(model):
    return json.loads((model / "multigan.json").read_text())["facts"]


@pytest.mark.parametrize("method", SMALL)
def test_the_encoder_alone_learns_to_repeat_pictures_and_their_features(method):
    """Pixels and features written out; the others keep weights, statistics and power iterations."""
    torch.manual_seed(0)
    gan = ImageGAN(recipe(method, loss={"encoder_features": 0.5}))
    game, stage = gan.stages()
    (phase,) = stage.phases
    assert (game.name, stage.name, stage.steps, gan.groups[phase.updates]) == (
        "adversarial", "encoder", 3, ("encoder",)
    )  # fmt: skip
    for name, network in gan.networks.items():
        network.requires_grad_(name == "encoder")
    before = {key: value.clone() for key, value in gan.networks.state_dict().items()}
    x = torch.stack([gan.data[index]["image"] for index in range(4)])
    losses = phase.loss({"image": x}, Step(0, 3, Noise(0)))
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in gan.networks["encoder"].parameters())
    for key, value in gan.networks.state_dict().items():
        assert key.startswith("encoder") or torch.equal(value, before[key]), key

    gan.discriminator.eval(), gan.generator.eval()
    y = gan.generator(gan.networks["encoder"](x))
    f, g = (gan.discriminator.features(each) for each in (x, y))
    torch.testing.assert_close(losses["pixels"], ((x - y) ** 2).mean())
    torch.testing.assert_close(losses["features"], 0.5 * ((f - g) ** 2).mean())


@pytest.mark.parametrize("method", ["dcgan", "sngan"])
def test_a_whole_run_and_what_its_model_knows(tmp_path, method):
    run = train(recipe(method, ema={"decay": 0.9}), output=tmp_path / "run", quiet=True)
    played, model = run / "stages" / "adversarial", run / "model"
    # Before there is an encoder, none is saved; afterwards it stands beside the same average.
    assert facts(played)["networks"] == ["generator"] and "anomaly" not in facts(played)
    assert facts(model)["networks"] == ["discriminator", "encoder", "generator"]
    first, last = (load_file(m / "generator" / "model.safetensors") for m in (played, model))
    assert all(torch.equal(first[name], last[name]) for name in first)
    with Image.open(run / "samples" / "step-000007.png") as shown:  # pictures above their copies
        assert shown.size == (12 * 18 + 2, 2 * 18 + 2)
    latest = sorted((run / "checkpoints").glob("step-*"))[-1]
    trained = load_file(latest / "networks" / "generator.safetensors")
    assert all(torch.equal(trained[name], last[name]) for name in last)

    held_out = open_pictures(recipe(method).data, labelled=False, split="validation")
    x = torch.stack([held_out.plain(index)["image"] for index in range(10)])
    pipe = multigan.pipeline(run)
    scores, _ = Detector(pipe)(x)
    known = facts(model)["anomaly"]
    assert (known["pictures"], known["held_out"]) == (10, True)
    expected = torch.quantile(scores, torch.linspace(0, 1, 101))
    torch.testing.assert_close(torch.tensor(known["quantiles"]), expected, rtol=1e-3, atol=1e-6)
    assert pipe.components["encoder"](x).shape == (10, 6)
    pipe.save(tmp_path / "copy")
    torch.testing.assert_close(Detector(multigan.pipeline(tmp_path / "copy"))(x)[0], scores)


def trainer(config, folder):
    torch.manual_seed(0)
    return Trainer(ImageGAN(config), config, engine=Engine(config.train), run=Run(folder))


@pytest.mark.parametrize("stop", [4, 6])  # between the stages, and in the second
def test_resumed_run_equals_one_that_was_not_stopped(tmp_path, stop):
    config = recipe("dcgan", train={"checkpoint_every": 2}, ema={"decay": 0.9})
    whole = trainer(config, tmp_path / "a")
    whole.fit()
    first = trainer(config, tmp_path / "b")
    first._told_to_stop = lambda: first.step == stop
    assert not first.fit()
    # A half-trained encoder has scores that nobody has measured.
    known = first.gan.model()
    assert ("encoder" in known["networks"]) == (stop == 6)
    assert "quantiles" not in known.get("anomaly", {})
    second = trainer(config, tmp_path / "b")
    assert second.resume() and second.step == stop
    second.fit()
    assert len(second.gan.model()["anomaly"]["quantiles"]) == 101
    for part in ("networks", "memory"):
        ours, theirs = (getattr(t.gan, part).state_dict() for t in (second, whole))
        for name, value in theirs.items():
            assert torch.equal(value, ours[name]), name
    for name, value in whole.ema.networks.state_dict().items():
        assert torch.equal(value, second.ema.networks.state_dict()[name]), name


def test_finished_run_that_is_resumed_still_knows_the_scores(tmp_path):
    config = recipe()
    train(config, output=tmp_path / "run", quiet=True)
    before = facts(tmp_path / "run" / "model")
    train(config, output=tmp_path / "run", resume=True, quiet=True)
    assert facts(tmp_path / "run" / "model") == before


def test_the_best_encoder_is_kept_with_its_own_scores(tmp_path):
    config = recipe(train={"best": "reconstruction", "evaluate_every": 1})
    run = train(config, output=tmp_path / "run", quiet=True)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    seen = [m["reconstruction"] for m in lines if m["kind"] == "evaluate" and "reconstruction" in m]
    assert len(seen) == 3  # none in the game, where there was nothing to repeat pictures with
    held_out = open_pictures(config.data, labelled=False, split="validation")
    x = torch.stack([held_out.plain(index)["image"] for index in range(10)])
    scores, made = Detector(multigan.pipeline(run))(x)
    assert ((x - made) ** 2).mean().item() == pytest.approx(min(seen), rel=1e-4)
    known = facts(run / "model")["anomaly"]["quantiles"]
    assert known[-1] == pytest.approx(scores.max().item(), rel=1e-3)


def test_pixels_alone_need_no_discriminator(tmp_path):
    config = recipe(loss={"encoder_features": 0.0})
    run = train(config, output=tmp_path / "run", quiet=True)
    assert facts(run / "model")["networks"] == ["encoder", "generator"]


@pytest.mark.parametrize(
    "method, sections, message",
    [
        ("dcgan", {"train": {"best": "frechet-random-conv"}}, "train.best=reconstruction"),
        (
            "dcgan",
            {"model": {"generator_labels": "concatenate", "discriminator_labels": "projection"}},
            "an encoder knows no labels",
        ),
        ("mlp", {"data": {"source": "builtin:gaussians"}}, "not for points"),
        ("dcgan", {"data": {"classes": ["circle"]}}, "not of built-ins"),
    ],
)
def test_what_does_not_fit_is_told(method, sections, message):
    with pytest.raises(RecipeError, match=message):
        recipe(method, **sections)


def test_without_steps_nothing_changes():
    gan = ImageGAN(recipe(steps={"adversarial": 4}))
    assert len(gan.stages()) == 1 and gan.averaged == ("generator",)
    assert set(gan.networks) == {"generator", "discriminator"} and not gan.memory
    assert gan.model()["networks"] == ["generator"]
