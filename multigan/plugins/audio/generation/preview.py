"""What a sound GAN shows while it trains: spectrograms to look at, and a few sounds to hear."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from multigan.data.audio import wav_bytes
from multigan.plugins.audio.generation.encoding import Spectrograms, Waveforms, to_waveforms
from multigan.plugins.audio.generation.labels import first_part
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.recipe import MelConfig
from multigan.training.phases import Preview

HEARD = 10  # sounds that are written
DARKEST = -6.0  # log-mel; about 50 dB below a full-scale tone


def show(
    made_B: Tensor,
    encoding: Spectrograms | Waveforms,
    *,
    vocoder: nn.Module | None = None,
    names: Sequence[str],
    rate: int,
) -> Preview:
    """A picture of all, and the first ones as sounds.

    Args:
        made_B: what a generator made, see `encoding`.
        encoding: of the generator.
        vocoder: see `to_waveforms`.
        names: the class of each one; empty without classes. If there are few (of two parts, few
            first parts, see `labels`), each one has a column.
        rate: samples a second.
    """
    waveforms_BT = to_waveforms(made_B[:HEARD], encoding, vocoder)
    files = {}
    for number, samples_T in enumerate(waveforms_BT):
        name = f"{names[number]}_{number}" if names else str(number)
        files[f"{name}.wav".replace("/", "-")] = wav_bytes(samples_T.cpu().numpy(), rate)
    if isinstance(encoding, Spectrograms):
        mels_BML = encoding.decode(made_B)
    else:
        mels_BML = LogMel(MelConfig(rate=rate)).to(made_B.device)(made_B[:, 0])
    columns = len({first_part(name) for name in names})
    fits = 0 < columns <= len(made_B) // 4
    whole = len(made_B) // columns * columns if fits else len(made_B)
    return Preview(
        images=spectrogram_pictures(mels_BML[:whole]), columns=columns if fits else 0, files=files
    )


def spectrogram_pictures(mels_BML: Tensor) -> Tensor:
    """Log-mel spectrograms as pictures (B, 1, M, L) in [0, 1], high notes on top."""
    loudest = float(mels_BML.max()) if len(mels_BML) else 0.0
    pictures = (mels_BML.cpu() - DARKEST) / max(1.0, loudest - DARKEST)
    return torch.flip(pictures.clamp(0, 1), dims=(1,))[:, None]
