"""Log-mel spectrograms as HiFi-GAN and its descendants define them.

Reflected padding of (n_fft - hop) / 2 on both sides, so that there is one frame for every hop of
samples; magnitudes, not powers; Slaney's mel scale with triangles of equal area; the natural
logarithm of at least 1e-5. A mel of this kind fits every published HiFi-GAN vocoder that was
trained at the same rate and sizes.

Shape suffixes: B sounds, T samples, F frequencies, M bands, L frames.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.plugins.audio.recipe import MelConfig

FLOOR = 1e-5  # magnitude of silence
FLOOR_LOG = math.log(FLOOR)


class LogMel(nn.Module):
    """Waveforms to log-mel spectrograms, differentiable.

    Args:
        config: rate and sizes.
    """

    window: Tensor
    filters_MF: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.win or config.n_fft
        # Made from the config, so they are not stored with the weights.
        self.register_buffer("window", torch.hann_window(width), persistent=False)
        self.register_buffer("filters_MF", mel_filters(config), persistent=False)

    def forward(self, x_BT: Tensor) -> Tensor:
        """(B, M, T // hop), the logarithm of at least 1e-5.

        Args:
            x_BT: in [-1, 1]; longer than (n_fft - hop) / 2.

        Raises:
            ValueError: too short.
        """
        return self.filters_MF.matmul(self.magnitudes(x_BT)).clamp(min=FLOOR).log()

    def magnitudes(self, x_BT: Tensor) -> Tensor:
        """Of the short-time Fourier transform, (B, F, T // hop)."""
        config = self.config
        margin = (config.n_fft - config.hop) // 2
        if x_BT.shape[-1] <= margin:
            raise ValueError(f"{x_BT.shape[-1]} samples are too few, more than {margin} are needed")
        # Half precision has neither Fourier transforms on every device nor the digits for 1e-9.
        with torch.autocast(x_BT.device.type, enabled=False):
            padded = F.pad(x_BT.float()[:, None], (margin, margin), mode="reflect")[:, 0]
            spectrum_BFL = torch.stft(
                padded,
                config.n_fft,
                hop_length=config.hop,
                win_length=len(self.window),
                window=self.window,
                center=False,
                return_complex=True,
            )
            # The root of 0 has no gradient.
            return (spectrum_BFL.real.square() + spectrum_BFL.imag.square() + 1e-9).sqrt()


def mel_filters(config: MelConfig) -> Tensor:
    """Triangles over the frequencies, each of area 2 / Hz (Slaney 1998), (M, F)."""
    low, high = _to_mel(config.fmin), _to_mel(config.fmax or config.rate / 2)
    corners = [
        _to_hertz(low + (high - low) * i / (config.mels + 1)) for i in range(config.mels + 2)
    ]
    edges = torch.tensor(corners, dtype=torch.float64)
    hertz_F = torch.linspace(0, config.rate / 2, config.n_fft // 2 + 1, dtype=torch.float64)
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (hertz_F - left) / (middle - left)
    falling = (right - hertz_F) / (right - middle)
    return (torch.minimum(rising, falling).clamp(min=0) * 2 / (right - left)).float()


# Slaney's scale: straight up to 1000 Hz (15 mels), then 27 mels for every factor of 6.4.
_STRAIGHT, _STEP = 200 / 3, math.log(6.4) / 27


def _to_mel(hertz: float) -> float:
    if hertz < 1000:
        return hertz / _STRAIGHT
    return 15 + math.log(hertz / 1000) / _STEP


def _to_hertz(mel: float) -> float:
    if mel < 15:
        return mel * _STRAIGHT
    return 1000 * math.exp((mel - 15) * _STEP)
