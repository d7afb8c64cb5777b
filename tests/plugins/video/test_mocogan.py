"""The phases against formulas written out, and whole small runs."""

from __future__ import annotations

import shutil

import pytest
import torch
import torch.nn.functional as F
from torch.nn.functional import softplus

import multigan
from multigan.config.recipe import make_recipe
from multigan.errors import DataError, PluginError, RecipeError
from multigan.plugins.video.mocogan.gan import MoCoGAN
from multigan.training.phases import Noise, Step
from multigan.training.train import train

MODEL = {
    "content": 6, "motion": 4, "motion_noise": 4, "width": 4, "discriminator_width": 4, "widest": 8,
}  # fmt: skip


def recipe(**sections):
    given = {
        "plugin": "video",
        "method": "mocogan",
        "data": {"size": 32, "frames": 4, "builtin_size": 12},
        "train": {"batch_size": 4, "threads": 1, "trackers": [], "device": "cpu"},
        "steps": {"adversarial": 2},
    }
    for name, section in sections.items():
        given[name] = {**given.get(name, {}), **section}
    given["model"] = MODEL | sections.get("model", {})
    return make_recipe(given)


def make(**sections):
    torch.manual_seed(0)
    return MoCoGAN(recipe(**sections))


def batch(gan, count=4):
    torch.manual_seed(0)
    samples = [gan.data[i] for i in range(count)]
    return {key: torch.stack([s[key] for s in samples]) for key in samples[0]}


def step(index=0):
    return Step(index, 10, Noise(0))


def play(gan, phase, data, at):
    for name, network in gan.networks.items():
        network.requires_grad_(name in gan.groups[phase.updates])
        network.zero_grad()
    losses = phase.loss(data, at)
    torch.stack(list(losses.values())).sum().backward()
    return losses


def touched(network):
    return any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_both_judges_and_the_generator_share_one_clip():
    gan = make(model={"spectral_norm": False})
    gan.generator.eval()  # its batch statistics would differ from call to call
    data = batch(gan)
    judge, fool = gan.stages()[0].phases
    losses = play(gan, judge, data, step())
    assert not touched(gan.generator) and touched(gan.of_clips) and touched(gan.of_frames)

    noise = Noise(0)
    content, motion = noise.normal(4, 6), noise.normal(4, 5, 4)
    fake = gan.generator(content, motion)
    real_t, fake_t = noise.integers(4, 4), noise.integers(4, 4)
    rows = torch.arange(4)
    clips = softplus(-gan.of_clips(data["video"])).mean() + softplus(gan.of_clips(fake)).mean()
    frames = softplus(-gan.of_frames(data["video"][rows, real_t])).mean()
    frames = frames + softplus(gan.of_frames(fake[rows, fake_t])).mean()
    torch.testing.assert_close(losses["clips"], clips)
    torch.testing.assert_close(losses["frames"], frames)

    kept = data["fake"]
    torch.testing.assert_close(kept, fake)
    losses = play(gan, fool, data, step())
    torch.testing.assert_close(losses["clips"], softplus(-gan.of_clips(kept)).mean())
    assert touched(gan.generator.motion) and touched(gan.generator.painter)
    assert not touched(gan.of_clips) and "fake" not in data


def test_the_clips_of_both_sides_are_augmented_alike_over_time():
    gan = make(augment={"policy": "diffaugment"}, loss={"instance_noise": 0.0})
    still = torch.rand(4, 1, 3, 32, 32).expand(-1, 5, -1, -1, -1)
    seen = gan._seen(still, step())["clips"]
    assert torch.equal(seen[:, 0], seen[:, 4]) and not torch.equal(seen[:, 0], still[:, 0])
    noisy = make(loss={"instance_noise": 0.5})._seen(still, step(index=5))["clips"] - still
    assert noisy.std() == pytest.approx(0.25, rel=0.05)


def test_known_classes_are_learnt_from_real_clips_and_asked_of_the_generator():
    gan = make(model={"labels": "classifier"}, loss={"category": 2.0})
    data = batch(gan)
    judge, fool = gan.stages()[0].phases
    losses = play(gan, judge, data, step())
    told = gan.of_clips(data["video"], data["label"])[:, 1:]
    expected = 2 * F.cross_entropy(told, data["label"])
    torch.testing.assert_close(losses["category"], expected, rtol=0.05, atol=0.05)
    assert set(play(gan, fool, data, step())) == {"frames", "clips", "category"}


def test_categories_without_names_are_drawn_and_told_from_generated_clips():
    gan = make(model={"categories": 5})
    data = batch(gan)
    assert "label" not in data
    play(gan, gan.stages()[0].phases[0], data, step())
    assert data["category"].shape == (4,) and data["category"].max() < 5
    assert gan.of_clips.verdict.classes.out_features == 5


def test_an_encoder_reads_half_of_the_content_off_portraits():
    from multigan.plugins.video.mocogan.gan import _divergence

    gan = make(
        data={"within": 9, "short": "loop"},
        model={"labels": "projection"},
        loss={"reconstruction": 10.0, "divergence": 0.5},
    )
    gan.generator.eval()
    assert gan.groups["generator"] == gan.averaged == ("generator", "encoder")
    data = batch(gan)
    judge, fool = gan.stages()[0].phases
    play(gan, judge, data, step())
    assert not touched(gan.networks["encoder"])
    noise = Noise(0)
    drawn = noise.normal(4, 6)
    # In training mode the encoder's batch normalisation sees just the pictures that it reads.
    mean, log_variance = gan.networks["encoder"](data["portrait"][:2])
    content = torch.cat([mean + (0.5 * log_variance).exp() * drawn[:2], drawn[2:]])
    fake = gan.generator(content, noise.normal(4, 10, 4), data["label"], data["times"])
    torch.testing.assert_close(data["fake"], fake)
    losses = play(gan, fool, data, step())
    expected = 10 * (fake[:2] - data["video"][:2]).abs().mean()
    torch.testing.assert_close(losses["reconstruction"], expected)
    exact = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()),
        torch.distributions.Normal(0.0, 1.0),
    )
    torch.testing.assert_close(_divergence(mean, log_variance), exact.sum(1).mean())
    torch.testing.assert_close(losses["divergence"], 0.5 * exact.sum(1).mean())
    assert touched(gan.networks["encoder"]) and touched(gan.generator.motion)


