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
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from multigan.data.files import list_files, reason, write_atomic
from multigan.errors import DataError

SUFFIXES = (
    ".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".aif", ".aiff", ".au",
    ".caf", ".mka", ".wma",
)  # fmt: skip
LARGEST_RATE = 768_000  # numbers a second; WAV headers can claim any
PRE_ROLL = 0.2  # seconds: MP3, AAC and Opus need what comes before a place to decode it rightly
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
    with _opened(path) as (container, stream):
        source = stream.rate
        size = max(1, round(block * (rate or source)))
        pending, held = [], 0
        first, last = round(start * source), None
        if duration is not None:
            last = first + round(duration * source)
        parts = _cut(_decoded(container, stream, path, first), first, last)
        for part in parts if rate in (None, source) else _resampled(parts, source, rate):
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
    with _opened(Path(path)) as (container, stream):
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
    return np.concatenate(list(_resampled(iter([samples]), source, target)))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.AudioStream]]:
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise DataError(f"{path}: is not a file; name a sound")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; copy or export it again")
    try:
        # A path that begins with "http:" or "concat:" would otherwise be taken for a protocol.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except PermissionError:
        raise DataError(f"{path}: no permission to read it; change its permissions") from None
    except (av.FFmpegError, OSError) as error:
        why = f"not a sound that can be read, or damaged ({reason(error)})"
        raise DataError(f"{path}: {why}; use WAV, FLAC, MP3, OGG or M4A") from error
    with container:
        if not container.streams.audio:
            raise DataError(f"{path}: no sound in it; name a file with one")
        stream = container.streams.audio[0]
        if stream.codec_context is None:
            raise DataError(f"{path}: its codec is not known here; convert it to WAV or FLAC first")
        if not 0 < (stream.rate or 0) <= LARGEST_RATE or not stream.codec_context.channels:
            raise DataError(f"{path}: damaged: {stream.rate} samples a second; export it again")
        yield container, stream


def _decoded(
    container: av.container.InputContainer, stream: av.AudioStream, path: Path, first: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(number of the first sample, samples of one channel), from before ``first`` on.

    Packets that cannot be decoded are passed over, as players do.
    """
    tick, begin = stream.time_base or Fraction(1, stream.rate), stream.start_time or 0
    if first:
        place = int(max(0.0, first / stream.rate - PRE_ROLL) / tick)
        try:
            container.seek(begin + place, stream=stream)
        except (av.FFmpegError, OSError):
            container.seek(0)  # no index: what comes before is decoded and left out
    position, decoded, problems = None, 0, []
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except (av.FFmpegError, OSError) as error:
            problems.append(reason(error))
            packet = None
        if packet is None:
            break
        try:
            frames = stream.decode(packet)
        except (av.FFmpegError, OSError) as error:
            problems.append(reason(error))
            continue
        for frame in frames:
            if position is None:  # counted from there on: Matroska rounds times to milliseconds
                ticks = (frame.pts or begin) - begin
                position = max(0, round(ticks * tick * stream.rate))
            samples = _one_channel(frame, path)
            yield position, samples
            position += len(samples)
        decoded += bool(frames)
    if len(problems) > decoded:
        raise DataError(f"{path}: the sound is damaged ({problems[0]}); copy or export it again")
    if position is None or position <= first:
        where = f" after {first / stream.rate:g} s" if first else ""
        raise DataError(f"{path}: no sound in it{where}; name a longer one")


def _cut(
    parts: Iterator[tuple[int, np.ndarray]], first: int, last: int | None
) -> Iterator[np.ndarray]:
    """Samples first to last, counted from the beginning of the file."""
    for position, samples in parts:
        if last is not None and position >= last:
            return
        kept = samples[max(0, first - position) : None if last is None else last - position]
        if len(kept):
            yield kept


def _one_channel(frame: av.AudioFrame, path: Path) -> np.ndarray:
    """The mean of a frame's channels, float32 in [-1, 1]."""
    given = frame.to_ndarray()
    if not frame.format.is_planar:
        given = given.reshape(-1, len(frame.layout.channels)).T
    if given.dtype.kind == "u":
        given = (given.astype(np.float32) - 128) / 128
    elif given.dtype.kind == "i":  # 24 bits are the upper ones of 32
        given = given.astype(np.float64) / 2 ** (8 * given.dtype.itemsize - 1)
    mixed = given.mean(0)
    if not np.isfinite(mixed).all():
        raise DataError(f"{path}: holds numbers that are not finite; export it again")
    return np.clip(mixed, -1, 1).astype(np.float32)


def _resampled(parts: Iterator[np.ndarray], source: int, target: int) -> Iterator[np.ndarray]:
    """Band-limited, and in step with the input: FFmpeg makes up for the delay of its filter."""
    change = av.AudioResampler(format="flt", layout="mono", rate=target)
    for samples in parts:
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.rate = source
        for made in change.resample(frame):
            yield np.clip(made.to_ndarray()[0], -1, 1)
    for made in change.resample(None):
        yield np.clip(made.to_ndarray()[0], -1, 1)
