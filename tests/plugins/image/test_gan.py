"""The image GAN's phases against formulas written out, and whole small runs."""

from __future__ import annotations

import itertools

import pytest
import torch
import torch.nn.functional as F
from torch.nn.functional import softplus

from multigan.config.recipe import load_recipe, make_recipe
from multigan.config.sections import TrainConfig
from multigan.errors import RecipeError
from multigan.plugins.image.adversarial.gan import ImageGAN
from multigan.training.engine import Engine
from multigan.training.phases import Noise, Step
from multigan.training.run import Run
from multigan.training.train import train
from multigan.training.trainer import Trainer

SMALL = {
    "dcgan": {"width": 4, "discriminator_width": 4, "latents": 6},
    "sngan": {"width": 8, "discriminator_width": 8, "latents": 6},
    "r3gan": {"width": 8, "discriminator_width": 8, "latents": 6, "group": 4, "blocks": 1},
    "mlp": {"width": 16, "discriminator_width": 16, "latents": 6},
}
PROJECTION = {"generator_labels": "batch-norm", "discriminator_labels": "projection"}
POINTS = {"source": "builtin:gaussians"}


def recipe(method="dcgan", **sections):
    given = {
        "plugin": "image",
        "method": method,
        "data": {"size": 16, "builtin_size": 12},
        "evaluate": {"samples": 8},
        **sections,
    }
    given["model"] = SMALL[method] | sections.get("model", {})
    return make_recipe(given)


def make(method="dcgan", **sections):
    torch.manual_seed(0)
    return ImageGAN(recipe(method, **sections))


def step(index=0, seed=0):
    return Step(index, 10, Noise(seed))


def batch(gan, count=4):
    return {k: torch.stack([gan.data[i][k] for i in range(count)]) for k in gan.data[0]}


def play(gan, phase, data, at):
    """A phase with other networks frozen, as the trainer plays it."""
    for name, network in gan.networks.items():
        network.requires_grad_(name in gan.groups[phase.updates])
        network.zero_grad()
    losses = phase.loss(data, at)
    torch.stack(list(losses.values())).sum().backward()
    return losses


def gradients(network):
    return [None if p.grad is None else p.grad.clone() for p in network.parameters()]


def test_discriminator_and_generator_play_dcgan():
    """Two passes with statistics of their own, and the generator goes through the same fakes."""
    gan, data = make(), None
    data = batch(gan)
    judge_phase, fool_phase = gan.stages()[0].phases
    assert (judge_phase.repeat, fool_phase.fresh) == (1, False)
    losses = play(gan, judge_phase, data, step())
    fake = gan.generator(Noise(0).normal(4, 6))
    real_B1, fake_B1 = gan.discriminator(data["image"]), gan.discriminator(fake.detach())
    expected = softplus(-real_B1).mean() + softplus(fake_B1).mean()
    torch.testing.assert_close(losses["adversarial"], expected)
    assert all(g is None for g in gradients(gan.generator))

    losses = play(gan, fool_phase, data, step())
    assert all(g is None for g in gradients(gan.discriminator))
    got = gradients(gan.generator)
    gan.generator.zero_grad()
    expected = softplus(-gan.discriminator(gan.generator(Noise(0).normal(4, 6)))).mean()
    torch.testing.assert_close(losses["adversarial"], expected)
    expected.backward()
    torch.testing.assert_close(got, gradients(gan.generator))


def test_fresh_fakes_for_the_generator():
    gan = make(loss={"reuse_fakes": False})
    data, at = batch(gan), step()
    judge_phase, fool_phase = gan.stages()[0].phases
    play(gan, judge_phase, data, at)
    assert not data["fake"].requires_grad
    losses = play(gan, fool_phase, data, at)
    noise = Noise(0)
    noise.normal(4, 6)  # the judge's
    expected = softplus(-gan.discriminator(gan.generator(noise.normal(4, 6)))).mean()
    torch.testing.assert_close(losses["adversarial"], expected)


def test_one_joint_pass_without_batch_norm_equals_two():
    gan = make(model=PROJECTION | {"discriminator_norm": "none"})
    assert not gan.apart and make().apart
    data = batch(gan)
    assert len(data["label"].unique()) > 1
    losses = gan.judge_both(data, step())
    real, fake = (gan.discriminator(data[key], data["label"]) for key in ("image", "fake"))
    torch.testing.assert_close(
        losses["adversarial"], softplus(-real).mean() + softplus(fake).mean()
    )


