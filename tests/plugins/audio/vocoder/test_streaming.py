"""Long sounds in pieces: the same numbers as in one pass, and files that cannot be read."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from multigan.data.audio import read_sound, write_sound
from multigan.data.sound_writer import sound_writer
from multigan.errors import CheckpointError, DataError
from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.recipe import MelConfig
from multigan.plugins.audio.vocoder.pipeline import VocoderPipeline

HOP, BANDS = 8, 5
MEL = MelConfig(rate=2000, n_fft=44, hop=HOP, mels=BANDS)


@pytest.fixture(scope="module")
def pipe() -> VocoderPipeline:
    torch.manual_seed(0)
    generator = HiFiGANGenerator(
        mels=BANDS, width=8, rates=(4, 2), kernels=(8, 5), residual_kernels=(3, 5),
        dilations=((1, 2), (2, 6)), block=2,
    )  # fmt: skip
    with torch.no_grad():  # random weights hardly let the input through
        for p in generator.parameters():
            p.mul_(2)
    return VocoderPipeline({"generator": generator}, {"mel": MEL.model_dump(mode="json")})


def joined(pieces: Any) -> torch.Tensor:
    return torch.cat(list(pieces))


@pytest.mark.parametrize("frames", [1, 30, 31, 97, 128])
@pytest.mark.parametrize("chunk", [1, 7, 32, 500])
def test_spectrograms_in_pieces(
    pipe: VocoderPipeline, tmp_path: Path, frames: int, chunk: int
) -> None:
    mel = np.random.default_rng(0).normal(size=(BANDS, frames)).astype(np.float32)
    np.save(tmp_path / "mel.npy", mel)
    whole = pipe(mel).waveforms[0]
    assert len(whole) == frames * HOP
    assert whole.std() > 1e-3
    pieces = list(pipe.stream(tmp_path / "mel.npy", chunk=chunk))
    assert len(pieces) > 1 or frames <= chunk + pipe.generator.reach
    torch.testing.assert_close(joined(pieces), whole, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("length", [1, 17, 18, 19, 160, 1001, 1008])
@pytest.mark.parametrize("chunk", [5, 40, 500])
def test_sounds_in_pieces(pipe: VocoderPipeline, tmp_path: Path, length: int, chunk: int) -> None:
    """Against the spectrogram of the whole; no sample is lost or added."""
    samples = np.random.default_rng(1).uniform(-0.9, 0.9, length).astype(np.float32)
    write_sound(tmp_path / "sound.wav", samples, MEL.rate)
    padded = np.pad(
        read_sound(tmp_path / "sound.wav").samples, (0, max(24 - length, -length % HOP))
    )
    with torch.inference_mode():
        expected = pipe.generator(pipe.hear(torch.from_numpy(padded)[None]))[0, :length]
    found = joined(pipe.stream(tmp_path / "sound.wav", chunk=chunk))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(pipe.copy(tmp_path / "sound.wav").waveforms[0], found)


def test_other_rates_are_brought_to_the_models(pipe: VocoderPipeline, tmp_path: Path) -> None:
    tone = np.sin(np.arange(8000) * 2 * np.pi * 200 / 8000).astype(np.float32)
    write_sound(tmp_path / "tone.wav", tone, 8000)
    made = joined(pipe.stream(tmp_path / "tone.wav"))
    assert abs(len(made) - 2000) <= 2
    assert pipe.copy(tone, rate=8000).waveforms.shape == (1, len(made))


def test_only_a_piece_is_in_memory(pipe: VocoderPipeline, tmp_path: Path) -> None:
    """The largest input that the generator ever gets does not grow with the file."""
    np.save(tmp_path / "long.npy", np.zeros((BANDS, 5000), dtype=np.float16))
    sizes: list[int] = []
    handle = pipe.generator.register_forward_pre_hook(lambda _, x: sizes.append(x[0].shape[-1]))
    pieces = sum(len(piece) for piece in pipe.stream(tmp_path / "long.npy", chunk=64))
    handle.remove()
    assert pieces == 5000 * HOP
    assert max(sizes) <= 64 + 2 * pipe.generator.reach


def _pickle(path: Path) -> None:
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)


def _nan(path: Path) -> None:
    np.save(path, np.full((BANDS, 4), np.nan))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b""), "no array"),
        (lambda path: path.write_text("mel"), "no array"),
        (_pickle, "no array"),
        (lambda path: np.save(path, np.zeros((9, BANDS))), "transpose it"),
        (lambda path: np.save(path, np.zeros((9, 9))), "mel settings"),
        (lambda path: np.save(path, np.zeros((BANDS, 0))), "frames"),
        (lambda path: np.save(path, np.zeros((BANDS, 4), dtype=int)), "no floating-point"),
        (_nan, "not finite"),
    ],
)
def test_files_that_are_no_spectrogram(
    pipe: VocoderPipeline, tmp_path: Path, make: Callable[[Path], Any], message: str
) -> None:
    make(tmp_path / "mel.npy")
    with pytest.raises(DataError, match=message) as raised:
        list(pipe.stream(tmp_path / "mel.npy"))
    assert str(tmp_path / "mel.npy") in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_model_that_contradicts_itself(pipe: VocoderPipeline) -> None:
    facts = {"mel": {**MEL.model_dump(mode="json"), "mels": 6}}
    with pytest.raises(CheckpointError, match="damaged"):
        VocoderPipeline({"generator": pipe.generator}, facts)
    with pytest.raises(CheckpointError, match="no vocoder"):
        VocoderPipeline({}, facts)


def test_the_writer_clips_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with sound_writer(tmp_path / "a.wav", 2000) as write:
        write(np.array([0.0, 0.5], dtype=np.float32))
        write(np.array([2.0, -2.0], dtype=np.float32))
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:4] == (1, 2, 2000, 4)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16384, 32767, -32768]
    with pytest.raises(KeyError), sound_writer(tmp_path / "b.wav", 2000) as write:
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    with pytest.raises(DataError, match="WAV"), sound_writer(tmp_path / "a.mp3", 2000):
        pass
