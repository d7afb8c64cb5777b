"""The sound GAN's phases against formulas written out, its encodings, and whole small runs."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import multigan
from multigan.config.recipe import load_recipe, make_recipe
from multigan.errors import PluginError, RecipeError
from multigan.nn.network import Network
from multigan.plugins.audio import networks
from multigan.plugins.audio.generation import vocoders
from multigan.plugins.audio.generation.augment import augment, masked, shifted
from multigan.plugins.audio.generation.encoding import Spectrograms, spectrograms_from_facts
from multigan.plugins.audio.generation.exhibit import nearest
from multigan.plugins.audio.generation.gan import SoundGAN
from multigan.plugins.audio.recipe import MelConfig
from multigan.training.phases import Noise, Step
from multigan.training.train import train

TINY = {"width": 2, "discriminator_width": 2, "latents": 6, "label_size": 3}
DATA = {"source": "builtin:sounds", "builtin_size": 30}


def recipe(method="specgan", **sections):
    given = {"plugin": "audio", "method": method, "evaluate": {"samples": 6}, **sections}
    length = 1024 if method == "specgan" else 320
    given["data"] = DATA | {"length": length} | sections.get("data", {})
    given["model"] = TINY | sections.get("model", {})
    return make_recipe(given)


def make(method="specgan", **sections):
    torch.manual_seed(0)
    return SoundGAN(recipe(method, **sections))


def step(seed=0, index=0):
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


def test_wavegan_plays_wgan_gp_with_shuffled_phases():
    """Five to one, uniform latents, one pass for both kinds, fresh shifts for the penalty."""
    gan = make("wavegan")
    data, noise = batch(gan), Noise(0)
    judge_phase, fool_phase = gan.stages()[0].phases
    assert (judge_phase.repeat, fool_phase.fresh) == (5, False)
    losses = play(gan, judge_phase, data, step())
    assert not data["fake"].requires_grad
    assert all(p.grad is None for p in gan.generator.parameters())

    judge, real = gan.discriminator, data["waveform"][:, None]
    fake = gan.generator(2 * noise.uniform(4, 6) - 1).detach()
    shifts = [noise.integers(5, 4, judge.shuffled) - 2 for _ in range(3)]
    assert len(torch.cat(shifts).unique()) == 5
    verdicts = [judge(x, None, s).mean() for x, s in zip((real, fake), shifts, strict=False)]
    alpha = noise.uniform(4)[:, None, None]
    between = (alpha * real + (1 - alpha) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(judge(between, None, shifts[2]).sum(), between)
    penalty = 10 * (slope.flatten(1).norm(dim=1) - 1).square().mean()
    torch.testing.assert_close(losses["adversarial"], verdicts[1] - verdicts[0])
    torch.testing.assert_close(losses["gradient-penalty"], penalty)

    losses = play(gan, fool_phase, data, step(seed=3))
    noise = Noise(3)
    fake = gan.generator(2 * noise.uniform(4, 6) - 1)
    shifts = noise.integers(5, 4, judge.shuffled) - 2
    torch.testing.assert_close(losses["adversarial"], -judge(fake, None, shifts).mean())
    assert all(p.grad is None for p in judge.parameters())
    assert all(p.grad is not None for p in gan.generator.parameters())


def test_specgan_plays_a_conditional_hinge_on_the_same_fakes():
    gan = make(
        data={"labels": "folder"},
        model={"labels": "projection", "spectral_norm": False},
        loss={"r1": 3.0, "penalty_every": 4},
    )
    data, noise = batch(gan), Noise(0)
    names = [(p.name, p.every, p.fresh) for p in gan.stages()[0].phases]
    assert names == [("discriminator", 1, True), ("penalty", 4, False), ("generator", 1, False)]
    judge_phase, penalty_phase, fool_phase = gan.stages()[0].phases
    losses = play(gan, judge_phase, data, step())
    real, labels = gan.encoding.encode(data["waveform"]), data["label"]
    fake = gan.generator(noise.normal(4, 6), labels).detach()
    judge = gan.discriminator
    expected = (1 - judge(real, labels)).relu().mean() + (1 + judge(fake, labels)).relu().mean()
    torch.testing.assert_close(losses["adversarial"], expected)

    losses = play(gan, penalty_phase, data, step())
    point = real.clone().requires_grad_()
    (slope,) = torch.autograd.grad(judge(point, labels).sum(), point)
    expected = 4 * 3.0 * 0.5 * slope.flatten(1).square().sum(1).mean()
    torch.testing.assert_close(losses["r1"], expected)

    losses = play(gan, fool_phase, data, step())
    torch.testing.assert_close(losses["adversarial"], -judge(fake, labels).mean())
    assert all(p.grad is not None for p in gan.generator.parameters()) and "fake" not in data


def test_every_other_trick_adds_its_term():
    gan = make(
        data={"labels": "folder"},
        model={"labels": "classifier"},
        loss={
            "objective": "relativistic", "dragan": 1.0, "r2": 1.0, "classifier": 2.0,
            "instance_noise": 0.1,
        },
        augment={"shift": 0.2, "mask": 0.3},
    )  # fmt: skip
    data = batch(gan)
    judge_phase, fool_phase = gan.stages()[0].phases
    losses = play(gan, judge_phase, data, step())
    assert set(losses) == {"adversarial", "classes", "dragan", "r2"}
    assert set(play(gan, fool_phase, data, step())) == {"adversarial", "classes"}
    torch.testing.assert_close(gan.spread, float(gan.encoding.encode(gan_waves(gan)).std()))


def gan_waves(gan):
    return torch.stack([gan.data[i]["waveform"] for i in range(len(gan.data))])


def test_spectrograms_are_normalised_band_by_band_and_come_back():
    encoding = Spectrograms(MelConfig(mels=16), range_db=60.0)
    x_BT = torch.stack([make().data[i]["waveform"] for i in range(8)])
    encoding.measure(x_BT)
    encoded = encoding.encode(x_BT)
    raw = (encoding.mels(x_BT) - encoding.mean_M[:, None]) / encoding.deviation_M[:, None]
    torch.testing.assert_close(raw.mean((0, 2)), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(encoded[:, 0], (raw / 3).clamp(-1, 1))
    kept = raw.abs() < 3
    torch.testing.assert_close(encoding.decode(encoded)[kept], encoding.mels(x_BT)[kept])
    again = spectrograms_from_facts(json.loads(json.dumps(encoding.facts())))
    torch.testing.assert_close(again.decode(encoded), encoding.decode(encoded), atol=1e-3, rtol=0)


def test_sixty_decibels_below_a_full_tone_is_the_floor():
    encoding = Spectrograms(MelConfig(), range_db=60.0)
    time = torch.arange(2048) / 8000
    tone_T = torch.sin(2 * torch.pi * 500 * time)
    loud, faint = encoding.log_mel(torch.stack([tone_T, tone_T / 1000])).amax((1, 2))
    assert encoding.floor == pytest.approx(float(faint), abs=0.05)
    assert float(encoding.mels(tone_T[None]).max()) == pytest.approx(float(loud))


def test_augmentation_moves_and_blanks():
    x_B1MT = torch.arange(1.0, 41.0).view(1, 1, 4, 10)
    assert torch.equal(shifted(x_B1MT, torch.tensor([0.5]), most=2), x_B1MT)
    right = shifted(x_B1MT, torch.tensor([0.99]), most=2)
    assert torch.equal(right[..., 2:], x_B1MT[..., :-2])
    assert torch.equal(right[..., 1], x_B1MT[..., 0])
    blank = masked(x_B1MT, torch.tensor([[0.0, 0.99]]), share=0.5) == 0
    assert blank[0, 0, :2].all() and blank[0, 0, :, 5:].all() and not blank[0, 0, 2:, :5].any()
    assert augment(x_B1MT, Noise(0)) is x_B1MT


@pytest.mark.parametrize(
    ("method", "sections", "problem"),
    [
        ("specgan", {"data": {"length": 1000}}, "15.625 frames"),
        ("wavegan", {"data": {"length": 1000}}, "try 4096, 8192 or 16384"),
        ("specgan", {"model": {"labels": "projection"}}, "set data.labels"),
    ],
)
def test_what_does_not_fit_is_told_at_once(method, sections, problem):
    with pytest.raises(RecipeError, match=problem):
        recipe(method, **sections)


@pytest.mark.parametrize("name", ["audiogan", "audiogan-digits"])
def test_recipes_play(name, tmp_path):
    overrides = [
        "data.source=builtin:sounds", "data.length=1024", "data.builtin_size=30",
        "data.labels=folder", "data.held_out=", "data.crop=random",
        "evaluate.judge=", "model.width=2", "model.discriminator_width=2", "steps.adversarial=2",
        "train.batch_size=4", "train.precision=fp32", "evaluate.samples=8", "train.trackers=[]",
    ]  # fmt: skip
    train(load_recipe(name, overrides), output=tmp_path / "run")
    samples = [path.name for path in (tmp_path / "run" / "samples").iterdir()]
    assert "step-000002.png" in samples and sum(each.endswith(".wav") for each in samples) == 20
    assert multigan.pipeline(tmp_path / "run")(2).waveforms.shape == (2, 1024)


def test_a_copy_is_found_however_it_is_shifted():
    known = torch.randn(6, 4, 20)
    copy = known[3].roll(2, dims=1)
    copy[:, :2] = known[3, :, :1]
    distance, which = nearest(torch.stack([copy, known[3] + 0.5]), known)
    assert which.tolist() == [3, 3]
    # Two frames of twenty were pushed out at one end and may differ.
    assert distance[0] < 0.7 and distance[1] == pytest.approx(0.5, abs=1e-3)
    assert nearest(torch.randn(1, 4, 20), known)[0] > 0.9


class Buzz(Network):
    """A vocoder of the shape of a real one."""

    def __init__(self, mels: int = 64, hop: int = 64) -> None:
        super().__init__()
        self.up = nn.ConvTranspose1d(mels, 1, hop, stride=hop)

    def forward(self, x_BML):
        return self.up(x_BML).tanh()[:, 0]


def test_a_vocoder_is_kept_with_the_model(monkeypatch, tmp_path):
    vocoder = Buzz()
    saved = SimpleNamespace(
        components={"generator": vocoder},
        facts={"method": "vocoder", "mel": MelConfig().model_dump()},
    )
    monkeypatch.setitem(networks.NETWORKS, "buzz", Buzz)
    monkeypatch.setattr(vocoders, "pipeline", lambda name: saved)
    small = {"steps": {"adversarial": 1}, "train": {"batch_size": 2, "trackers": []}}
    train(recipe(model={"vocoder": "mine"}, **small), output=tmp_path / "run")
    pipe = multigan.pipeline(tmp_path / "run")
    latents = torch.randn(2, 6)
    mels_BML = pipe.encoding.decode(pipe.generator(latents))
    made_BT = vocoder(mels_BML)
    peaks_B1 = made_BT.abs().amax(1, keepdim=True)
    assert peaks_B1.max() > 0.99  # too loud, and so made softer
    expected = torch.where(peaks_B1 > 0.99, 0.99 * made_BT / peaks_B1, made_BT)
    torch.testing.assert_close(pipe.decode(latents).waveforms, expected)

    saved.facts = {"method": "vocoder", "mel": MelConfig(hop=32).model_dump()}
    with pytest.raises(PluginError, match="hop=32, and this model makes them with hop=64"):
        make(model={"vocoder": "mine"})
    saved.facts = {"method": "wavegan"}
    with pytest.raises(PluginError, match="is no vocoder"):
        make(model={"vocoder": "mine"})
