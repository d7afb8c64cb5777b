"""A sound is brought to a log-mel spectrogram, round by round, without any learning.

A round takes the spectrum of the sound, multiplies every frequency by what its bands lack, and adds
the frames up again. Nobody has to find magnitudes of single frequencies first, as for Griffin-Lim:
those that the sound has are kept, and the phases with them. A round is differentiable, so that a
network can learn in front of it.

Like the fast Griffin-Lim algorithm (Perraudin et al. 2013), rounds go ahead in the direction that
the last one took.

Shape suffixes: B sounds, T samples, F frequencies, M bands, L frames.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor

from multigan.plugins.audio.frames import sound_of, spectrum_of
from multigan.plugins.audio.mel import FLOOR, LogMel
from multigan.plugins.audio.recipe import MelConfig

SEED = 0  # of the noise that sounds are made of
SOFT = 1e-2  # its deviation
LOOP = 1 << 16  # samples after which it comes again
MOMENTUM = 0.9
MOST = 3.0  # nepers by which one round may change a frequency


def project(
    x_BT: Tensor, mels_BML: Tensor, log_mel: LogMel, *, rounds: int, momentum: float = MOMENTUM
) -> Tensor:
    """Sounds (B, L * hop) near to those given whose log-mel spectrograms are about these.

    Args:
        x_BT: (B, L * hop), longer than (n_fft - hop) / 2.
        mels_BML: logarithms, as `LogMel` makes them.
        log_mel: how they were taken.
        rounds: 0 gives the sounds back.
        momentum: share of a round's step that the next one begins ahead by.
    """
    if not rounds:
        return x_BT
    # Half precision has neither the Fourier transforms nor the digits for phases.
    with torch.autocast(x_BT.device.type, enabled=False):
        filters_FM, shares_MF = log_mel.filters_MF.T, band_shares(log_mel)
        wanted_BLM = mels_BML.float().transpose(1, 2)
        x_BT = last_BT = x_BT.float()
        for number in range(rounds):
            spectrum_BLF = spectrum_of(x_BT, log_mel)
            mel_BLM = magnitudes(spectrum_BLF).matmul(filters_FM).clamp(min=FLOOR).log()
            lack_BLF = (wanted_BLM - mel_BLM).matmul(shares_MF)
            found_BT = sound_of(spectrum_BLF * lack_BLF.clamp(-MOST, MOST).exp(), log_mel)
            x_BT = found_BT
            if 0 < number < rounds - 1:
                x_BT = found_BT + momentum * (found_BT - last_BT)
            last_BT = found_BT
    return x_BT


def reach(config: MelConfig, rounds: int) -> int:
    """Frames on either side that a frame's samples depend on after so many rounds, at most.

    A round leads from a frame to those whose windows overlap with its own.
    """
    return rounds * (ceil(config.n_fft / config.hop) - 1) + 1


def first_noise(mels_BML: Tensor, log_mel: LogMel, *, first: int = 0) -> Tensor:
    """White noise (B, L * hop) to begin with: the same for all sounds, always.

    Args:
        mels_BML: spectrograms.
        log_mel: how they were taken.
        first: the number of their first frame in what they are a part of. Noise belongs to a place.
    """
    generator = torch.Generator().manual_seed(SEED)
    loop_T = SOFT * torch.randn(LOOP, generator=generator)
    hop = log_mel.config.hop
    places_T = torch.arange(first * hop, (first + mels_BML.shape[2]) * hop) % LOOP
    return loop_T[places_T].to(mels_BML.device).expand(len(mels_BML), -1)


def band_shares(log_mel: LogMel) -> Tensor:
    """(M, F), how much each band has to say about a frequency; 1 in all.

    A frequency that no band hears, such as those above fmax, goes with the nearest that is heard:
    left alone, the first noise would stay there and hiss.
    """
    filters_MF = log_mel.filters_MF
    heard_H = filters_MF.sum(0).nonzero()[:, 0]
    places_F = torch.arange(filters_MF.shape[1], device=filters_MF.device)
    nearest_F = heard_H[(places_F[:, None] - heard_H).abs().argmin(1)]
    shares_MF = filters_MF[:, nearest_F]
    return shares_MF / shares_MF.sum(0)


def magnitudes(spectrum_BLF: Tensor) -> Tensor:
    """As `LogMel` takes them: the root of 0 has no gradient."""
    return (spectrum_BLF.real.square() + spectrum_BLF.imag.square() + 1e-9).sqrt()