def test_penalties_are_weighted_and_at_what_was_judged():
    weights = {"gradient_penalty": 3.0, "dragan": 4.0, "r1": 5.0, "r2": 7.0}
    gan = make("sngan", loss=weights | {"discriminator_steps": 1}, model={"spectral_norm": False})
    data = batch(gan)
    losses = gan.judge_both(data, step(seed=1))
    noise = Noise(1)
    fake = gan.generator(noise.normal(4, 6)).detach()
    real = data["image"]

    def slopes(x):
        x = x.clone().requires_grad_(True)
        (gradient,) = torch.autograd.grad(gan.discriminator(x).sum(), x)
        return gradient.flatten(1).norm(dim=1)

    alpha = noise.uniform(4).view(4, 1, 1, 1)
    between = alpha * real + (1 - alpha) * fake
    around = real + 0.5 * real.std() * noise.uniform(*real.shape)
    expected = {
        "gradient-penalty": 3.0 * (slopes(between) - 1).square().mean(),
        "dragan": 4.0 * (slopes(around) - 1).square().mean(),
        "r1": 5.0 * 0.5 * slopes(real).square().mean(),
        "r2": 7.0 * 0.5 * slopes(fake).square().mean(),
    }
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-3), name


def test_lazy_penalty_is_a_phase_of_its_own():
    gan = make("r3gan", loss={"r1": 2.0, "r2": 0.0, "penalty_every": 4})
    names = [(p.name, p.every, p.fresh) for p in gan.stages()[0].phases]
    assert names[1] == ("penalty", 4, False)
    data = batch(gan)
    assert set(gan.judge_both(data, step())) == {"adversarial"}
    lazy = gan.penalty(data, step())["r1"]
    eager = make("r3gan", loss={"r1": 2.0, "r2": 0.0})
    torch.testing.assert_close(lazy, 4 * eager.judge_both(data, step())["r1"])


def test_relativistic_generator_sees_the_same_reals():
    gan = make("r3gan")
    data = batch(gan)
    gan.judge_both(data, step())
    fake = data["fake"]
    real_B1, fake_B1 = gan.discriminator(data["image"]), gan.discriminator(fake)
    torch.testing.assert_close(
        gan.fool(data, step())["adversarial"], softplus(-(fake_B1 - real_B1)).mean()
    )


def test_auxiliary_classifier_adds_cross_entropies():
    ways = {"generator_labels": "concatenate", "discriminator_labels": "classifier"}
    gan = make(model=ways | {"discriminator_norm": "none"}, loss={"classifier": 0.5})
    data = batch(gan)
    assert len(gan.classes) == 8
    losses = gan.judge_both(data, step())
    fake = data["fake"]
    expected = 0.25 * sum(
        F.cross_entropy(gan.discriminator(x, data["label"])[:, 1:], data["label"])
        for x in (data["image"], fake)
    )
    torch.testing.assert_close(losses["classes"], expected)
    expected = 0.5 * F.cross_entropy(gan.discriminator(fake)[:, 1:], data["label"])
    torch.testing.assert_close(gan.fool(data, step())["classes"], expected)


def test_instance_noise_fades():
    gan = make(loss={"instance_noise": 0.2})
    x = torch.zeros(64, 3, 16, 16)
    spread = [float(gan._seen(x, step(index)).std()) for index in (0, 5, 9)]
    assert spread == pytest.approx([0.2, 0.1, 0.02], rel=0.03)


def test_path_length_remembers_its_mean():
    gan = make("mlp", loss={"path_length": 2.0, "path_length_every": 3})
    phase = gan.stages()[0].phases[-1]
    assert (phase.name, phase.updates, phase.every) == ("path-length", "generator", 3)
    data = batch(gan)
    first = phase.loss(data, step())["path-length"]
    mean = float(gan.memory["path_length"].value)
    assert mean > 0
    # Lengths of the Jacobian's products by brute force.
    noise = Noise(0)
    latents, y = noise.normal(4, 6), noise.normal(4, 3, 16, 16) / 16
    jacobians = torch.stack(
        [torch.func.jacrev(gan.generator)(z[None])[0, ..., 0, :] for z in latents]
    )
    lengths = torch.einsum("bchwz,bchw->bz", jacobians, y).norm(dim=1)
    assert mean == pytest.approx(0.01 * lengths.mean().item(), rel=1e-4)
    assert first.item() == pytest.approx(6.0 * (lengths - mean).square().mean().item(), rel=1e-3)


