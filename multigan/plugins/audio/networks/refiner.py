"""A generator that begins with a sound: a first guess, a network over its spectrum, a few repairs.

A convolutional network cannot make a voice of a spectrogram that stands still: under it all frames
are alike, and so are the sounds of them, one period a frame. It needs phases to begin with. Here
they come from noise that was brought to the spectrogram by `project`: right in the bands, with
phases that fit together only here and there, which sounds metallic. A network looks at the spectrum
of this guess and turns and scales every frequency of every frame, and a few more rounds of
`project` repair what it has done to the bands. HiFi++ (Andreev et al. 2022) and WaveFit (Koizumi et
al. 2022) refine a first guess in the waveform; to alternate between a network and a projection of
the spectrum is deep Griffin-Lim iteration (Masuyama et al. 2019).

The network knows no absolute phase: it sees the differences from the frame before and from the
frequency below, and answers with complex factors. A sound that is turned by an angle, or upside
down, comes out the same, only turned; nothing has to be learnt for that.

Shape suffixes: B sounds, T samples, M mel bands, F frequencies, L frames, C channels, P patches of
frequencies.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.audio.frames import sound_of, spectrum_of
from multigan.plugins.audio.mel import FLOOR_LOG, LogMel
from multigan.plugins.audio.projection import (
    MOST,
    band_shares,
    first_noise,
    magnitudes,
    project,
    reach,
)
from multigan.plugins.audio.recipe import MelConfig

SLOPE = 0.1
SEEN = 7  # planes that the network sees, see `RefinerGenerator.planes`
DILATIONS = (1, 2, 1, 4)  # along the frames, block by block


class RefinerGenerator(Network):
    """Log-mel spectrograms to waveforms, by way of a first guess.

    Args:
        mel: how the spectrograms are taken: the arguments of `MelConfig`.
        width: channels of the network.
        blocks: residual blocks of two 3 x 3 convolutions.
        patch: neighbouring frequencies that share a place in the network.
        guess: rounds of `project` before the network.
        guess_training: the same in training mode. Fewer cost less, and what the network learns from
            them holds for more.
        passes: how often the network is played, one after the other, with the same weights.
        between: rounds from one pass to the next.
        refine: rounds after the last one.

    Attributes:
        mels: mel bands.
        hop: samples made of a frame.
        reach: frames on either side that a frame's samples depend on, at most.
    """

    def __init__(
        self,
        *,
        mel: dict[str, Any],
        width: int = 64,
        blocks: int = 4,
        patch: int = 4,
        guess: int = 128,
        guess_training: int = 32,
        passes: int = 2,
        between: int = 8,
        refine: int = 8,
    ) -> None:
        super().__init__()
        self.hear = LogMel(MelConfig(**mel))
        self.mels, self.hop = self.hear.config.mels, self.hear.config.hop
        self.patch, self.guess, self.guess_training = patch, guess, guess_training
        self.passes, self.between, self.refine = passes, between, refine
        dilations = [DILATIONS[block % len(DILATIONS)] for block in range(blocks)]
        self.first = nn.Conv2d(SEEN, width, (2 * patch - 1, 3), (patch, 1), (patch - 1, 1))
        self.blocks = nn.ModuleList([_Residual(width, dilation) for dilation in dilations])
        self.last = nn.Conv2d(width, 3 * patch, (3, 1), padding=(1, 0))
        # Training begins with the guess as it is.
        nn.init.normal_(self.last.weight, std=3e-3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU
        seen = 2 + sum(dilation + 1 for dilation in dilations)  # a frame before, for phases, and
        rounds = (
            max(guess, guess_training) + (passes - 1) * between + refine
        )  # the first convolution
        self.reach = reach(self.hear.config, rounds + passes) + passes * seen

    def forward(self, x_BML: Tensor, *, noise_BT: Tensor | None = None, first: int = 0) -> Tensor:
        """Waveforms (B, L * hop) in [-1, 1] of log-mel spectrograms.

        Args:
            x_BML: spectrograms.
            noise_BT: to begin with; by default always the same.
            first: the number of the first frame, where these are a part of something longer.
        """
        frames = x_BML.shape[2]
        # The padding of the ends cannot be longer than the sound.
        missing = (self.hear.config.n_fft - self.hop) // 2 // self.hop + 1 - frames
        if missing > 0:
            x_BML = F.pad(x_BML, (0, missing), value=FLOOR_LOG)
        with torch.no_grad():
            if noise_BT is None:
                noise_BT = first_noise(x_BML, self.hear, first=first)
            rounds = self.guess_training if self.training else self.guess
            sound_BT = project(noise_BT, x_BML, self.hear, rounds=rounds)
        for left in reversed(range(self.passes)):
            sound_BT = self.turned(sound_BT, x_BML)
            rounds = self.between if left else self.refine
            sound_BT = project(sound_BT, x_BML, self.hear, rounds=rounds)
        return sound_BT[:, : frames * self.hop].clamp(-1, 1)

    def turned(self, x_BT: Tensor, mels_BML: Tensor) -> Tensor:
        """One pass: sounds (B, T) whose frequencies the network has turned and scaled."""
        with torch.autocast(x_BT.device.type, enabled=False):
            spectrum_BLF = spectrum_of(x_BT, self.hear)
            with torch.no_grad():  # in silence, phases have gradients without bounds
                seen_BCFL = self.planes(spectrum_BLF, mels_BML.float())
        h_BCPL = self.first(seen_BCFL.contiguous(memory_format=torch.channels_last))
        for block in self.blocks:
            h_BCPL = block(h_BCPL)
        said_BCPL = self.last(F.leaky_relu(h_BCPL, SLOPE))
        with torch.autocast(x_BT.device.type, enabled=False):
            B, _, P, L = said_BCPL.shape
            said_B3PFL = said_BCPL.float().view(B, 3, self.patch, P, L)
            said_3BLF = said_B3PFL.permute(1, 0, 4, 3, 2).reshape(3, B, L, P * self.patch)
            gain, real, imaginary = said_3BLF[..., : spectrum_BLF.shape[2]]
            factor_BLF = torch.complex(1 + real, imaginary) * gain.clamp(-MOST, MOST).exp()
            return sound_of(spectrum_BLF * factor_BLF, self.hear)

    def planes(self, spectrum_BLF: Tensor, mels_BML: Tensor) -> Tensor:
        """What the network sees, (B, 7, F, L), each about as large as 1.

        Two planes for the phase from frame to frame, cosine and sine; two for it from frequency to
        frequency; the log magnitude; what the bands want it to be; and the frequency.
        """
        size_BLF = magnitudes(spectrum_BLF)
        phase_BLF = spectrum_BLF / size_BLF
        before_BLF = torch.cat([phase_BLF[:, :1], phase_BLF[:, :-1]], 1)
        below_BLF = torch.cat([phase_BLF[..., :1], phase_BLF[..., :-1]], 2)
        in_time, in_pitch = phase_BLF * before_BLF.conj(), phase_BLF * below_BLF.conj()
        wanted_BLF = mels_BML.transpose(1, 2).matmul(band_shares(self.hear))
        place_BLF = torch.linspace(-1, 1, size_BLF.shape[2], device=size_BLF.device)
        seen = (
            in_time.real, in_time.imag, in_pitch.real, in_pitch.imag,
            1 + 0.3 * size_BLF.log(), 1 + 0.3 * wanted_BLF, place_BLF.expand_as(size_BLF),
        )  # fmt: skip
        return torch.stack(seen, 1).transpose(2, 3)

    def folded(self) -> RefinerGenerator:
        """The same: it has no norms to fold in."""
        return self

    def take(self, other: RefinerGenerator) -> None:
        """Becomes the same function as another generator of these sizes."""
        self.load_state_dict(other.state_dict())


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.wide = nn.Conv2d(width, width, 3, padding=(1, dilation), dilation=(1, dilation))
        self.near = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x_BCPL: Tensor) -> Tensor:
        h_BCPL = self.wide(F.leaky_relu(x_BCPL, SLOPE))
        return x_BCPL + self.near(F.leaky_relu(h_BCPL, SLOPE))
