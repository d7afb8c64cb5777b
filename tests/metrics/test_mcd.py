from __future__ import annotations

import math

import pytest
import torch

from multigan.metrics.mcd import cepstra, mel_cepstral_distortion

DB = 20 / math.log(10)


def wave(order, bands=40, frames=3):
    """A log-mel difference that is one cosine over the bands."""
    places = (torch.arange(bands).double() + 0.5) / bands
    return torch.cos(math.pi * order * places)[:, None].expand(-1, frames)


def test_cepstra_are_scipys_dct():
    fft = pytest.importorskip("scipy.fft")
    log_mel = torch.randn(24, 7, generator=torch.Generator().manual_seed(0)).double()
    expected = fft.dct(log_mel.numpy(), type=2, axis=0)[1:14] / (2 * 24)
    torch.testing.assert_close(cepstra(log_mel), torch.from_numpy(expected))


def test_one_cosine():
    base = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
    for order in (1, 6, 13):
        found = mel_cepstral_distortion(base + 2 * 0.3 * wave(order), base)
        assert found == pytest.approx(DB * math.sqrt(2) * 0.3)
    # Loudness, and detail finer than the cepstra that count, make no difference.
    assert mel_cepstral_distortion(base + 5, base) == pytest.approx(0, abs=1e-9)
    assert mel_cepstral_distortion(base + wave(14), base) == pytest.approx(0, abs=1e-9)
    assert mel_cepstral_distortion(base + wave(14), base, coefficients=14) > 1


def test_it_is_the_deviation_in_decibels_of_smooth_envelopes():
    """Parseval: where only cepstra 1 to D differ, the root mean square over the bands."""
    generator = torch.Generator().manual_seed(1)
    apart = sum(torch.rand(1, generator=generator).double() * wave(d, 40, 1) for d in range(1, 14))
    expected = DB * float(apart.square().mean().sqrt())
    assert mel_cepstral_distortion(apart, torch.zeros_like(apart)) == pytest.approx(expected)


def test_frames_are_averaged_after_the_root():
    log_mel = torch.cat([0.2 * wave(2, frames=1), 0.6 * wave(3, frames=1)], dim=1)
    expected = DB * math.sqrt(2) * (0.1 + 0.3) / 2
    assert mel_cepstral_distortion(log_mel, torch.zeros(40, 2)) == pytest.approx(expected)


def test_bad_shapes():
    with pytest.raises(ValueError, match="one shape"):
        mel_cepstral_distortion(torch.zeros(40, 2), torch.zeros(40, 3))
    with pytest.raises(ValueError, match="one shape"):
        mel_cepstral_distortion(torch.zeros(40, 0), torch.zeros(40, 0))
    with pytest.raises(ValueError, match="more than 13 bands"):
        mel_cepstral_distortion(torch.zeros(13, 2), torch.zeros(13, 2))
