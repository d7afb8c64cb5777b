"""Segments to learn a vocoder from: sounds alone, or sounds with the spectrograms beside them.

A vocoder that follows an acoustic model is fine-tuned on that model's own spectrograms, which are
smoother than those of real speech. As with HiFi-GAN's ``--fine_tuning``, each lies beside its sound
as ``NAME.npy``, frame for frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.audio import read_sound, sound_info
from multigan.errors import DataError
from multigan.plugins.audio.data.clips import open_clips
from multigan.plugins.audio.mel import FLOOR
from multigan.plugins.audio.vocoder.mels import open_mel
from multigan.plugins.audio.vocoder.recipe import VocoderRecipe

SLACK = 4  # frames by which a spectrogram may be longer or shorter than its sound


def open_segments(recipe: VocoderRecipe, split: str) -> Dataset[Any]:
    """Segments of ``data.length`` samples: ``waveform`` (T,), and perhaps ``mel`` (M, F).

    Args:
        recipe: says where from and how long.
        split: "train" or "validation".

    Raises:
        DataError: there are no such sounds.
    """
    clips = open_clips(recipe.data, split)
    return Pairs(clips.names, recipe) if recipe.data.mels else clips


class Pairs(Dataset[dict[str, Tensor]]):
    """Random segments of sounds and of the spectrograms beside them.

    Args:
        sounds: files.
        recipe: rate, length, bands and hop.
    """

    def __init__(self, sounds: Sequence[str], recipe: VocoderRecipe) -> None:
        self.sounds = [Path(sound) for sound in sounds]
        self.data, self.mel = recipe.data, recipe.mel

    def __len__(self) -> int:
        """Number of sounds."""
        return len(self.sounds)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``waveform`` (T,) and ``mel`` (M, T / hop); what is too short ends in silence.

        Raises:
            DataError: a file is missing, damaged, or of another length than the one beside it.
        """
        sound, length = self.sounds[index], self.data.length
        rate, hop = self.mel.rate, self.mel.hop
        mel_MF = open_mel(sound.with_suffix(".npy"), bands=self.mel.mels)
        count, wanted = mel_MF.shape[1], length // hop
        expected = sound_info(sound).duration * rate / hop
        if abs(expected - count) > SLACK:
            raise DataError(
                f"{sound.with_suffix('.npy')} has {count} frames, and {sound} is {expected:.0f} "
                f"hops of {hop} samples long; take both at the same rate and hop"
            )
        first = int(torch.randint(max(1, count - wanted + 1), ()))
        part_MF = torch.from_numpy(np.array(mel_MF[:, first : first + wanted], dtype=np.float32))
        start, seconds = first * hop / rate, length / rate
        samples = read_sound(sound, rate=rate, start=start, duration=seconds).samples[:length]
        waveform_T = torch.from_numpy(samples)
        return {
            "waveform": F.pad(waveform_T, (0, length - len(waveform_T))),
            "mel": F.pad(part_MF, (0, wanted - part_MF.shape[1]), value=math.log(FLOOR)),
        }
