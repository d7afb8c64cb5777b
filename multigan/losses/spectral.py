"""How far two waveforms are apart in their magnitude spectra; phases are free.

Windows of several sizes, as one alone lets a waveform be right in frequency and wrong in time, or
the other way round. A loss of vocoders, and a measure of theirs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from multigan.losses.precision import full_precision

FLOOR = 1e-7  # of the power; below it there is nothing to hear, and the logarithm has no end


def multi_resolution_stft(
    waveforms: Tensor, *, references: Tensor, sizes: Sequence[int] = (512, 1024, 2048)
) -> Tensor:
    """Spectral convergence plus distance of log magnitudes, the mean over window sizes.

    Yamamoto et al. 2020 (Parallel WaveGAN), equations 5 to 7: with the magnitudes S of the
    references and S' of the waveforms, |S - S'| / |S| in Frobenius norms plus the mean of
    |log S - log S'|. Hann windows, a quarter of the window from one to the next.

    Args:
        waveforms: (B, T) in [-1, 1], longer than half of the largest window.
        references: of the same shape.
        sizes: of the windows in samples, even.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: shapes differ.
    """
    if waveforms.shape != references.shape:
        raise ValueError(f"shapes {tuple(waveforms.shape)} and {tuple(references.shape)} differ")
    terms = []
    for size in sizes:
        spectrum, wanted = (_magnitudes(each, size) for each in (waveforms, references))
        convergence = torch.linalg.vector_norm(wanted - spectrum) / torch.linalg.vector_norm(wanted)
        terms.append(convergence + l1_loss(spectrum.log(), wanted.log()))
    return torch.stack(terms).mean()


def _magnitudes(waveforms: Tensor, size: int) -> Tensor:
    with torch.autocast(waveforms.device.type, enabled=False):
        waveforms = full_precision(waveforms)
        window = torch.hann_window(size, device=waveforms.device, dtype=waveforms.dtype)
        spectrum = torch.stft(waveforms, size, size // 4, window=window, return_complex=True)
        return torch.view_as_real(spectrum).square().sum(-1).clamp_min(FLOOR).sqrt()
