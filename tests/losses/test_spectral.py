"""The multi-resolution STFT distance against closed forms and scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.signal
import torch

from multigan.losses.spectral import multi_resolution_stft

SIZES = (64, 128)


def test_equal_waveforms_are_at_distance_zero_and_signs_do_not_matter() -> None:
    x = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    assert multi_resolution_stft(x, references=x, sizes=SIZES) == 0
    assert multi_resolution_stft(-x, references=x, sizes=SIZES) < 1e-6


def test_twice_as_loud_is_one_plus_log_two() -> None:
    x = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    distance = multi_resolution_stft(2 * x, references=x, sizes=SIZES)
    assert float(distance) == pytest.approx(1 + math.log(2), rel=1e-4)


def test_it_is_what_scipys_spectra_give() -> None:
    rng = np.random.default_rng(0)
    made, real = rng.normal(size=(2, 640))
    expected = []
    for size in SIZES:
        padded = (np.pad(x, size // 2, mode="reflect") for x in (made, real))
        magnitudes = [
            np.abs(
                scipy.signal.stft(
                    x, window="hann", nperseg=size, noverlap=size - size // 4,
                    boundary=None, padded=False,
                )[2]
            ) * size / 2
            for x in padded
        ]  # fmt: skip
        s_made, s_real = magnitudes
        convergence = np.linalg.norm(s_real - s_made) / np.linalg.norm(s_real)
        expected.append(convergence + np.abs(np.log(s_real) - np.log(s_made)).mean())
    found = multi_resolution_stft(
        torch.from_numpy(made)[None], references=torch.from_numpy(real)[None], sizes=SIZES
    )
    assert float(found) == pytest.approx(np.mean(expected), rel=1e-6)


def test_silence_has_a_finite_gradient() -> None:
    x = torch.zeros(1, 300, requires_grad=True)
    distance = multi_resolution_stft(x, references=torch.randn(1, 300), sizes=SIZES)
    distance.backward()
    assert x.grad.isfinite().all()


def test_shapes_must_be_equal() -> None:
    with pytest.raises(ValueError, match="differ"):
        multi_resolution_stft(torch.zeros(1, 300), references=torch.zeros(2, 300))
