"""WaveGAN: the DCGAN of raw sound (Donahue et al. 2019, tables 3 and 4).

Kernels of 25 and strides of 4 stand where DCGAN has 5x5 and 2x2; there is no normalisation. At
16384 samples with the default width these are the networks of the paper.

Shape suffixes: B sounds, C channels, T samples, Z latents.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.nn.verdict import Verdict
from multigan.plugins.audio.networks.labels import DiscriminatorLabels, LabelledLatents
from multigan.plugins.audio.networks.patch_conv import PatchConv1d
from multigan.plugins.audio.networks.phase_shuffle import phase_shuffle

KERNEL, STRIDE = 25, 4
PADDING = 11  # makes four times, or a quarter of, the samples exactly
LARGEST_BASE = 16  # samples where the generator begins, at most


class WaveGANGenerator(Network):
    """Latents to waveforms in [-1, 1] by transposed convolutions.

    Args:
        length: T, 5 to 16 times a power of 4.
        latents: Z.
        width: d of the paper: channels before the last layer, doubled at every size below.
        classes: of the labels; 0 makes it unconditional.
        label_size: numbers that stand for a label beside the latents.
        post_filter: taps of a learnt filter behind it all (section 3.3; the paper's 512); 0 has
            none.
    """

    def __init__(
        self,
        *,
        length: int = 16384,
        latents: int = 100,
        width: int = 64,
        classes: int = 0,
        label_size: int = 32,
        post_filter: int = 0,
    ) -> None:
        super().__init__()
        self.base, layers = pyramid(length)
        widths = [width * 2**level for level in range(layers)][::-1]
        self.latents, self.classes = latents, classes
        self.given = LabelledLatents(latents, classes=classes, size=label_size)
        self.stem = nn.Linear(self.given.width, widths[0] * self.base)
        self.ups = nn.ModuleList(
            nn.ConvTranspose1d(
                before, after, KERNEL, stride=STRIDE, padding=PADDING, output_padding=1
            )
            for before, after in pairwise([*widths, 1])
        )
        self.post_filter = nn.Conv1d(1, 1, post_filter, bias=False) if post_filter else None
        _initialise(self)

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        """Waveforms (B, 1, T)."""
        h_BCT = self.stem(self.given(latents_BZ, labels_B)).unflatten(1, (-1, self.base))
        for up in self.ups:
            h_BCT = up(F.relu(h_BCT))
        x_B1T = h_BCT.tanh()
        if self.post_filter is None:
            return x_B1T
        before = (self.post_filter.kernel_size[0] - 1) // 2
        after = self.post_filter.kernel_size[0] - 1 - before
        return self.post_filter(F.pad(x_B1T, (before, after)))


class WaveGANDiscriminator(Network):
    """Waveforms to verdicts by strided convolutions, with phase shuffle in between.

    Args:
        length: T.
        width: channels of the first layer.
        classes: of the labels.
        labels: how they are used.
    """

    def __init__(
        self,
        *,
        length: int = 16384,
        width: int = 64,
        classes: int = 0,
        labels: DiscriminatorLabels = "none",
    ) -> None:
        super().__init__()
        base, layers = pyramid(length)
        widths = [1, *(width * 2**level for level in range(layers))]
        self.downs = nn.ModuleList(
            PatchConv1d(before, after, KERNEL, stride=STRIDE, padding=PADDING)
            for before, after in pairwise(widths)
        )
        self.verdict = Verdict(widths[-1] * base, classes=classes, labels=labels)
        _initialise(self)

    @property
    def shuffled(self) -> int:
        """Layers after which phases may be shuffled: all but the last."""
        return len(self.downs) - 1

    def forward(
        self, x_B1T: Tensor, labels_B: Tensor | None = None, shifts_BL: Tensor | None = None
    ) -> Tensor:
        """Verdicts (B, 1), or (B, 1 + K), see `Verdict`.

        Args:
            x_B1T: waveforms.
            labels_B: numbers of the classes.
            shifts_BL: samples by which each sound is shifted after each layer but the last, see
                `phase_shuffle`; None shifts nothing.
        """
        h_BCT = x_B1T
        for layer, down in enumerate(self.downs):
            h_BCT = F.leaky_relu(down(h_BCT), 0.2)
            if shifts_BL is not None and layer < self.shuffled:
                h_BCT = phase_shuffle(h_BCT, shifts_BL[:, layer])
        return self.verdict(h_BCT.flatten(1), labels_B)


def pyramid(length: int) -> tuple[int, int]:
    """A length as base * 4**layers with a base of 5 to 16: 8192 is (8, 5), 16384 is (16, 5).

    Raises:
        ValueError: the length is no such number, or shorter than two layers.
    """
    base, layers = length, 0
    while base > LARGEST_BASE and base % STRIDE == 0:
        base, layers = base // STRIDE, layers + 1
    if base > LARGEST_BASE or layers < 2:
        raise ValueError(
            f"{length} samples are not 5 to 16 times a power of four; try 4096, 8192 or 16384"
        )
    return base, layers


def _initialise(network: nn.Module) -> None:
    """Glorot's uniform weights, as in the authors' code; there is no normalisation to mend them."""
    for module in network.modules():
        if isinstance(module, nn.Conv1d | nn.ConvTranspose1d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
