"""Reading and writing sounds: any file that FFmpeg knows, as one channel of numbers in [-1, 1].

Files are decoded by PyAV as a stream, so that a sound of three hours costs the memory of a few
seconds, and a part in the middle of it is found by seeking. Channels are averaged; bands that a
lower rate cannot hold are filtered out. WAV is written by Python's own `wave`.

Importing this module imports no torch.
"""

from __future__ import annotations

import io
import os
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from multigan.data.audio_decoder import cut, decoded, opened, resampled
from multigan.data.files import list_files, write_atomic
from multigan.errors import DataError

SUFFIXES = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".au",
    ".caf", ".mka", ".wma",
)  # fmt: skip
FRAME = 0.01  # seconds whose loudness is looked at when silence is trimmed


@dataclass(frozen=True)
class Sound:
    """A decoded sound.

    Attributes:
        samples: float32 (T,) in [-1, 1].
        rate: samples a second.
    """

    samples: np.ndarray
    rate: int

    @property
    def duration(self) -> float:
        """In seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class SoundInfo:
    """What a file says about its sound.

    Attributes:
        rate: samples a second of one channel.
        channels: how many.
        duration: in seconds; an estimate where the format does not say.
    """

    rate: int
    channels: int
    duration: float


def read_sound(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
) -> Sound:
    """Reads a sound or a part of it.

    Args:
        path: a sound, or a film with one.
        rate: samples a second to bring it to; its own by default.
        start: seconds to leave out at the beginning; the file is sought through, not read.
        duration: seconds to read; all by default. At the end of the file there may be less.

    Raises:
        DataError: no such file, no sound in it, damaged, or no sample in this part.
    """
    parts = list(stream_sound(path, rate=rate, start=start, duration=duration))
    return Sound(np.concatenate(parts), rate or sound_info(path).rate)


def stream_sound(
    path: str | os.PathLike[str],
    *,
    rate: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    block: float = 10.0,
) -> Iterator[np.ndarray]:
    """Reads a sound block by block, in memory that does not grow with its length.

    Args:
        path: as in `read_sound`, like rate, start and duration.
        rate: see there.
        start: see there.
        duration: see there.
        block: seconds in a block; the last one is shorter.

    Yields:
        float32 (T,) in [-1, 1].

    Raises:
        DataError: as in `read_sound`.
    """
    path = Path(path)
    with opened(path) as (container, stream):
        source = stream.rate
        size = max(1, round(block * (rate or source)))
        pending, held = [], 0
        first, last = round(start * source), None
        if duration is not None:
            last = first + round(duration * source)
        parts = cut(decoded(container, stream, path, first), first, last)
        for part in parts if rate in (None, source) else resampled(parts, source, rate):
            pending.append(part)
            held += len(part)
            if held >= size:
                whole = np.concatenate(pending)
                for begin in range(0, held - size + 1, size):
                    yield whole[begin : begin + size]
                pending, held = [whole[held - held % size :]], held % size
        if held:
            yield np.concatenate(pending)


def sound_info(path: str | os.PathLike[str]) -> SoundInfo:
    """Rate, channels and duration, as far as the header tells; nothing is decoded.

    Raises:
        DataError: as in `read_sound`.
    """
    with opened(Path(path)) as (container, stream):
        if stream.duration and stream.time_base:
            seconds = stream.duration * stream.time_base
        else:
            seconds = Fraction(container.duration or 0, 1_000_000)
        return SoundInfo(stream.rate, stream.codec_context.channels, float(seconds))


def list_sounds(folder: str | os.PathLike[str]) -> list[Path]:
    """Sounds in a folder and below it, in natural order, without hidden files.

    Raises:
        DataError: the folder is missing, is a file, is unreadable, or holds no sound.
    """
    return list_files(folder, suffixes=SUFFIXES, what="sounds")


def write_sound(path: str | os.PathLike[str], samples: np.ndarray, rate: int) -> Path:
    """Writes a sound as 16-bit WAV, whole or not at all.

    Args:
        path: ends in .wav; its folder must exist.
        samples: as in `wav_bytes`.
        rate: samples a second.

    Returns:
        The path written.

    Raises:
        DataError: another suffix, a missing folder, or a full disk.
        ValueError: as in `wav_bytes`.
    """
    path = Path(path)
    if path.suffix.lower() != ".wav":
        raise DataError(f"{path}: sounds are written as WAV; let the name end in .wav")
    write_atomic(path, wav_bytes(samples, rate))
    return path


def wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """A sound as the content of a 16-bit WAV file.

    What lies outside [-1, 1] is clipped, where rounding alone would wrap round to the other sign.
    Reading the bytes gives back the samples to 1/65536, and exactly those of a 16-bit file.

    Args:
        samples: (T,), or (T, C) for C channels, in [-1, 1].
        rate: samples a second.

    Raises:
        ValueError: another shape, or numbers that are not finite.
    """
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or not np.isfinite(samples).all():
        raise ValueError(f"a sound is finite numbers (T,) or (T, C), not {samples.shape}")
    steps = np.clip(np.rint(samples.astype(np.float64) * 32768), -32768, 32767)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(steps.astype("<i2").tobytes())
    return buffer.getvalue()


def trim_silence(
    samples: np.ndarray, rate: int, *, threshold_db: float = -40.0, keep: float = 0.02
) -> np.ndarray:
    """Cuts off what is quiet at both ends.

    Args:
        samples: (T,).
        rate: samples a second.
        threshold_db: quiet is a hundredth of a second with less power than this below the loudest.
        keep: seconds to leave before the first and after the last loud one.

    Returns:
        A part of the samples; all of them where there is nothing but silence.
    """
    size = max(1, round(FRAME * rate))
    whole = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    power = np.square(whole, dtype=np.float64).sum(1)
    if not power.size or power.max() == 0:
        return samples
    loud = np.flatnonzero(power >= power.max() * 10 ** (threshold_db / 10))
    margin = round(keep * rate)
    first = max(0, int(loud[0]) * size - margin)
    return samples[first : (int(loud[-1]) + 1) * size + margin]


def resample(samples: np.ndarray, source: int, target: int) -> np.ndarray:
    """Another rate, band-limited: FFmpeg's windowed sinc.

    Args:
        samples: float (T,).
        source: samples a second that they have.
        target: and that they are to have.

    Returns:
        float32 (about T * target / source,).
    """
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    if source == target or not len(samples):
        return samples
    return np.concatenate(list(resampled(iter([samples]), source, target)))
