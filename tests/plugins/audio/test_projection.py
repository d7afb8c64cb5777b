"""Mel projection: a loop written out by hand, its fixed points, its errors, its reach."""

from __future__ import annotations

import math

import pytest
import torch

from multigan.plugins.audio.frames import sound_of, spectrum_of
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.projection import first_noise, project, reach
from multigan.plugins.audio.recipe import MelConfig


def sound(samples=4096):
    """A rising tone with an overtone over faint noise, (1, T)."""
    time = torch.arange(samples) / 8000
    phase = 2 * torch.pi * (300 * time + 200 * time**2)
    noise = torch.randn(samples, generator=torch.Generator().manual_seed(3))
    return (0.5 * phase.sin() + 0.2 * (3 * phase).sin() + 0.01 * noise)[None]


def error(x_BT, log_mel, mels_BML):
    return float((log_mel(x_BT) - mels_BML).abs().mean())


@pytest.mark.parametrize(
    "config",
    [
        MelConfig(rate=8000, n_fft=256, hop=64, mels=40),
        MelConfig(rate=8000, n_fft=250, hop=60, win=200, mels=20),
    ],
)
def test_spectra_are_torchs_and_lead_back(config):
    log_mel, x_BT = LogMel(config), sound(20 * config.hop)
    spectrum_BLF = spectrum_of(x_BT, log_mel)
    assert spectrum_BLF.shape == (1, 20, config.n_fft // 2 + 1)
    sizes_BFL = (spectrum_BLF.abs().square() + 1e-9).sqrt().transpose(1, 2)
    torch.testing.assert_close(sizes_BFL, log_mel.magnitudes(x_BT), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(sound_of(spectrum_BLF, log_mel), x_BT, atol=1e-4, rtol=0)


def test_a_round_is_this_loop():
    """Frame by frame, sample by sample, with filters that are looked up one by one."""
    config = MelConfig(rate=2000, n_fft=16, hop=4, mels=5)
    log_mel, frames, margin = LogMel(config), 9, 6
    x_T, wanted_ML = sound(4 * frames)[0], torch.linspace(-2, 0, 5 * frames).view(5, frames)
    padded = [*x_T[1 : margin + 1].flip(0), *x_T, *x_T[-margin - 1 : -1].flip(0)]
    total, cover = torch.zeros(len(padded)), torch.zeros(len(padded))
    for frame in range(frames):
        part = torch.stack(padded[4 * frame : 4 * frame + 16]) * torch.hann_window(16)
        spectrum = torch.fft.rfft(part)
        lack = []
        for band in range(5):
            mel = sum(
                float(log_mel.filters_MF[band, f]) * math.sqrt(float(abs(spectrum[f])) ** 2 + 1e-9)
                for f in range(9)
            )
            lack.append(float(wanted_ML[band, frame]) - math.log(max(mel, 1e-5)))
        for f in range(9):
            nearest = min(max(f, 1), 7)  # no triangle reaches the first and the last
            weights = log_mel.filters_MF[:, nearest] / log_mel.filters_MF[:, nearest].sum()
            change = sum(float(w) * d for w, d in zip(weights, lack, strict=True))
            spectrum[f] *= math.exp(min(3.0, max(-3.0, change)))
        total[4 * frame : 4 * frame + 16] += torch.fft.irfft(spectrum) * torch.hann_window(16)
        cover[4 * frame : 4 * frame + 16] += torch.hann_window(16) ** 2
    expected = (total / cover.clamp(min=1e-2))[margin : margin + 4 * frames]
    found = project(x_T[None], wanted_ML[None], log_mel, rounds=1)[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_sound_that_is_right_stays():
    log_mel, x_BT = LogMel(MelConfig()), sound()
    kept_BT = project(x_BT, log_mel(x_BT), log_mel, rounds=20)
    torch.testing.assert_close(kept_BT, x_BT, atol=1e-3, rtol=0)
    assert project(x_BT, log_mel(x_BT), log_mel, rounds=0) is x_BT


def test_errors_fall_and_momentum_helps():
    log_mel = LogMel(MelConfig())
    mels_BML = log_mel(sound())
    noise_BT = first_noise(mels_BML, log_mel)

    def after(rounds, momentum=0.9):
        made_BT = project(noise_BT, mels_BML, log_mel, rounds=rounds, momentum=momentum)
        return error(made_BT, log_mel, mels_BML)

    errors = [after(rounds) for rounds in (0, 4, 16, 64)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.1 * errors[0]
    assert after(32) < 0.8 * after(32, momentum=0.0)


def test_loudness_is_found_from_any_noise_and_gradients_pass():
    log_mel = LogMel(MelConfig())
    mels_BML = log_mel(sound())
    faint_BT = (0.01 * first_noise(mels_BML, log_mel)).clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        made_BT = project(faint_BT, mels_BML, log_mel, rounds=8)
    assert made_BT.dtype is torch.float32
    assert abs(float(made_BT.detach().std() / sound().std()) - 1) < 0.3
    made_BT.square().sum().backward()
    assert faint_BT.grad.isfinite().all() and faint_BT.grad.abs().sum() > 0


def test_what_no_band_hears_goes_with_the_nearest():
    log_mel = LogMel(MelConfig(rate=8000, fmax=2000.0, mels=30))
    mels_BML = log_mel(1e-3 * sound())
    made_BT = project(first_noise(mels_BML, log_mel), mels_BML, log_mel, rounds=16)
    size_F = spectrum_of(made_BT, log_mel).abs().mean((0, 1))
    assert size_F[64:].max() < 2 * size_F[55:64].max() < 0.05


@pytest.mark.parametrize("rounds", [1, 3])
def test_reach_is_how_far_a_round_hears(rounds):
    config = MelConfig(rate=2000, n_fft=40, hop=8, mels=6)
    log_mel, middle, frames = LogMel(config), 30, 60
    x_BT = sound(frames * 8).double().requires_grad_()
    mels_BML = log_mel(sound(frames * 8)).detach() + 0.1
    made_BT = project(x_BT, mels_BML, log_mel, rounds=rounds)
    made_BT[0, middle * 8 : (middle + 1) * 8].square().sum().backward()
    heard = x_BT.grad[0].view(frames, 8).abs().sum(1).nonzero().squeeze(1) - middle
    assert reach(config, rounds) - 1 <= heard.abs().max() <= reach(config, rounds)


def test_noise_belongs_to_a_place():
    log_mel = LogMel(MelConfig())
    mels_BML = torch.zeros(2, 64, 50)
    noise_BT = first_noise(mels_BML, log_mel)
    assert torch.equal(noise_BT[0], noise_BT[1])
    later_BT = first_noise(mels_BML[..., 10:], log_mel, first=10)
    assert torch.equal(noise_BT[:, 10 * 64 :], later_BT)
    state = torch.random.get_rng_state()
    first_noise(mels_BML, log_mel, first=5000)
    assert torch.equal(state, torch.random.get_rng_state())
