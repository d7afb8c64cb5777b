"""One file through a vocoder, in memory that does not grow with its length."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from multigan.data.files import reason
from multigan.data.sound_writer import sound_writer
from multigan.errors import DataError
from multigan.plugins.audio.vocoder.pipeline import VocoderPipeline


@dataclass(frozen=True)
class Vocoded:
    """What was made.

    Attributes:
        duration: Of the sound, in seconds.
        speed: Seconds of sound made in a second, reading and writing included.
    """

    duration: float
    speed: float


def vocode_file(pipe: VocoderPipeline, source: Path, target: Path) -> Vocoded:
    """Makes a WAV of a sound or of a spectrogram.

    Args:
        pipe: The vocoder.
        source: A sound, or ``.npy``.
        target: Its folder is made if need be.

    Raises:
        DataError: The source cannot be read, or the target cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({reason(error)})") from error
    started, samples = time.perf_counter(), 0
    with sound_writer(target, pipe.rate) as write:
        for piece_T in pipe.stream(source):
            write(piece_T.numpy())
            samples += len(piece_T)
    duration = samples / pipe.rate
    return Vocoded(duration, duration / (time.perf_counter() - started))
