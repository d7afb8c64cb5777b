"""HiFi-GAN's generator (Kong et al. 2020): log-mel spectrograms to waveforms.

Transposed convolutions raise the frame rate to the sample rate in a few strides. After each of
them the mean of several residual blocks, which differ in kernel size and dilation, looks for
patterns of many lengths at once. All convolutions are weight-normalised while they train; for use,
`HiFiGANGenerator.folded` multiplies the norms in.

Shape suffixes: B clips, M mel bands, F frames, C channels, T samples (of the waveform, or of what
is on the way to it).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from multigan.losses.precision import full_precision
from multigan.nn.network import Network

SLOPE = 0.1
LAST_SLOPE = 0.01  # an oversight of the original, which every published weight has learnt with
ENDS = 7  # kernel size of the first and the last convolution

Block = Literal[1, 2]


class HiFiGANGenerator(Network):
    """Makes ``prod(rates)`` samples of every frame.

    Args:
        mels: mel bands.
        width: channels before the first upsampling; each one halves them.
        rates: of upsampling, stage by stage; their product is the hop of the spectrogram.
        kernels: sizes of the transposed convolutions, usually twice the rate.
        residual_kernels: odd sizes, one for each residual block of a stage.
        dilations: for each of these blocks.
        block: 1 has a second, undilated convolution behind every dilated one (V1, V2), 2 has not.
        weight_norm: whether the convolutions are weight-normalised.

    Attributes:
        hop: samples made of a frame.
        reach: frames on either side that a frame's samples depend on, at most.

    Raises:
        ValueError: sizes that do not fit together.
    """

    def __init__(
        self,
        *,
        mels: int = 80,
        width: int = 512,
        rates: Sequence[int] = (8, 8, 2, 2),
        kernels: Sequence[int] = (16, 16, 4, 4),
        residual_kernels: Sequence[int] = (3, 7, 11),
        dilations: Sequence[Sequence[int]] = ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        block: Block = 1,
        weight_norm: bool = True,
    ) -> None:
        super().__init__()
        check_sizes(width, rates, kernels, residual_kernels, dilations)
        self.mels, self.hop = mels, prod(rates)
        widths = [width >> stage for stage in range(len(rates) + 1)]
        self.first = nn.Conv1d(mels, width, ENDS, padding=ENDS // 2)
        self.up = nn.ModuleList(
            [
                _upsample(before, after, rate=rate, kernel=kernel)
                for before, after, rate, kernel in zip(
                    widths[:-1], widths[1:], rates, kernels, strict=True
                )
            ]
        )
        self.blocks = nn.ModuleList(
            [
                nn.ModuleList(
                    [
                        _Residual(channels, kernel=kernel, dilations=given, block=block)
                        for kernel, given in zip(residual_kernels, dilations, strict=True)
                    ]
                )
                for channels in widths[1:]
            ]
        )
        self.last = nn.Conv1d(widths[-1], 1, ENDS, padding=ENDS // 2)
        self.reach = _reach(rates, kernels, residual_kernels, dilations, block)
        if weight_norm:
            for layer in self._layers():
                parametrizations.weight_norm(layer)

    def forward(self, x_BMF: Tensor) -> Tensor:
        """Waveforms (B, F * hop) in [-1, 1] of log-mel spectrograms."""
        h_BCT = self.first(x_BMF)
        for up, blocks in zip(self.up, self.blocks, strict=True):
            h_BCT = up(F.leaky_relu(h_BCT, SLOPE))
            parts = [residual(h_BCT) for residual in blocks]  # type: ignore[attr-defined]
            h_BCT = sum(parts[1:], parts[0]) / len(parts)
        # Outside autocast: samples in bf16 would hiss, 50 decibels below the sound.
        with torch.autocast(h_BCT.device.type, enabled=False):
            return self.last(F.leaky_relu(full_precision(h_BCT), LAST_SLOPE)).tanh().squeeze(1)

    def folded(self) -> HiFiGANGenerator:
        """The same function without weight normalisation: what is saved, run and exported."""
        plain = HiFiGANGenerator(**{**self.config, "weight_norm": False})
        plain.take(self)
        return plain.to(next(self.parameters()).device).train(self.training)

    @torch.no_grad()
    def take(self, other: HiFiGANGenerator) -> None:
        """Becomes the same function as another generator of these sizes, normalised or not."""
        for mine, theirs in zip(self._layers(), other._layers(), strict=True):
            weight_CCT = theirs.weight.detach().clone()
            # Of a normalised layer this sets norm and direction.
            normalised = hasattr(mine, "parametrizations")
            mine.weight = weight_CCT if normalised else nn.Parameter(weight_CCT)
            mine.bias.copy_(theirs.bias)

    def _layers(self) -> list[Any]:
        return [part for part in self.modules() if isinstance(part, nn.Conv1d | nn.ConvTranspose1d)]


def check_sizes(
    width: int,
    rates: Sequence[int],
    kernels: Sequence[int],
    residual_kernels: Sequence[int],
    dilations: Sequence[Sequence[int]],
) -> None:
    """Refuses sizes that make no generator.

    Raises:
        ValueError: with what to do.
    """
    if len(rates) != len(kernels):
        raise ValueError(f"{len(rates)} rates and {len(kernels)} kernels: give one for each rate")
    if any(kernel < rate for kernel, rate in zip(kernels, rates, strict=True)):
        raise ValueError("a kernel that is smaller than its rate leaves gaps; use twice the rate")
    if len(residual_kernels) != len(dilations):
        raise ValueError("give one list of dilations for each of the residual_kernels")
    if any(kernel % 2 == 0 for kernel in residual_kernels):
        raise ValueError("residual_kernels must be odd, to keep the length")
    if width % (1 << len(rates)):
        raise ValueError(f"width={width} cannot be halved {len(rates)} times, once for each rate")


def _upsample(before: int, after: int, *, rate: int, kernel: int) -> nn.ConvTranspose1d:
    """Exactly ``rate`` times as long, also where kernel - rate is odd."""
    odd = (kernel - rate) % 2
    return nn.ConvTranspose1d(
        before, after, kernel, stride=rate, padding=(kernel - rate + odd) // 2, output_padding=odd
    )


class _Residual(nn.Module):
    def __init__(
        self, channels: int, *, kernel: int, dilations: Sequence[int], block: Block
    ) -> None:
        super().__init__()
        self.dilated = nn.ModuleList(_convolution(channels, kernel, each) for each in dilations)
        plain = len(dilations) if block == 1 else 0
        self.plain = nn.ModuleList(_convolution(channels, kernel, 1) for _ in range(plain))

    def forward(self, x_BCT: Tensor) -> Tensor:
        for index, dilated in enumerate(self.dilated):
            h_BCT = dilated(F.leaky_relu(x_BCT, SLOPE))
            if self.plain:
                h_BCT = self.plain[index](F.leaky_relu(h_BCT, SLOPE))
            x_BCT = x_BCT + h_BCT
        return x_BCT


def _convolution(channels: int, kernel: int, dilation: int) -> nn.Conv1d:
    padding = dilation * (kernel // 2)
    return nn.Conv1d(channels, channels, kernel, dilation=dilation, padding=padding)


def _reach(
    rates: Sequence[int],
    kernels: Sequence[int],
    residual_kernels: Sequence[int],
    dilations: Sequence[Sequence[int]],
    block: Block,
) -> int:
    """How far one sample sees, from the waveform back to the frames."""
    reach = ENDS // 2
    for rate, kernel in zip(reversed(rates), reversed(kernels), strict=True):
        reach += max(
            size // 2 * (sum(given) + (len(given) if block == 1 else 0))
            for size, given in zip(residual_kernels, dilations, strict=True)
        )
        padding = (kernel - rate + 1) // 2
        reach = ceil((reach + max(padding, kernel - 1 - padding)) / rate)
    return reach + ENDS // 2