@pytest.mark.parametrize(
    "method, sections",
    [
        ("dcgan", {"augment": {"policy": "diffaugment"}, "loss": {"smoothing": "one-sided"}}),
        ("dcgan", {"augment": {"policy": "ada"}, "data": {"size": 16, "colours": "rgba"}}),
        ("sngan", {"model": PROJECTION}),
        ("r3gan", {"loss": {"penalty_every": 2}, "model": {"minibatch_deviation": True}}),
        ("mlp", {"data": {"source": "builtin:gaussians", "builtin_size": 100}}),
    ],
)  # fmt: skip
def test_a_whole_run_and_its_pipeline(tmp_path, method, sections):
    import multigan

    sections = {"steps": {"adversarial": 3}, **sections}
    sections["train"] = {
        "batch_size": 4, "device": "cpu", "threads": 1, "log_every": 1, "trackers": []
    }  # fmt: skip
    sections["data"] = {"size": 16, "builtin_size": 12} | sections.get("data", {})
    run = train(recipe(method, **sections), output=tmp_path / "run", quiet=True)
    made = multigan.pipeline(run)(3, seed=1)
    side = 1 if method == "mlp" else 16
    channels = {"mlp": 2}.get(method, 4 if sections["data"].get("colours") else 3)
    assert made.tensor.shape == (3, channels, side, side)


def test_resumed_run_equals_one_that_was_not_stopped(tmp_path):
    """With everything that remembers: ADA's probability, the path length, spectral norm."""
    config = recipe(
        "sngan",
        augment={"policy": "ada", "images": 40, "target": 0.0},
        loss={"path_length": 1.0, "path_length_every": 2, "discriminator_steps": 2},
        steps={"adversarial": 6},
        train={
            "batch_size": 4, "device": "cpu", "threads": 1, "checkpoint_every": 3,
            "preview_every": 0, "trackers": [],
        },
        evaluate={"features": "none", "samples": 4},
    )  # fmt: skip
    whole = Trainer(ImageGAN(config), config, engine=Engine(config.train), run=Run(tmp_path / "a"))
    (tmp_path / "a").mkdir()
    torch.manual_seed(0)

    def trainer(folder):
        torch.manual_seed(0)
        return Trainer(ImageGAN(config), config, engine=Engine(config.train), run=Run(folder))

    whole = trainer(tmp_path / "a")
    whole.fit()
    first = trainer(tmp_path / "b")
    first._told_to_stop = lambda: first.step == 3  # type: ignore[method-assign]
    assert not first.fit()
    second = trainer(tmp_path / "b")
    assert second.resume() and second.step == 3
    second.fit()
    assert float(whole.gan.memory["ada"].p) > 0
    for name, value in whole.gan.networks.state_dict().items():
        assert torch.equal(value, second.gan.networks.state_dict()[name]), name
    for name, value in whole.gan.memory.state_dict().items():
        assert torch.equal(value, second.gan.memory.state_dict()[name]), name


