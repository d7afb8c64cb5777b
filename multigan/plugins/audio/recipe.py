"""What every recipe of the audio plugin can say: its sounds, and how spectrograms are taken."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from multigan.config.sections import Count, Fraction, NonNegative, Section

SYNTHETIC = "builtin:sounds"


class SoundData(Section):
    """Sounds, as clips of one length."""

    source: str = Field(SYNTHETIC, description="a folder of sounds, one sound, or builtin:sounds")
    rate: PositiveInt = Field(8000, description="samples a second that sounds are brought to")
    length: PositiveInt = Field(8192, description="samples of a clip")
    labels: str = Field(
        "none",
        description="'folder': one folder a class; a regular expression for file names with one "
        "group, such as '^([0-9])_'; 'none'. builtin:sounds knows its kinds either way",
    )
    held_out: str = Field(
        "",
        description="a regular expression: files whose names match are kept for validation; "
        "without one, folders called train and validation, or a share",
    )
    share_held_out: Fraction = Field(
        0.1, description="of every class, kept for validation where nothing else says which files"
    )
    trim: bool = Field(True, description="cut off the silence at both ends")
    normalise: bool = Field(False, description="bring every clip's peak to 0.95")
    crop: Literal["random", "centre"] = Field(
        "random", description="the part of a longer sound that is taken; shorter ones are padded"
    )
    memory: NonNegative = Field(1.0, description="gigabytes of decoded sounds to keep")
    builtin_size: PositiveInt = Field(5000, description="number of sounds of builtin:sounds")
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable sounds do")

    @model_validator(mode="after")
    def _patterns(self) -> SoundData:
        for name in ("labels", "held_out"):
            pattern = getattr(self, name)
            if name == "labels" and pattern in ("folder", "none"):
                continue
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f"{name}: not a regular expression: {error}") from error
            if name == "labels" and groups != 1:
                raise ValueError(
                    f"labels: '{pattern}' has {groups} groups and needs one around the class; or "
                    "say folder or none"
                )
        return self


class MelConfig(Section):
    """A log-mel spectrogram, see `multigan.plugins.audio.mel.LogMel`."""

    rate: PositiveInt = Field(8000, description="samples a second")
    n_fft: PositiveInt = Field(256, description="samples of a Fourier transform")
    hop: PositiveInt = Field(64, description="samples from one frame to the next")
    win: Count = Field(0, description="samples of the Hann window; 0: as many as n_fft")
    mels: PositiveInt = Field(64, description="bands")
    fmin: NonNegativeFloat = Field(0.0, description="lowest frequency, Hz")
    fmax: PositiveFloat | None = Field(None, description="highest, Hz; half the rate by default")

    @model_validator(mode="after")
    def _possible(self) -> MelConfig:
        if self.win > self.n_fft:
            raise ValueError(f"a window of {self.win} samples does not fit into {self.n_fft}")
        if self.hop > self.n_fft or (self.n_fft - self.hop) % 2:
            raise ValueError("n_fft must be larger than hop by an even number")
        if not self.fmin < (self.fmax or self.rate / 2) <= self.rate / 2:
            raise ValueError("frequencies go from fmin up to fmax, at most half the rate")
        return self
