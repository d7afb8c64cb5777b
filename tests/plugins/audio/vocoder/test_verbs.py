"""``multigan vocode`` as a user meets it, and the program that a vocoder becomes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import multigan
from multigan.data.audio import read_sound, sound_info, write_sound
from multigan.inference.export import export_model
from multigan.inference.pretrained import save_model
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.recipe import MelConfig

MEL = MelConfig(rate=4000, n_fft=80, hop=16, mels=8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    generator = HiFiGANGenerator(
        mels=8, width=8, rates=(4, 4), kernels=(8, 8), residual_kernels=(3,), dilations=((1, 2),),
        block=2,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "voice"
    facts = {"mel": MEL.model_dump(mode="json")}
    save_model(
        folder, facts, {"generator": generator}, plugin="audio", method="vocoder", card="# voice"
    )
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    (folder / "deeper").mkdir(parents=True)
    tone = np.sin(np.arange(4410) / 20).astype(np.float32)
    write_sound(folder / "tone.wav", tone, 22_050)
    np.save(folder / "deeper" / "mel.npy", np.zeros((8, 25)))
    return folder


def test_one_file(cli: Any, model: Path, files: Path) -> None:
    shown = cli("vocode", files / "tone.wav", "--model", model)
    assert shown.code == 0
    assert shown.out.startswith(f"{files / 'tone-vocoded.wav'}: 0.2 s at 4000 Hz, ")
    assert shown.out.strip().endswith("times real time")
    info = sound_info(files / "tone-vocoded.wav")
    assert (info.rate, round(info.duration, 2)) == (4000, 0.2)


def test_folders_keep_their_shape(cli: Any, model: Path, files: Path, tmp_path: Path) -> None:
    assert cli("vocode", files, "--model", model, "-o", tmp_path / "out").code == 0
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.wav")) == [
        "mel-vocoded.wav", "tone-vocoded.wav",
    ]  # fmt: skip
    made = read_sound(tmp_path / "out" / "deeper" / "mel-vocoded.wav")
    pipe: Any = multigan.pipeline(model)
    expected = pipe(torch.zeros(8, 25)).waveforms[0]
    torch.testing.assert_close(torch.from_numpy(made.samples), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.wav"], "missing.wav does not exist"),
        (["in/tone.wav", "-o", "out.mp3"], "let the name end in .wav"),
        (["in/tone.wav", "in/deeper/mel.npy", "-o", "out.wav"], "name a folder"),
        (["in/tone.wav", "-o", "in/tone.wav"], "would overwrite an input"),
        (["in/tone.wav", "in/../in/tone.wav", "-o", "out"], "would both become"),
        (["in/tone.wav", "--weights", "x.pth"], "say one vocoder: --model RUN, or"),
        (["in/tone.wav", "--griffin-lim", 4, "--projection", 4], "say one way"),
        (["notes.wav"], "notes.wav: not a sound"),
        (["tall.npy"], "this model hears (8, frames)"),
        (["empty"], "no sounds or spectrograms in it"),
    ],
)
def test_mistakes_are_one_line(
    cli: Any,
    model: Path,
    files: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(files.parent)
    Path("notes.wav").write_text("these are notes")
    np.save("tall.npy", np.zeros((9, 5)))
    Path("empty").mkdir()
    shown = cli("vocode", *words, "--model", model)
    assert shown.code == 2
    assert message in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_what_can_be_read_is_made_all_the_same(cli: Any, model: Path, files: Path) -> None:
    shown = cli("vocode", "missing.wav", files / "tone.wav", "--model", model)
    assert shown.code == 2
    assert "missing.wav" in shown.err and "tone-vocoded.wav" in shown.out


@pytest.mark.parametrize("way", ["griffin-lim", "projection"])
def test_without_learning(cli: Any, model: Path, files: Path, tmp_path: Path, way: str) -> None:
    """Of the spectrogram that the model would have heard."""
    np.save(tmp_path / "mel.npy", np.linspace(-6, -4, 8 * 40).reshape(8, 40).astype(np.float32))
    done = cli("vocode", tmp_path / "mel.npy", "--model", model, f"--{way}", 20)
    assert done.code == 0
    made = read_sound(tmp_path / "mel-vocoded.wav").samples
    mel = LogMel(MEL)(torch.from_numpy(made)[None])[0]
    assert (mel - torch.from_numpy(np.load(tmp_path / "mel.npy"))).abs().mean() < 0.3


def test_other_models_are_no_vocoders(cli: Any, files: Path) -> None:
    shown = cli("vocode", files / "tone.wav", "--model", "digits")
    assert shown.code == 2 and "no vocoder" in shown.err


def test_a_program_for_any_number_of_frames(model: Path, tmp_path: Path) -> None:
    pipe: Any = multigan.pipeline(model)
    made = export_model(pipe, tmp_path / "voice.pt", format="torchscript")
    assert made.difference < 1e-5
    what = pipe.exportable()
    assert what.free["mels"] == {0: "batch", 2: "frames"}


@pytest.mark.slow
def test_onnx(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    made = export_model(multigan.pipeline(model), tmp_path / "voice.onnx")
    assert made.difference < 1e-5
