"""The generator behind a first guess: where it begins, what it sees, how far, and in pieces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multigan.config.recipe import load_recipe
from multigan.errors import CheckpointError, PluginError, RecipeError
from multigan.inference.pipeline import pipeline
from multigan.plugins.audio.generation.vocoders import load_vocoder
from multigan.plugins.audio.networks.refiner import RefinerGenerator
from multigan.plugins.audio.projection import first_noise, project
from multigan.plugins.audio.recipe import MelConfig
from multigan.plugins.audio.vocoder.gan import VocoderGAN
from multigan.plugins.audio.vocoder.pipeline import VocoderPipeline
from multigan.training.phases import Noise, Step
from multigan.training.train import train

MEL = MelConfig(rate=2000, n_fft=44, hop=8, mels=12)
SIZES = {
    "width": 4,
    "blocks": 2,
    "patch": 3,
    "guess": 3,
    "guess_training": 1,
    "passes": 2,
    "between": 1,
    "refine": 2,
}
TINY = [
    "data.length=512", "data.builtin_size=8", "mel.hop=64", "model.refiner.width=4",
    "model.refiner.blocks=1", "model.refiner.guess=2", "model.refiner.guess_training=1",
    "model.refiner.refine=1", "model.periods=[2,3]", "model.periods_width=2",
    "train.batch_size=2", "train.precision=fp32",
    "train.threads=1", "train.trackers=[]", "steps.reconstruction=2", "steps.adversarial=2",
    "evaluate.clips=2",
]  # fmt: skip


def make(**sizes: int) -> RefinerGenerator:
    """With weights that change the sound, other than those that training begins with."""
    torch.manual_seed(0)
    generator = RefinerGenerator(mel=MEL.model_dump(mode="json"), **{**SIZES, **sizes})
    with torch.no_grad():
        generator.last.weight.mul_(50)
    return generator.eval().requires_grad_(False)


def mels(frames: int = 40) -> torch.Tensor:
    return 2 * torch.randn(1, MEL.mels, frames, generator=torch.Generator().manual_seed(1)) - 3


def test_training_begins_at_the_projection() -> None:
    generator, mels_BMF = make(passes=1), mels()
    with torch.no_grad():
        generator.last.weight.zero_()
    noise_BT = first_noise(mels_BMF, generator.hear)
    made_BT = project(noise_BT, mels_BMF, generator.hear, rounds=3)
    made_BT = project(made_BT, mels_BMF, generator.hear, rounds=2)
    torch.testing.assert_close(generator(mels_BMF), made_BT.clamp(-1, 1), atol=1e-5, rtol=1e-4)
    sooner_BT = project(noise_BT, mels_BMF, generator.hear, rounds=1)
    sooner_BT = project(sooner_BT, mels_BMF, generator.hear, rounds=2)
    found_BT = generator.train()(mels_BMF)
    torch.testing.assert_close(found_BT, sooner_BT.clamp(-1, 1), atol=1e-5, rtol=1e-4)


def test_a_sound_upside_down_is_turned_alike() -> None:
    generator, mels_BMF = make(), mels()
    x_BT = project(first_noise(mels_BMF, generator.hear), mels_BMF, generator.hear, rounds=3)
    turned_BT = generator.turned(x_BT, mels_BMF)
    assert (turned_BT - x_BT).abs().max() > 0.1 * x_BT.abs().max()
    torch.testing.assert_close(generator.turned(-x_BT, mels_BMF), -turned_BT)


def test_equal_spectrograms_make_equal_sounds() -> None:
    generator = make()
    alone_BT, both_BT = generator(mels()), generator(torch.cat([mels(), mels() + 1]))
    assert alone_BT.shape == (1, 40 * 8)
    torch.testing.assert_close(both_BT[:1], alone_BT, atol=1e-4, rtol=0)
    for frames in (1, 2, 3):
        assert generator(mels(frames)).shape == (1, frames * 8)


@pytest.mark.parametrize("chunk", [7, 50])
def test_long_spectrograms_in_pieces(tmp_path: Path, chunk: int) -> None:
    """Of several passes with rounds between them; the noise is that of the place."""
    pipe = VocoderPipeline({"generator": make()}, {"mel": MEL.model_dump(mode="json")})
    mel_MF = mels(160)[0].numpy()
    np.save(tmp_path / "mel.npy", mel_MF)
    whole_T = pipe(mel_MF).waveforms[0]
    pieces = list(pipe.stream(tmp_path / "mel.npy", chunk=chunk))
    assert len(pieces) > 1
    torch.testing.assert_close(torch.cat(pieces), whole_T, atol=1e-4, rtol=0)
    samples = whole_T.numpy()
    pieces = list(pipe._copied(iter([samples]), chunk=chunk))
    whole_T = pipe(pipe.hear(torch.from_numpy(samples)[None])).waveforms[0]
    torch.testing.assert_close(torch.cat(pieces), whole_T, atol=1e-4, rtol=0)


def test_nothing_beyond_the_reach_is_heard() -> None:
    generator = make(guess=0, refine=1, between=0)
    reach, middle = generator.reach, 2 * generator.reach
    x_BT = torch.randn(1, (2 * middle + 1) * 8)
    made_BT = generator(mels(2 * middle + 1), noise_BT=x_BT)
    told = []
    for away in (reach // 2, reach):
        other_BT = x_BT.clone()
        other_BT[:, : (middle - away) * 8] *= -5
        apart_BT = generator(mels(2 * middle + 1), noise_BT=other_BT) - made_BT
        told.append(float(apart_BT[0, middle * 8 : (middle + 1) * 8].abs().max()))
    assert told[0] > 0 and told[1] == 0


def test_the_network_learns_and_the_guess_does_not() -> None:
    gan = VocoderGAN(load_recipe("vocoder", TINY))
    batch: Any = {"waveform": torch.stack([gan.data[index]["waveform"] for index in range(2)])}
    step = Step(0, 1, Noise(0, device=torch.device("cpu")))
    first = gan.reconstruct(batch, step)
    sum(first.values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in gan.generator.parameters())
    second = gan.reconstruct(batch, step)  # from other noise
    assert (first["spectra"] - second["spectra"]).detach().abs() > 1e-4


def test_the_recipe_trains_and_goes_on(tmp_path: Path) -> None:
    run = train("vocoder", overrides=TINY, output=tmp_path / "run", quiet=True)
    pipe: Any = pipeline(run)
    mels_BMF = pipe.hear(0.1 * torch.randn(2, 640))
    made_BT = pipe(mels_BMF).waveforms
    assert made_BT.shape == (2, 640)
    vocoder = load_vocoder(str(run), mel=load_recipe("vocoder").mel)
    assert torch.equal(vocoder(mels_BMF), made_BT)
    started = VocoderGAN(load_recipe("vocoder", [*TINY, f"model.start={run}"])).generator.eval()
    with torch.no_grad():
        torch.testing.assert_close(started(mels_BMF), made_BT)
    more = VocoderGAN(
        load_recipe("vocoder", [*TINY, f"model.start={run}", "model.refiner.refine=4"])
    )
    assert more.generator.refine == 4  # rounds are no matter of the weights
    with pytest.raises(CheckpointError, match="has width=4, and the recipe says 8"):
        VocoderGAN(load_recipe("vocoder", [*TINY, f"model.start={run}", "model.refiner.width=8"]))
    with pytest.raises(PluginError, match="no program can be made"):
        pipe.exportable()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.rates=[8,8]"], "variant=refiner has no rates; its sizes are in model.refiner"),
        (["model.variant=v3", "model.rates=[8,8]"], "variant=v3 refines nothing"),
    ],
)
def test_sizes_of_the_other_kind_are_told(overrides: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("vocoder", [*TINY, *overrides])
