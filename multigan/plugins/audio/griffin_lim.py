"""From log-mel spectrograms back to sound without any learning.

A mel spectrogram has lost the phases, and has fewer bands than there were frequencies. The
magnitudes are found by non-negative least squares, the phases by the fast Griffin-Lim algorithm
(Perraudin et al. 2013). It begins at the same phases every time: equal spectrograms make equal
sounds, whatever is generated beside them.

Shape suffixes: B sounds, T samples, N samples of a frame, F frequencies, M bands, L frames.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.plugins.audio.mel import LogMel

SEED = 0  # of the first phases
ITERATIONS = 32
UPDATES = 60  # of the magnitudes; the error hardly falls any more


@torch.no_grad()
def invert_mels(mels_BML: Tensor, log_mel: LogMel, *, iterations: int = ITERATIONS) -> Tensor:
    """Waveforms (B, L * hop) whose log-mel spectrograms are about those given.

    Args:
        mels_BML: logarithms, as `LogMel` makes them.
        log_mel: how they were taken.
        iterations: of Griffin-Lim.
    """
    magnitudes_BFL = non_negative(mels_BML.float().exp(), log_mel.filters_MF)
    return griffin_lim(
        magnitudes_BFL, window=log_mel.window, hop=log_mel.config.hop, iterations=iterations
    )


def non_negative(mels_BML: Tensor, filters_MF: Tensor, *, updates: int = UPDATES) -> Tensor:
    """Magnitudes s >= 0 (B, F, L) with the least ||filters s - mels||.

    Multiplicative updates (Lee and Seung 2001) from a smooth beginning, so that of the many
    solutions a smooth one is found: each frequency starts at what its bands are on average.
    """
    wide_M, heard_F = filters_MF.sum(1), filters_MF.sum(0)
    tiny = torch.finfo(torch.float32).tiny
    shares_FM = (filters_MF / heard_F.clamp(min=tiny)).T
    s_BFL = shares_FM @ (mels_BML / wide_M.clamp(min=tiny)[:, None])
    target_BFL, gram_FF = filters_MF.T @ mels_BML, filters_MF.T @ filters_MF
    for _ in range(updates):
        s_BFL = s_BFL * (target_BFL / (gram_FF @ s_BFL).clamp(min=1e-12))
    return s_BFL


def griffin_lim(
    magnitudes_BFL: Tensor,
    *,
    window: Tensor,
    hop: int,
    iterations: int = ITERATIONS,
    momentum: float = 0.99,
) -> Tensor:
    """Waveforms (B, L * hop) with about these magnitudes.

    Args:
        magnitudes_BFL: of a short-time Fourier transform without padding of the ends.
        window: (N,), N = 2 (F - 1) or less.
        hop: samples from one frame to the next.
        iterations: between what the magnitudes ask for and what a sound can have.
        momentum: the paper's alpha; 0 is the algorithm of Griffin and Lim (1984).
    """
    _, frequencies, L = magnitudes_BFL.shape
    n_fft = 2 * (frequencies - 1)
    before = (n_fft - len(window)) // 2
    window_N = F.pad(window, (before, n_fft - len(window) - before))
    generator = torch.Generator().manual_seed(SEED)
    angles_FL = 2 * math.pi * torch.rand(frequencies, L, generator=generator)
    guess_BFL = torch.polar(torch.ones_like(angles_FL), angles_FL).to(magnitudes_BFL.device)
    last_BFL: Tensor | None = None
    for _ in range(iterations):
        sound_BT = _overlapped(magnitudes_BFL * _unit(guess_BFL), window_N, hop)
        found_BFL = torch.stft(
            sound_BT, n_fft, hop_length=hop, window=window_N, center=False, return_complex=True
        )
        ahead = 0 if last_BFL is None else momentum * (found_BFL - last_BFL)
        guess_BFL, last_BFL = found_BFL + ahead, found_BFL
    sound_BT = _overlapped(magnitudes_BFL * _unit(guess_BFL), window_N, hop)
    margin = (n_fft - hop) // 2
    return sound_BT[:, margin : margin + L * hop]


def _overlapped(spectrum_BFL: Tensor, window_N: Tensor, hop: int) -> Tensor:
    """The sound whose frames are nearest to these, (B, N + (L - 1) hop)."""
    N, L = len(window_N), spectrum_BFL.shape[-1]
    frames_BNL = torch.fft.irfft(spectrum_BFL, n=N, dim=1) * window_N[:, None]
    power_1NL = window_N.square()[None, :, None].expand(1, N, L)
    size, kernel, stride = (1, N + (L - 1) * hop), (1, N), (1, hop)
    sound_BT = F.fold(frames_BNL, size, kernel, stride=stride)[:, 0, 0]
    cover_1T = F.fold(power_1NL.contiguous(), size, kernel, stride=stride)[:, 0, 0]
    # At both ends, which are cut off in the end, windows cover next to nothing.
    return sound_BT / cover_1T.clamp(min=1e-2)


def _unit(values: Tensor) -> Tensor:
    """The phases of complex numbers; 0 keeps 0."""
    return values / values.abs().clamp(min=1e-12)
