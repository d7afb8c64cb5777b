"""What the networks play with: waveforms as they are, or spectrograms as pictures.

Both encodings turn sounds (B, T) into what a discriminator sees, in about [-1, 1], and what a
generator makes back into waveforms or log-mel spectrograms.

Shape suffixes: B sounds, T samples, M mel bands, L frames.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from multigan.plugins.audio.griffin_lim import invert_mels
from multigan.plugins.audio.mel import FLOOR, LogMel
from multigan.plugins.audio.recipe import MelConfig

CHUNK = 100  # sounds found at once
LOUDEST = 0.99  # peak of a sound that was found from a spectrogram


class Waveforms(nn.Module):
    """Sounds as they are."""

    def encode(self, x_BT: Tensor) -> Tensor:
        """(B, 1, T)."""
        return x_BT[:, None]

    def facts(self) -> dict[str, Any]:
        """Nothing has to be known to hear them."""
        return {}


class Spectrograms(nn.Module):
    """Log-mel spectrograms, each band with mean 0 and in units of its deviation (SpecGAN).

    Args:
        config: how they are taken.
        range_db: what lies so far below a full-scale tone is raised to there; 0 raises nothing.
        clip: deviations that become 1; the paper's 3. Beyond, spectrograms are clipped.
        mean: of each band; zeros until `measure`.
        deviation: of each band.
    """

    mean_M: Tensor
    deviation_M: Tensor

    def __init__(
        self,
        config: MelConfig,
        *,
        range_db: float = 0.0,
        clip: float = 3.0,
        mean: list[float] | None = None,
        deviation: list[float] | None = None,
    ) -> None:
        super().__init__()
        self.config, self.range_db, self.clip = config, range_db, clip
        self.log_mel = LogMel(config)
        self.floor = math.log(FLOOR)
        if range_db:
            loudest = self.log_mel(_tone(config)).max()
            self.floor = max(self.floor, float(loudest) - range_db * math.log(10) / 20)
        self.register_buffer("mean_M", torch.tensor(mean or [0.0] * config.mels))
        self.register_buffer("deviation_M", torch.tensor(deviation or [1.0] * config.mels))

    @torch.no_grad()
    def measure(self, x_BT: Tensor) -> None:
        """Takes mean and deviation of the bands of these sounds."""
        mels_BML = self.mels(x_BT)
        self.mean_M.copy_(mels_BML.mean((0, 2)))
        # A band in which nothing ever sounds is to stay there, not to be divided by 0.
        self.deviation_M.copy_(mels_BML.std((0, 2)).clamp(min=1e-2))

    def mels(self, x_BT: Tensor) -> Tensor:
        """Log-mel spectrograms (B, M, L), not normalised."""
        return self.log_mel(x_BT).clamp(min=self.floor)

    def encode(self, x_BT: Tensor) -> Tensor:
        """(B, 1, M, L) in [-1, 1]."""
        scaled_BML = (self.mels(x_BT) - self.mean_M[:, None]) / self.deviation_M[:, None]
        return (scaled_BML / self.clip).clamp(-1, 1)[:, None]

    def decode(self, y_B1ML: Tensor) -> Tensor:
        """Log-mel spectrograms (B, M, L) of what `encode` or a generator made."""
        scaled_BML = y_B1ML[:, 0].float() * self.clip
        mels_BML = scaled_BML * self.deviation_M[:, None] + self.mean_M[:, None]
        return mels_BML.clamp(min=self.floor)

    def facts(self) -> dict[str, Any]:
        """JSON-able; what `from_facts` needs."""
        return {
            "mel": self.config.model_dump(),
            "range_db": self.range_db,
            "clip": self.clip,
            "mean": [round(value, 5) for value in self.mean_M.tolist()],
            "deviation": [round(value, 5) for value in self.deviation_M.tolist()],
        }


def spectrograms_from_facts(facts: dict[str, Any]) -> Spectrograms:
    """The encoding that a model was trained with.

    Raises:
        ValueError: the facts contradict each other.
    """
    config = MelConfig(**facts["mel"])
    made = Spectrograms(
        config,
        range_db=facts["range_db"],
        clip=facts["clip"],
        mean=facts["mean"],
        deviation=facts["deviation"],
    )
    if not len(made.mean_M) == len(made.deviation_M) == config.mels:
        raise ValueError(f"mean and deviation are not of {config.mels} bands")
    return made


@torch.no_grad()
def to_waveforms(
    made_B: Tensor, encoding: Spectrograms | Waveforms, vocoder: nn.Module | None = None
) -> Tensor:
    """Sounds (B, T) of what a generator made.

    Args:
        made_B: on the device of the encoding.
        encoding: of the generator.
        vocoder: turns log-mel spectrograms (B, M, L) into sounds (B, L * hop) or (B, 1, L * hop);
            without one, Griffin-Lim does.
    """
    if isinstance(encoding, Waveforms):
        return made_B[:, 0].float().clamp(-1, 1)
    sounds = []
    for mels_BML in encoding.decode(made_B).split(CHUNK):
        if vocoder is None:
            sounds.append(invert_mels(mels_BML, encoding.log_mel))
        else:
            sounds.append(vocoder(mels_BML).float().reshape(len(mels_BML), -1))
    sounds_BT = torch.cat(sounds)
    # Phases found by trial add up to peaks that the magnitudes had not: softer, not clipped.
    return sounds_BT / sounds_BT.abs().amax(1, keepdim=True).clamp(min=LOUDEST) * LOUDEST


def _tone(config: MelConfig) -> Tensor:
    """500 Hz as loud as can be; where bands are narrow, as below 1 kHz, they count most."""
    time = torch.arange(4 * config.n_fft) / config.rate
    return torch.sin(2 * math.pi * 500.0 * time)[None]
