"""Mel-cepstral distortion: how far the spectral envelopes of two sounds are apart, in decibels.

    MCD = (20 / ln 10) sqrt(2 sum over d = 1..D of (c_d - c'_d)^2),    averaged over frames,

where c are the cepstra of a log-mel spectrogram, see `cepstra` (Kubichek 1993). Their zeroth one,
the loudness, does not count. For mel-generalised cepstra of minimum phase, which are twice these,
the same number is written with 10 instead of 20. Frame l is compared with frame l, without dynamic
time warping: that is for two sounds of one course in time, such as speech and its copy out of a
vocoder. Values depend on the spectrogram and on D: state both.

Shape suffixes: M bands, L frames, D cepstra.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

COEFFICIENTS = 13


def mel_cepstral_distortion(
    log_mel: Tensor, reference: Tensor, *, coefficients: int = COEFFICIENTS
) -> float:
    """MCD of two sounds, frame by frame.

    Args:
        log_mel: (M, L), natural logarithms of mel magnitudes.
        reference: (M, L) of the other sound, which begins where this one begins.
        coefficients: D.

    Returns:
        Decibels, 0 for equal envelopes.

    Raises:
        ValueError: shapes differ or are empty, or there are not more bands than coefficients.
    """
    if log_mel.dim() != 2 or log_mel.shape != reference.shape or not log_mel.numel():
        shapes = f"{tuple(log_mel.shape)} and {tuple(reference.shape)}"
        raise ValueError(f"log-mel spectrograms must have one shape (M, L), not {shapes}")
    apart_DL = cepstra(log_mel.double() - reference.double(), coefficients=coefficients)
    decibels_L = 20 / math.log(10) * (2 * apart_DL.square().sum(0)).sqrt()
    return float(decibels_L.mean())


def cepstra(log_mel: Tensor, *, coefficients: int = COEFFICIENTS) -> Tensor:
    """c_1 to c_D of log S_m = c_0 + 2 sum of c_d cos(pi d (m + 1/2) / M): a DCT over the bands.

    Args:
        log_mel: (M, L).
        coefficients: D, less than M.

    Returns:
        (D, L), linear in the argument.

    Raises:
        ValueError: there are not more bands than coefficients.
    """
    M = len(log_mel)
    if not 1 <= coefficients < M:
        raise ValueError(f"{coefficients} cepstra need more than {M} bands")
    places_M = (torch.arange(M, dtype=log_mel.dtype, device=log_mel.device) + 0.5) / M
    orders_D = torch.arange(1, coefficients + 1, dtype=log_mel.dtype, device=log_mel.device)
    return torch.cos(math.pi * orders_D[:, None] * places_M) @ log_mel / M
