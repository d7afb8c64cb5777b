from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from multigan.plugins.audio.mel import FLOOR, LogMel, mel_filters
from multigan.plugins.audio.recipe import MelConfig

HIFIGAN = MelConfig(rate=22_050, n_fft=1024, hop=256, mels=80, fmax=8000)


@pytest.mark.parametrize("config", [HIFIGAN, MelConfig(), MelConfig(mels=20, fmin=60, fmax=3000)])
def test_filters_are_slaneys(config):
    functional = pytest.importorskip("torchaudio.functional")
    expected = functional.melscale_fbanks(
        config.n_fft // 2 + 1, config.fmin, config.fmax or config.rate / 2, config.mels,
        config.rate, norm="slaney", mel_scale="slaney",
    ).T  # fmt: skip
    torch.testing.assert_close(mel_filters(config), expected, atol=1e-6, rtol=1e-5)


def test_against_sums_written_out():
    """HiFi-GAN's definition in numpy: frame by frame, one Fourier transform each."""
    config = MelConfig(rate=8000, n_fft=128, hop=32, win=100, mels=16)
    x = np.random.default_rng(0).uniform(-1, 1, 777)
    padded = np.pad(x, 48, mode="reflect")
    window = np.zeros(128)
    window[14:114] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(100) / 100)
    rows = []
    for frame in range(777 // 32):
        spectrum = np.fft.rfft(padded[32 * frame : 32 * frame + 128] * window)
        magnitude = np.sqrt(np.abs(spectrum) ** 2 + 1e-9)
        rows.append(np.log(np.maximum(mel_filters(config).double().numpy() @ magnitude, 1e-5)))
    found = LogMel(config)(torch.from_numpy(x)[None].float())
    assert found.shape == (1, 16, 24)
    np.testing.assert_allclose(found[0].numpy(), np.stack(rows, axis=1), atol=1e-4)


def test_frames_silence_gradients_and_precision():
    mel = LogMel(HIFIGAN)
    assert not mel.state_dict()  # made from the config
    x = torch.zeros(2, 8192, requires_grad=True)
    y = mel(x)
    assert y.shape == (2, 80, 32)
    torch.testing.assert_close(y, torch.full_like(y, math.log(FLOOR)))
    y.sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()
    loud = torch.rand(2, 8192) - 0.5
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(mel.magnitudes(loud), LogMel(HIFIGAN).magnitudes(loud))
    with pytest.raises(ValueError, match="384 samples are too few, more than 384"):
        mel(torch.zeros(1, 384))


@pytest.mark.parametrize(
    "wrong", [{"win": 300}, {"hop": 257}, {"hop": 63}, {"fmax": 4001}, {"fmin": 4000}]
)
def test_impossible_sizes(wrong):
    with pytest.raises(ValidationError):
        MelConfig(**wrong)
