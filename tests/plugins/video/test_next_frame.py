"""Predicting frames from frames: what is fed back, what is learnt, what a copy scores."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import relu

import multigan
from multigan.config.recipe import make_recipe
from multigan.errors import RecipeError
from multigan.plugins.video.networks.predictor import FramePredictor
from multigan.plugins.video.next_frame.gan import NextFrame
from multigan.training.phases import Noise, Step
from multigan.training.train import train


def recipe(**sections):
    given = {
        "plugin": "video",
        "method": "next-frame",
        "data": {"size": 32, "frames": 5, "builtin_size": 12},
        "model": {"past": 2, "noise": 3, "width": 4, "discriminator_width": 4, "widest": 8},
        "train": {"batch_size": 3, "threads": 1, "trackers": [], "device": "cpu"},
        "steps": {"adversarial": 2},
        "evaluate": {"samples": 5},
    }
    return make_recipe({name: section | sections.get(name, {}) if isinstance(section, dict)
                        else section for name, section in given.items()})  # fmt: skip


@torch.no_grad()
def test_predictions_are_fed_back():
    torch.manual_seed(0)
    predictor = FramePredictor(size=32, past=2, noise=3, width=4, widest=8)
    past, noise = torch.rand(2, 3, 3, 32, 32), torch.randn(2, 3, 3)
    made = predictor(past, noise)
    seen = [past[:, 1], past[:, 2]]
    for frame in range(3):
        painted = predictor.painter(torch.cat(seen[-2:], 1), noise[:, frame : frame + 1])[:, 0]
        seen.append(seen[-1] + 2 * painted)
    torch.testing.assert_close(made, torch.stack(seen[2:], dim=1))


def test_the_predictor_is_near_and_possible_and_the_judge_sees_the_past():
    torch.manual_seed(0)
    gan = NextFrame(recipe(model={"spectral_norm": False}))
    batch = {"video": torch.stack([gan.data[i]["video"] for i in range(3)])}
    judge, generator = gan.stages()[0].phases
    losses = judge.loss(batch, Step(0, 10, Noise(0)))
    fake = gan._continued(gan.predictor, batch["video"], Noise(0))
    assert torch.equal(fake[:, :2], batch["video"][:, :2]) and fake.shape == batch["video"].shape
    real_B1, fake_B1 = gan.discriminator(batch["video"]), gan.discriminator(fake)
    expected = relu(1 - real_B1).mean() + relu(1 + fake_B1).mean()
    torch.testing.assert_close(losses["adversarial"], expected)
    losses = generator.loss(batch, Step(0, 10, Noise(0)))
    apart = fake[:, 2:] - batch["video"][:, 2:]
    torch.testing.assert_close(losses["l1"], 10 * apart.abs().mean())
    torch.testing.assert_close(losses["l2"], 200 * apart.square().mean())
    torch.testing.assert_close(losses["adversarial"], -fake_B1.mean())


def test_a_copy_scores_what_the_baseline_scores():
    class Copy(torch.nn.Module):
        def forward(self, past, noise):
            return past[:, -1:].expand(-1, noise.shape[1], -1, -1, -1)

    gan = NextFrame(recipe())
    scores = gan.evaluate({"predictor": Copy()}, Noise(0))
    assert scores["psnr"] == pytest.approx(scores["psnr-copy"])
    came = [gan.held_out.plain(i)["video"].add(1).div(2).double() for i in range(12)]
    order = torch.randperm(12, generator=torch.Generator().manual_seed(0))[:5].tolist()
    expected = []
    for i in order:
        error = (came[i][2:] - came[i][1]).square().mean((1, 2, 3))
        expected.append((-10 * torch.log10(error)).clamp(max=60).mean())
    assert scores["psnr-copy"] == pytest.approx(float(torch.stack(expected).mean()), rel=1e-5)


def test_a_trained_model_goes_on_with_a_film(film, cli, tmp_path):
    run = train(recipe(), name="x", output=tmp_path / "run", quiet=True)
    beginning = film(tmp_path / "a.gif", 6, size=48)
    made = multigan.pipeline(run)(beginning, length=4, count=2)
    assert made.clips.shape == (2, 6, 3, 32, 32)
    assert made.clips[0, 0].mean() * 25.5 == pytest.approx(4, abs=0.1)  # the film's last but one
    shown = cli(
        "sample", run, "-n", 1, "--past", beginning, "--length", 3, "-o", tmp_path / "b.gif"
    )
    assert shown.code == 0, shown.err
    for words, message in (
        ([], "name one with --past"),
        (["--past", film(tmp_path / "short.gif", 1)], "but a prediction needs 2"),
    ):
        shown = cli("sample", run, "-n", 1, *words, "-o", tmp_path / "c.gif")
        assert shown.code == 2 and message in shown.err
    with pytest.raises(RecipeError, match="leaves nothing to predict"):
        recipe(data={"frames": 2})
