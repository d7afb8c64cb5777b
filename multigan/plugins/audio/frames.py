"""Short-time Fourier transforms and back, with one frame for every hop of samples.

The frames are those of `LogMel`, reflected at both ends. Both ways are differentiable.

Shape suffixes: B sounds, T samples, N samples of a frame, F frequencies, L frames, K hops in a
frame.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.plugins.audio.mel import LogMel

COVERED = 1e-2  # least sum of squared windows; only samples that are cut off have less


def spectrum_of(x_BT: Tensor, log_mel: LogMel) -> Tensor:
    """Complex (B, L, F) of sounds (B, L * hop), longer than (n_fft - hop) / 2."""
    n_fft, hop = log_mel.config.n_fft, log_mel.config.hop
    margin = (n_fft - hop) // 2
    padded_BT = F.pad(x_BT[:, None], (margin, margin), mode="reflect")[:, 0]
    return torch.fft.rfft(padded_BT.unfold(1, n_fft, hop) * _window(log_mel))


def sound_of(spectrum_BLF: Tensor, log_mel: LogMel) -> Tensor:
    """Sounds (B, L * hop) whose frames are nearest to these in least squares."""
    n_fft, hop = log_mel.config.n_fft, log_mel.config.hop
    L, margin = spectrum_BLF.shape[1], (n_fft - hop) // 2
    window_N = _window(log_mel)
    power_1LN = window_N.square().expand(1, L, n_fft)
    frames_BLN = torch.fft.irfft(spectrum_BLF, n=n_fft) * window_N
    sound_BT = _added(frames_BLN, hop) / _added(power_1LN, hop).clamp(min=COVERED)
    return sound_BT[:, margin : margin + L * hop]


def _window(log_mel: LogMel) -> Tensor:
    """In the middle of n_fft samples, as `torch.stft` has it."""
    missing = log_mel.config.n_fft - len(log_mel.window)
    return F.pad(log_mel.window, (missing // 2, missing - missing // 2))


def _added(frames_BLN: Tensor, hop: int) -> Tensor:
    """Overlapping frames, one on the other: K sums of whole hops, cheaper than `F.fold`."""
    B, L, N = frames_BLN.shape
    K = -(-N // hop)
    hops_BLKH = F.pad(frames_BLN, (0, K * hop - N)).view(B, L, K, hop)
    total_BLH = F.pad(hops_BLKH[:, :, 0], (0, 0, 0, K - 1))
    for k in range(1, K):
        total_BLH = total_BLH + F.pad(hops_BLKH[:, :, k], (0, 0, k, K - 1 - k))
    return total_BLH.reshape(B, -1)
