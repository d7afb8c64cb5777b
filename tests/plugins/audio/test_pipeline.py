"""Sounds out of a generator: seeds, labels, truncation, ways between them, files, ONNX."""

from __future__ import annotations

import wave

import numpy as np
import pytest
import scipy.stats
import torch

from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.export import export_model
from multigan.plugins.audio.generation.encoding import Spectrograms
from multigan.plugins.audio.networks.specgan import SpecGANGenerator
from multigan.plugins.audio.networks.wavegan import WaveGANGenerator
from multigan.plugins.audio.pipeline import AudioPipeline, draw_latents
from multigan.plugins.audio.recipe import MelConfig


def waves(*, classes=(), **facts):
    torch.manual_seed(0)
    generator = WaveGANGenerator(length=320, latents=5, width=2, classes=len(classes))
    given = {"classes": list(classes), "rate": 8000, "latent_noise": "uniform", **facts}
    return AudioPipeline({"generator": generator}, {"plugin": "audio", "method": "wavegan"} | given)


def spectrograms(classes=()):
    torch.manual_seed(0)
    generator = SpecGANGenerator(mels=64, frames=8, latents=5, width=2, classes=len(classes))
    facts = {"classes": list(classes), "rate": 8000, "latent_noise": "normal"}
    facts |= Spectrograms(MelConfig(), range_db=60.0).facts()
    return AudioPipeline({"generator": generator}, {"plugin": "audio", "method": "specgan"} | facts)


@pytest.mark.parametrize("pipe", [waves(), spectrograms()])
def test_a_seed_means_the_same_sounds_in_any_number(pipe):
    few, many, others = pipe(3, seed=1), pipe(70, seed=1), pipe(3, seed=2)
    # Rounding differs with the batch, and Griffin-Lim makes more of it.
    torch.testing.assert_close(few.waveforms, many.waveforms[:3], atol=1e-2, rtol=0)
    assert not torch.allclose(few.waveforms, others.waveforms)
    assert few.waveforms.abs().max() <= 1 and few.rate == 8000


def test_labels_by_name_number_list_or_in_turn():
    pipe = waves(classes=("dog", "rain", "7"))
    assert pipe(4).labels == ("dog", "rain", "7", "dog")
    assert pipe.sample(2, label="7").labels == ("7", "7")
    assert pipe(2, labels=["rain", 0]).labels == ("rain", "dog")
    dog, rain = (pipe(1, labels=name).waveforms for name in ("dog", "rain"))
    assert not torch.allclose(dog, rain)
    with pytest.raises(PluginError, match="no class 'dgo'; did you mean 'dog'"):
        pipe(1, labels="dgo")
    with pytest.raises(PluginError, match="2 labels for 3"):
        pipe(3, labels=["dog", "rain"])
    with pytest.raises(PluginError, match="without labels"):
        waves()(1, labels="dog")


def test_classes_of_two_parts():
    """All first parts come in turn, and a first part alone means its classes in turn."""
    pipe = waves(classes=("0_ann", "0_bob", "1_ann", "1_bob", "2_bob"))
    assert pipe(6).labels == ("0_ann", "1_bob", "2_bob", "0_bob", "1_ann", "2_bob")
    assert pipe(3, labels="1").labels == ("1_ann", "1_bob", "1_ann")
    assert pipe(2, labels="1_bob").labels == ("1_bob", "1_bob")
    assert pipe.interpolate(2, steps=2, label="1").labels == ("1_ann",) * 4
    with pytest.raises(PluginError, match="no class '3'"):
        pipe(1, labels="3")


def test_truncated_latents_are_those_of_a_truncated_distribution():
    plain, tame = draw_latents(400, 50, seed=0), draw_latents(400, 50, seed=0, truncation=0.7)
    assert (tame.flatten()[plain.flatten().argsort()].diff() >= 0).all()
    assert scipy.stats.kstest(plain.flatten().numpy(), "norm").pvalue > 0.01
    cut = scipy.stats.truncnorm(-0.7, 0.7)
    assert scipy.stats.kstest(tame.flatten().numpy(), cut.cdf).pvalue > 0.01
    flat = draw_latents(400, 50, seed=0, uniform=True, truncation=0.5)
    assert 0.49 < flat.abs().max() <= 0.5
    with pytest.raises(PluginError, match="above 0"):
        waves()(1, truncation=0.0)


def test_the_way_between_sounds_passes_them_and_keeps_their_size():
    pipe = spectrograms(classes=("a", "b"))
    way = pipe.interpolate(3, steps=4, seed=1, label="b")
    assert way.labels == ("b",) * 12
    stops = pipe(3, seed=1, labels="b")
    torch.testing.assert_close(way.waveforms[::4], stops.waveforms, atol=1e-2, rtol=0)
    ends = draw_latents(2, 20_000, seed=0)
    assert pipe._way(ends, torch.tensor([0.5])).std() == pytest.approx(1, abs=0.02)
    with pytest.raises(PluginError, match="two sounds"):
        pipe.interpolate(1)


def test_files_say_what_is_in_them(tmp_path):
    pipe = waves(classes=("dog", "rain"))
    made = pipe(11)
    written = pipe.save_samples(made, tmp_path / "out")
    assert [path.name for path in written][:2] == ["dog_00.wav", "rain_01.wav"]
    with wave.open(str(written[1])) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (8000, 320)
        samples = np.frombuffer(sound.readframes(320), np.int16) / 32767
    np.testing.assert_allclose(samples, made.waveforms[1].numpy(), atol=1e-4)
    (row,) = pipe.save_samples(made, tmp_path / "all.wav")
    with wave.open(str(row)) as sound:
        assert sound.getnframes() == 11 * 320 + 10 * 1600
    with pytest.raises(DataError, match="sounds are written as"):
        pipe.save_film(made, tmp_path / "x.mp4")


def test_damaged_facts_are_told():
    with pytest.raises(CheckpointError, match="no rate"):
        waves(rate=None)
    with pytest.raises(CheckpointError, match="list of names"):
        waves(classes=("a",)).__class__({"generator": waves().generator}, {"rate": 1, "classes": 3})


@pytest.mark.parametrize("pipe", [waves(classes=("a", "b")), spectrograms()])
def test_other_programs_make_the_same(pipe, tmp_path):
    pytest.importorskip("onnxruntime")
    assert export_model(pipe, tmp_path / "x.onnx").difference < 1e-4
