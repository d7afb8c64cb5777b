"""The step of HiFi-GAN: what it adds up to, who learns from it, and where it begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import multigan
from multigan.config.recipe import load_recipe
from multigan.data.audio import write_sound
from multigan.errors import CheckpointError, DataError, RecipeError
from multigan.plugins.audio.generation.vocoders import load_vocoder
from multigan.plugins.audio.vocoder.data import open_segments
from multigan.plugins.audio.vocoder.gan import VocoderGAN
from multigan.training.phases import Noise, Step
from multigan.training.train import train

TINY = [
    "data.length=512", "data.builtin_size=8", "model.variant=v3", "model.rates=[4,4,4]",
    "model.width=16", "model.periods=[2,3]",
    "model.periods_width=2", "model.scales=2", "model.scales_width=16", "train.batch_size=2",
    "train.precision=fp32", "train.threads=1", "train.trackers=[]", "steps.reconstruction=2",
    "steps.adversarial=2", "evaluate.clips=2",
]  # fmt: skip


def make(*overrides: str) -> tuple[VocoderGAN, dict[str, Any]]:
    torch.manual_seed(0)
    gan = VocoderGAN(load_recipe("vocoder", [*TINY, *overrides]))
    waveform = torch.stack([gan.data[index]["waveform"] for index in range(2)])
    return gan, {"waveform": waveform}


STEP = Step(0, 1, Noise(0, device=torch.device("cpu")))


def test_losses_are_the_papers_sums() -> None:
    """Equations 3 to 8 of Kong et al. written out, with separate passes."""
    gan, batch = make("model.scales=0", "loss.spectra=0", "loss.mel=45")
    judged = gan.judge(batch, STEP)["adversarial"]
    fake, real = batch["fake"], batch["waveform"]
    of_real, of_fake = gan.periods(real), gan.periods(fake)
    pairs = list(zip(of_real, of_fake, strict=True))
    expected = sum((1 - r[-1]).square().mean() + f[-1].square().mean() for r, f in pairs)
    torch.testing.assert_close(judged, expected)
    terms = gan.fool(batch, STEP)
    torch.testing.assert_close(
        terms["adversarial"], sum((1 - f[-1]).square().mean() for _, f in pairs)
    )
    matching = sum((a - b).abs().mean() for r, f in pairs for a, b in zip(r, f, strict=True))
    torch.testing.assert_close(terms["features"], 2 * matching)
    mel = (gan.compare(fake) - gan.compare(real)).abs().mean()
    torch.testing.assert_close(terms["mel"], 45 * mel)


def test_the_generator_learns_through_frozen_discriminators() -> None:
    gan, batch = make()
    gan.networks["generator"].requires_grad_(False)
    sum(gan.judge(batch, STEP).values()).backward()
    assert all(p.grad is None for p in gan.generator.parameters())
    assert all(p.grad is not None for p in gan.periods.parameters())
    gan.networks.requires_grad_(False)
    gan.generator.requires_grad_(True)
    gan.networks.zero_grad()
    sum(gan.fool(batch, STEP).values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in gan.generator.parameters())
    assert all(
        p.grad is None for name in ("periods", "scales") for p in gan.networks[name].parameters()
    )
    assert "fake" not in batch


def test_the_recipe_trains_sees_and_hears(tmp_path: Path) -> None:
    run = train("vocoder", overrides=TINY, output=tmp_path / "run", quiet=True)
    assert len(list((run / "samples").rglob("*-made.wav"))) > 0
    pipe: Any = multigan.pipeline(run)
    assert pipe.rate == 8000
    mels = pipe.hear(torch.zeros(2, 640))
    assert pipe(mels).waveforms.shape == (2, 640)
    assert not any("parametrizations" in key for key in pipe.generator.state_dict())
    pipe.save(tmp_path / "saved")
    again: Any = multigan.pipeline(tmp_path / "saved")
    torch.testing.assert_close(again(mels).waveforms, pipe(mels).waveforms)

    # As the last part of a generator of spectrograms.
    assert torch.equal(
        load_vocoder(str(run), mel=load_recipe("vocoder").mel)(mels), pipe(mels).waveforms
    )

    recipe = load_recipe("vocoder", [*TINY, f"model.start={tmp_path / 'saved'}"])
    started = VocoderGAN(recipe).generator
    with torch.no_grad():
        torch.testing.assert_close(started(mels), pipe(mels).waveforms)
    with pytest.raises(CheckpointError, match=r"has width=16, and the recipe says 32"):
        VocoderGAN(load_recipe("vocoder", [*TINY, f"model.start={run}", "model.width=32"]))
    with pytest.raises(CheckpointError, match=r"has fmax=None, and the recipe says 3000"):
        VocoderGAN(load_recipe("vocoder", [*TINY, f"model.start={run}", "mel.fmax=3000"]))


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Sounds whose samples tell their place, with spectrograms that do so too."""
    for name, frames in (("a", 20), ("b", 5), ("c", 20)):
        samples = np.arange(frames * 64) / (64 * 64)
        write_sound(tmp_path / f"{name}.wav", samples.astype(np.float32), 8000)
        mel = np.arange(frames, dtype=np.float32)[None].repeat(64, 0)
        np.save(tmp_path / f"{name}.npy", mel[None] if name == "a" else mel)
    return tmp_path