@pytest.mark.parametrize(
    "method, sections, message",
    [
        ("dcgan", {"loss": {"r1": 1.0}}, "discriminator_norm"),
        ("dcgan", {"data": {"size": 36}}, "power of two"),
        ("dcgan", {"data": POINTS}, "method=mlp"),
        ("mlp", {"data": POINTS, "augment": {"policy": "ada"}}, "no labels"),
        ("dcgan", {"model": {"generator_labels": "concatenate"}}, "go together"),
        ("r3gan", {"model": PROJECTION}, "batch-norm"),
        ("dcgan", {"data": {"resize": 20}}, "smaller than size"),
        ("dcgan", {"data": {"colours": "rgba", "jitter": 0.1}}, "alpha"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(method, sections, message):
    with pytest.raises(RecipeError, match=message):
        make_recipe({"plugin": "image", "method": method, **sections})


def test_methods_keep_their_papers_settings_when_one_is_changed():
    sngan = recipe("sngan", optimizers={"generator": {"lr": 1e-3}}, loss={"r1": 1.0})
    assert sngan.optimizers.generator.betas == (0.0, 0.9)
    assert (sngan.loss.objective, sngan.loss.discriminator_steps) == ("hinge", 5)
    r3gan = recipe("r3gan", loss={"r1": 2.0}, optimizers={"discriminator": {"lr": 1e-3}})
    assert (r3gan.loss.objective, r3gan.loss.r2) == ("relativistic", 1.0)
    assert r3gan.optimizers.discriminator.betas == (0.0, 0.99)


RECIPES = (
    "dcgan", "dcgan-digits", "cgan-digits", "wgan-gp", "lsgan", "sngan", "r3gan", "art", "anomaly",
)  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_recipes(name):
    loaded = load_recipe(name)
    assert loaded.plugin == "image"
    small = SMALL[loaded.method]
    sections = loaded.model_dump()
    sections["model"] |= small
    sections["data"] |= {"source": "builtin:scenes", "size": 16, "resize": 0, "builtin_size": 8}
    torch.manual_seed(0)
    gan = ImageGAN(make_recipe(sections))
    data = batch(gan, 4)
    for phase in (phase for stage in gan.stages() for phase in stage.phases):
        for name, value in play(gan, phase, data, step()).items():
            assert value.isfinite(), name


def test_every_objective_with_every_method_is_finite():
    from multigan.losses.adversarial import OBJECTIVES

    for method, objective in itertools.product(("dcgan", "r3gan"), OBJECTIVES):
        gan = make(method, loss={"objective": objective, "penalty_every": 2})
        data = batch(gan)
        losses = [*gan.judge_both(data, step()).values(), *gan.fool(data, step()).values()]
        assert all(loss.isfinite() for loss in losses), (method, objective)


def test_engine_layout_reaches_the_networks():
    config = recipe(train={"channels_last": True, "device": "cpu"})
    gan = ImageGAN(config)
    engine = Engine(TrainConfig(channels_last=True, device="cpu"))
    engine.place(gan.generator)
    made = gan.generator(torch.randn(2, 6))
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_copies_are_found_in_the_report(tmp_path):
    """A generator whose picture is a training picture has a neighbour at distance zero."""
    import json

    from multigan.plugins.image.adversarial import exhibit

    config = recipe(data={"size": 16, "builtin_size": 12})
    gan = ImageGAN(config)
    copies = torch.stack([gan.data.plain(i)["image"] for i in range(exhibit.SHOWN)])

    class Copier:
        def sample(self, count, *, seed):
            return type("Made", (), {"tensor": copies.add(1).div(2)})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exhibit, "pipeline", lambda run: Copier())
        gan.exhibit(tmp_path)
    shown = json.loads((tmp_path / "exhibits" / "neighbours.json").read_text())
    (name, *copied), (real, *usual) = shown["rows"]
    assert (name, real) == ("generated", "held-out real ones")
    assert max(copied) < 1e-2 < min(usual)
    assert (tmp_path / "exhibits" / "neighbours.png").is_file()


def test_modes_of_stacked_pictures_are_counted():
    """A stand-in classifier that reads the class off the brightness: 3 classes, 27 modes."""
    from multigan.plugins.image.adversarial.evaluation import Evaluation
    from multigan.plugins.image.features.extractor import FeatureExtractor

    class Brightness(FeatureExtractor):
        name, num_classes = "brightness", 3

        def resize(self, x):
            return x / 255

        def features(self, x):
            level = x.mean((1, 2, 3))
            return torch.stack([level, level.square()], dim=1)

        def logits(self, features):
            return -(features[:, :1] - torch.tensor([0.0, 0.5, 1.0])).abs()

    with pytest.MonkeyPatch.context() as patch:
        module = "multigan.plugins.image.adversarial.evaluation"
        patch.setattr(f"{module}.extractor", lambda name, weights: Brightness())
        evaluation = Evaluation(recipe(), device=torch.device("cpu"))
    evaluation.stacked = True
    stacks = torch.tensor([[-1.0, 0, 1], [-1, 0, 1], [1, 0, -1], [0, 0, 0]])
    scores = evaluation(stacks[:, :, None, None].expand(-1, -1, 4, 4), None)
    assert scores["modes"] == 3
    evaluation.stacked = False
    scores = evaluation(stacks[:, :, None, None].expand(-1, -1, 4, 4), None)
    assert scores["classes-brightness"] == 1
