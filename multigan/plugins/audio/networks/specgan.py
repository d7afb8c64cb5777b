"""Networks for spectrograms as pictures, after SpecGAN (Donahue et al. 2019).

SpecGAN is a DCGAN on spectrograms. These have what has made DCGANs steadier since: spectral
normalisation, and latents and label not at the entrance only but in every normalisation of the
generator (self-modulation, Chen et al. 2019).

Shape suffixes: B sounds, C channels, M mel bands, T frames, Z latents, F features.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.nn.verdict import Verdict, normalised
from multigan.plugins.audio.networks.labels import DiscriminatorLabels, LabelledLatents

SMALLEST = 4  # mel bands or frames where the generator begins, at least
WIDEST = 8  # times the width, however many doublings there are


class SpecGANGenerator(Network):
    """Latents to spectrograms in [-1, 1] by transposed convolutions.

    Args:
        mels: M.
        frames: T; both are halved while both stay even and no smaller than 4.
        latents: Z.
        width: channels before the last layer; each size below has twice as many, up to 8 times.
        classes: of the labels; 0 makes it unconditional.
        label_size: numbers that stand for a label beside the latents.
    """

    def __init__(
        self,
        *,
        mels: int = 64,
        frames: int = 128,
        latents: int = 100,
        width: int = 32,
        classes: int = 0,
        label_size: int = 32,
    ) -> None:
        super().__init__()
        base, doublings = pyramid(mels, frames)
        widths = _widths(width, doublings)[::-1]
        self.base, self.latents, self.classes = base, latents, classes
        self.given = LabelledLatents(latents, classes=classes, size=label_size)
        self.stem = nn.Linear(self.given.width, widths[0] * base[0] * base[1])
        self.norms = nn.ModuleList(_ModulatedNorm(wide, self.given.width) for wide in widths)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(before, after, 4, stride=2, padding=1)
            for before, after in pairwise(widths)
        )
        self.paint = nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1)
        _initialise(self)

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Spectrograms (B, 1, M, T) in [-1, 1]."""
        z_BZ = self.given(latents_BZ, labels_B)
        h_BCMT = self.stem(z_BZ).unflatten(1, (-1, *self.base))
        h_BCMT = F.relu(self.norms[0](h_BCMT, z_BZ))
        for up, norm in zip(self.ups, self.norms[1:], strict=True):
            h_BCMT = F.relu(norm(up(h_BCMT), z_BZ))
        return self.paint(h_BCMT).tanh()


class SpecGANDiscriminator(Network):
    """Spectrograms to verdicts by strided convolutions.

    Args:
        mels: M.
        frames: T.
        width: channels of the first layer.
        spectral: spectral normalisation of every layer.
        classes: of the labels.
        labels: how they are used.
    """

    def __init__(
        self,
        *,
        mels: int = 64,
        frames: int = 128,
        width: int = 32,
        spectral: bool = True,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
    ) -> None:
        super().__init__()
        base, doublings = pyramid(mels, frames)
        widths = [1, *_widths(width, doublings)]
        self.downs = nn.ModuleList(
            normalised(nn.Conv2d(before, after, 4, stride=2, padding=1), spectral)
            for before, after in pairwise(widths)
        )
        # A voice is not the same an octave higher: the verdict knows where a feature was found.
        features = widths[-1] * base[0] * base[1]
        self.verdict = Verdict(features, classes=classes, labels=labels, spectral=spectral)
        if not spectral:
            _initialise(self)

    def forward(self, x_B1MT: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K), see `Verdict`."""
        h_BCMT = x_B1MT
        for down in self.downs:
            h_BCMT = F.leaky_relu(down(h_BCMT), 0.2)
        return self.verdict(h_BCMT.flatten(1), labels_B)


class _ModulatedNorm(nn.Module):
    """Batch normalisation whose scale and shift are linear functions of latents and label."""

    def __init__(self, width: int, given: int) -> None:
        super().__init__()
        self.normalise = nn.BatchNorm2d(width, affine=False)
        self.modulate = nn.Linear(given, 2 * width)

    def forward(self, h_BCMT: Tensor, z_BZ: Tensor) -> Tensor:
        scale_BC, shift_BC = self.modulate(z_BZ).chunk(2, dim=1)
        h_BCMT = self.normalise(h_BCMT)
        return h_BCMT * (1 + scale_BC[:, :, None, None]) + shift_BC[:, :, None, None]


def pyramid(mels: int, frames: int) -> tuple[tuple[int, int], int]:
    """Where the generator begins, and how often it doubles: (64, 96) is ((4, 6), 4).

    Raises:
        ValueError: the two cannot be halved even once.
    """
    doublings = 0
    while mels % 2 == frames % 2 == 0 and min(mels, frames) >= 2 * SMALLEST:
        mels, frames, doublings = mels // 2, frames // 2, doublings + 1
    if not doublings:
        raise ValueError(f"{mels} mel bands and {frames} frames: give even numbers from 8 up")
    return (mels, frames), doublings


def _widths(width: int, doublings: int) -> list[int]:
    """Channels at half the size, a quarter ..."""
    return [width * min(2**level, WIDEST) for level in range(doublings)]


def _initialise(network: nn.Module) -> None:
    """DCGAN's: normal with deviation 0.02, so that everything begins close to nothing."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
