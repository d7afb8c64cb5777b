"""Sound from spectrograms: least squares against scipy's, and copies of real sounds."""

from __future__ import annotations

import scipy.optimize
import torch

from multigan.plugins.audio.griffin_lim import griffin_lim, invert_mels, non_negative
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.recipe import MelConfig


def sounds():
    """A rising tone with an overtone, and one that stops, (2, 4096)."""
    time = torch.arange(4096) / 8000
    rising = torch.sin(2 * torch.pi * (300 * time + 400 * time**2))
    tone = 0.5 * torch.sin(2 * torch.pi * 440 * time) + 0.3 * torch.sin(2 * torch.pi * 1320 * time)
    return torch.stack([0.6 * rising, tone * (time < 0.3)])


def test_magnitudes_explain_the_bands_as_well_as_scipys():
    log_mel = LogMel(MelConfig())
    mels_BML = log_mel(sounds()).exp()
    found_BFL = non_negative(mels_BML, log_mel.filters_MF)
    assert found_BFL.min() >= 0
    column_M = mels_BML[0, :, 20]
    _, least = scipy.optimize.nnls(log_mel.filters_MF.double().numpy(), column_M.double().numpy())
    error = (log_mel.filters_MF @ found_BFL[0, :, 20] - column_M).norm()
    assert error < least + 0.01 * column_M.norm()


def test_griffin_lim_comes_nearer_and_momentum_helps():
    log_mel = LogMel(MelConfig())
    magnitudes_BFL = log_mel.magnitudes(sounds())

    def error(iterations, momentum=0.99):
        made_BT = griffin_lim(
            magnitudes_BFL, window=log_mel.window, hop=64, iterations=iterations, momentum=momentum
        )
        assert made_BT.shape == (2, 4096)
        return float((log_mel.magnitudes(made_BT) - magnitudes_BFL).norm() / magnitudes_BFL.norm())

    assert error(60) < error(60, momentum=0.0) < error(2)
    assert error(60) < 0.1


def test_a_copy_has_the_mels_of_the_original():
    log_mel = LogMel(MelConfig())
    mels_BML = log_mel(sounds())
    made_BT = invert_mels(mels_BML, log_mel)
    floor = -5.0  # below, one hears nothing
    difference = log_mel(made_BT).clamp(min=floor) - mels_BML.clamp(min=floor)
    assert difference.abs().mean() < 0.15


def test_a_sound_is_the_same_whatever_is_beside_it():
    log_mel = LogMel(MelConfig())
    mels_BML = log_mel(sounds())
    both_BT, alone_BT = invert_mels(mels_BML, log_mel), invert_mels(mels_BML[1:], log_mel)
    torch.testing.assert_close(both_BT[1:], alone_BT, atol=1e-3, rtol=0)
    state = torch.random.get_rng_state()
    torch.testing.assert_close(invert_mels(mels_BML, log_mel), both_BT, atol=0, rtol=0)
    assert torch.equal(state, torch.random.get_rng_state())