def test_penalties_go_to_both_judges_lazily():
    gan = make(loss={"r1": 2.0, "penalty_every": 4})
    judge, lazy, fool = gan.stages()[0].phases
    assert (lazy.every, lazy.fresh, fool.fresh) == (4, False, False)
    data = batch(gan)
    judge.loss(data, step())
    terms = lazy.loss(data, step())
    real = data["video"].clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(gan.of_clips.eval()(real).sum(), real)
    torch.testing.assert_close(
        terms["r1-clips"], 4 * slope.square().sum((1, 2, 3, 4)).mean(), rtol=0.1, atol=1e-6
    )
    assert set(terms) == {"r1-clips", "r1-frames"}


def test_a_window_of_a_longer_motion_is_painted(monkeypatch):
    gan, asked = make(model={"unroll": 9}), []
    real = gan.generator.forward

    def watch(content, noise, category, times):
        asked.append((noise.shape[1], times))
        return real(content, noise, category, times)

    monkeypatch.setattr(gan.generator, "forward", watch)
    noise = Noise(0)
    for _ in range(12):
        gan._generate({**batch(gan), "category": None}, noise)
    starts = {int(t[0]) for _, times in asked for t in times}
    assert {length for length, _ in asked} == {10} and starts == set(range(6))
    known = make(data={"within": 9, "short": "loop"})
    data = {**batch(known), "category": None}
    monkeypatch.setattr(known.generator, "forward", watch)
    real = known.generator.__class__.forward.__get__(known.generator)
    known._generate(data, noise)
    assert torch.equal(asked[-1][1], data["times"])


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"labels": "projection"}, "loss": {"objective": "hinge"}},
        {"model": {"condition": "first-frame"}, "loss": {"objective": "relativistic", "r2": 1.0}},
        {"model": {"sparse_frames": 2, "convolution": "full"}, "data": {"frames": 8}},
        {
            "loss": {"objective": "wasserstein", "gradient_penalty": 10.0, "reuse_fakes": False},
            "train": {"precision": "bf16"},
        },
    ],
)
def test_variants_train_and_their_models_make_clips(sections, tmp_path):
    run = train(recipe(**sections), name="x", output=tmp_path / "run", quiet=True)
    pipe = multigan.pipeline(run)
    first = torch.rand(3, 40, 50) if pipe.generator.condition == "first-frame" else None
    made = pipe(3, length=11, first_frame=first)
    assert made.clips.shape == (3, 11, 3, 32, 32)
    torch.testing.assert_close(pipe(2, length=11, first_frame=first).clips, made.clips[:2])
    shorter = pipe(3, length=5, first_frame=first).clips
    torch.testing.assert_close(shorter, made.clips[:, :5], rtol=1e-3, atol=1e-3)
    assert (run / "samples" / "step-000002-clips.gif").stat().st_size > 100


def test_an_interrupted_run_goes_on_to_the_same_weights(tmp_path, fork, fingerprint):
    """Unrolled windows, lazily penalised: the noise of each step is where it was left."""
    words = ["data.builtin_size=12", "data.frames=3", "model.width=4", "model.widest=8"]
    words += ["model.discriminator_width=4", "steps.adversarial=4", "train.checkpoint_every=2"]
    words += ["train.batch_size=4", "train.device=cpu", "train.preview_every=0", "model.unroll=6"]
    words += ["train.trackers=[]", "loss.r1=1", "loss.penalty_every=2", "train.keep_checkpoints=9"]
    assert fork("run", "videogan", *words, "-o", tmp_path / "whole").wait() == 0
    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "whole", cut)
    for late in sorted((cut / "checkpoints").glob("step-*"))[-1:]:
        shutil.rmtree(late)
    assert fork("run", "videogan", *words, "--resume", "-o", cut).wait() == 0
    assert fingerprint(cut) == fingerprint(tmp_path / "whole")


def test_mistakes_are_told():
    for wrong, message in (
        ({"model": {"labels": "projection", "categories": 3}}, "set one of the two"),
        ({"model": {"sparse_frames": 9}}, "more than data.frames=4"),
        ({"model": {"unroll": 3}}, "less than data.frames=4"),
        ({"model": {"unroll": 9}, "data": {"within": 8}}, "model.unroll must be 0"),
        ({"model": {"condition": "first-frame"}, "data": {"within": 8}}, "begins there"),
        ({"loss": {"reconstruction": 1.0}}, "needs data.within"),
    ):
        with pytest.raises(RecipeError, match=message):
            recipe(**wrong)
    gan = make(evaluate={"features": "nothing"})
    with pytest.raises(PluginError, match="unknown features 'nothing'"):
        gan.evaluate({"generator": gan.generator}, Noise(0))
    with pytest.raises(DataError, match="no such file"):
        make(data={"source": "nowhere"})
