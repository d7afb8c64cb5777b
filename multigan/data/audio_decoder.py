"""Decoding sounds with PyAV, frame after frame, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from multigan.data.files import reason
from multigan.errors import DataError

LARGEST_RATE = 768_000  # numbers a second; WAV headers can claim any
PRE_ROLL = 0.2  # seconds: MP3, AAC and Opus need what comes before a place to decode it rightly


@contextmanager
def opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.AudioStream]]:
    """A file and the first sound in it, closed at the end of the ``with``.

    Raises:
        DataError: it is missing, a folder, empty, unreadable, or holds no sound.
    """
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


def decoded(
    container: av.container.InputContainer, stream: av.AudioStream, path: Path, first: int
) -> Iterator[tuple[int, np.ndarray]]:
    """(number of the first sample, samples of one channel), from before ``first`` on.

    Packets that cannot be decoded are passed over, as players do.

    Raises:
        DataError: hardly anything can be decoded, or the sound ends before ``first``.
    """
    tick, begin = stream.time_base or Fraction(1, stream.rate), stream.start_time or 0
    if first:
        place = int(max(0.0, first / stream.rate - PRE_ROLL) / tick)
        try:
            container.seek(begin + place, stream=stream)
        except (av.FFmpegError, OSError):
            container.seek(0)  # no index: what comes before is decoded and left out
    position, good, problems = None, 0, []
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
        good += bool(frames)
    if len(problems) > good:
        raise DataError(f"{path}: the sound is damaged ({problems[0]}); copy or export it again")
    if position is None or position <= first:
        where = f" after {first / stream.rate:g} s" if first else ""
        raise DataError(f"{path}: no sound in it{where}; name a longer one")


def cut(
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


def resampled(parts: Iterator[np.ndarray], source: int, target: int) -> Iterator[np.ndarray]:
    """Band-limited, and in step with the input: FFmpeg makes up for the delay of its filter."""
    change = av.AudioResampler(format="flt", layout="mono", rate=target)
    for samples in parts:
        frame = av.AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        frame.rate = source
        for made in change.resample(frame):
            yield np.clip(made.to_ndarray()[0], -1, 1)
    for made in change.resample(None):
        yield np.clip(made.to_ndarray()[0], -1, 1)