def fine_tuning(folder: Path) -> Any:
    overrides = [
        *TINY,
        f"data.source={folder}",
        "data.mels=true",
        "data.held_out=c",
        "steps.reconstruction=0",
    ]
    return load_recipe("vocoder", overrides)


def test_spectrograms_beside_sounds_are_cut_where_these_are(pairs: Path) -> None:
    segments = open_segments(fine_tuning(pairs), split="train")
    firsts = set()
    for _ in range(8):
        item = segments[0]
        first = int(item["mel"][0, 0])
        firsts.add(first)
        assert item["mel"].shape == (64, 8)
        assert item["mel"][3].tolist() == list(range(first, first + 8))
        expected = (torch.arange(512) + 64 * first) / 4096
        torch.testing.assert_close(item["waveform"], expected, atol=1e-4, rtol=0)
    assert len(firsts) > 1
    short = segments[1]
    assert short["mel"][0, 4] == 4 and short["mel"][0, 5] < -11
    assert short["waveform"][320:].abs().max() == 0


def test_fine_tuning_hears_what_lies_beside(pairs: Path) -> None:
    gan = VocoderGAN(fine_tuning(pairs))
    item = {key: value[None] for key, value in gan.data[0].items()}
    heard = []
    gan.generator.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    gan.judge(item, STEP)
    assert torch.equal(heard[0], item["mel"])


def test_spectrograms_of_another_length_are_told(pairs: Path) -> None:
    np.save(pairs / "a.npy", np.zeros((64, 40), dtype=np.float32))
    with pytest.raises(DataError, match=r"a.npy has 40 frames, and .*a.wav is 20 hops of 64"):
        open_segments(fine_tuning(pairs), split="train")[0]
    (pairs / "b.npy").unlink()
    with pytest.raises(DataError, match=r"b.npy: no such file"):
        open_segments(fine_tuning(pairs), split="train")[1]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["model.variant=v3", "model.rates=[4,4,4]", "mel.hop=128", "mel.n_fft=512"],
            r"4 x 4 x 4 = 64 samples .* say model.rates=\[8, 8, 2\]",
        ),
        (["model.variant=v3", "mel.hop=66"], r"choose a hop of small factors"),
        (["mel.rate=16000"], "must be the same"),
        (["data.length=500"], "multiple of mel.hop=64"),
        (["data.length=256"], "more than mel.n_fft=256"),
    ],
)
def test_what_does_not_fit_is_told(overrides: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("vocoder", overrides)


def test_the_defaults_are_the_papers(tmp_path: Path) -> None:
    (tmp_path / "plain.yaml").write_text("# HiFi-GAN.\nplugin: audio\nmethod: vocoder\n")
    recipe = load_recipe(tmp_path / "plain.yaml")
    assert recipe.model.generator["width"] == 512
    assert (recipe.data.rate, recipe.mel.hop, recipe.mel.fmax) == (22_050, 256, 8000.0)
    small = load_recipe(tmp_path / "plain.yaml", ["model.variant=v3", "model.width=64"])
    assert small.model.generator["width"] == 64
    assert small.model.generator["kernels"] == (16, 16, 8)
