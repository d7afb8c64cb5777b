"""Writing a sound piece by piece: one of three hours costs the memory of a piece."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from multigan.data.frames import whole_file
from multigan.errors import DataError

LARGEST = 2**32 - 1024  # bytes: sizes in a WAV file have 32 bits


@contextmanager
def sound_writer(path: Path, rate: int) -> Iterator[Callable[[np.ndarray], None]]:
    """Opens a 16-bit WAV file of one channel; it is written whole or not at all.

    Args:
        path: ends in .wav.
        rate: samples a second.

    Yields:
        A function that appends samples (T,) in [-1, 1]; what lies outside is clipped.

    Raises:
        DataError: another suffix, a missing folder, a full disk, or more than WAV can hold.
    """
    if path.suffix.lower() != ".wav":
        raise DataError(f"{path}: sounds are written as WAV; let the name end in .wav")
    with whole_file(path) as partial, wave.open(str(partial), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        written = 0

        def write(samples: np.ndarray) -> None:
            nonlocal written
            written += 2 * len(samples)
            if written > LARGEST:
                raise DataError(f"{path}: WAV holds no more than 4 GB; cut the sound into parts")
            steps = np.clip(np.rint(samples.astype(np.float64) * 32768), -32768, 32767)
            file.writeframesraw(steps.astype("<i2").tobytes())

        yield write
