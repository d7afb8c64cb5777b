"""What a vocoder is measured against: sounds of its spectrograms without any learning."""

from __future__ import annotations

import copy
import sys
from typing import Literal

from torch import Tensor, nn

from multigan.plugins.audio.griffin_lim import invert_mels
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.projection import first_noise, project
from multigan.plugins.audio.vocoder.pipeline import VocoderPipeline

Way = Literal["griffin-lim", "projection"]


def without_learning(pipe: VocoderPipeline, way: Way, *, rounds: int) -> VocoderPipeline:
    """The same pipeline, whose spectrograms become sounds by so many rounds of an algorithm.

    It hears a whole file at once: Griffin-Lim's phases hang together from end to end.
    """
    made = copy.copy(pipe)
    made.generator = Unlearned(pipe.hear, way, rounds=rounds)  # type: ignore[assignment]
    return made


class Unlearned(nn.Module):
    """Takes a generator's place.

    Args:
        log_mel: how the spectrograms are taken.
        way: Griffin-Lim of least-squares magnitudes, or mel projection of noise.
        rounds: of it.
    """

    reach = sys.maxsize

    def __init__(self, log_mel: LogMel, way: Way, *, rounds: int) -> None:
        super().__init__()
        self.log_mel, self.way, self.rounds = log_mel, way, rounds

    def forward(self, x_BML: Tensor) -> Tensor:
        """Waveforms (B, L * hop) in [-1, 1] of log-mel spectrograms."""
        if self.way == "griffin-lim":
            made_BT = invert_mels(x_BML, self.log_mel, iterations=self.rounds)
        else:
            noise_BT = first_noise(x_BML, self.log_mel)
            made_BT = project(noise_BT, x_BML, self.log_mel, rounds=self.rounds)
        return made_BT.clamp(-1, 1)
