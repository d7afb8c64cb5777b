"""Reading videos with PyAV: upright frames in 8-bit RGB with the times at which they are shown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter

from multigan.data.files import reason
from multigan.data.frames import Film, Frame
from multigan.data.pixels import transpose
from multigan.errors import DataError

BT709, BT2020 = 1, 9  # FFmpeg's numbers of colour matrices
UNKNOWN = 2
DEFAULT_RATE = Fraction(25)
# swscale's flags: bilinear, whole chroma on both sides, exact rounding. With its defaults a picture
# loses a level of brightness each time that it is converted.
PRECISE = 0x2 | 0x2000 | 0x4000 | 0x40000
_HIGH_DEFINITION = 720  # lines; where a file does not name its colours, players go by the size
_TECHNICAL = {"major_brand", "minor_version", "compatible_brands", "encoder", "creation_time_ms"}
# How a display matrix (a, b, c, d: x' = ax + cy, y' = bx + dy) turns a picture, as EXIF numbers it.
_ORIENTATIONS: dict[tuple[int, ...], int] = {
    (1, 0, 0, 1): 1, (-1, 0, 0, 1): 2, (-1, 0, 0, -1): 3, (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5, (0, 1, -1, 0): 6, (0, -1, -1, 0): 7, (0, -1, 1, 0): 8,
}  # fmt: skip


class VideoReader:
    """An open video. Its frames are decoded as they are asked for, in memory that does not grow.

    Args:
        path: A file with moving pictures that FFmpeg can read.

    Attributes:
        film: Size, rate, colours, metadata.
        problems: After reading, a line for each thing that was wrong.

    Raises:
        DataError: No such file, not a video, or sound alone.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self._container = open_video(path)
        try:
            self._stream = _moving_pictures(self._container, path)
            self._first: Iterator[av.VideoFrame] = self._decode()
            # Rotation and colours are known for certain only once a frame is decoded.
            self._peeked = next(self._first, None)
        except BaseException:
            self._container.close()
            raise
        if self._peeked is None:
            self.close()
            raise DataError(f"{path}: no frame of it can be decoded; copy or export it again")
        self._orientation = _orientation(self._peeked)
        self._size = self._peeked.width, self._peeked.height
        self._colours = VideoReformatter()
        self.film = self._describe(self._peeked)

    def frames(self, *, start: Fraction = Fraction(0)) -> Iterator[Frame]:
        """The frames in the order in which they are shown; can be called once.

        Args:
            start: seconds; earlier frames are left out. Decoding begins at the last frame before it
                that needs no other, where the file can be entered there.
        """
        if start > 0:
            self._seek(start)
        count = 0
        for frame, time, duration in self._timed():
            count += 1
            if time >= start:
                yield Frame(self._rgb(frame), time=time, duration=duration)
        expected = None if start > 0 else self.film.num_frames
        if self.problems or (expected is not None and count < 0.9 * expected):
            of = f" of about {expected}" if expected is not None and expected > count else ""
            self.problems = [
                f"{self.path}: damaged or cut short; {count}{of} frames could be decoded"
            ]

    def moments(self) -> list[Fraction]:
        """When each frame is shown, in seconds, and when the last one ends; instead of `frames`."""
        times, end = [], Fraction(0)
        for _, time, duration in self._timed():
            times.append(time)
            end = time + duration
        return [*times, end]

    def close(self) -> None:
        """Lets go of the file, and of the decoder's threads.

        The frames to come and this reader refer to each other. Left to the garbage collector, a
        decoder might be ended in a process that was forked meanwhile, which has none of its threads
        and would wait for them for ever.
        """
        self._first, self._peeked = iter(()), None
        self._container.close()

    def _timed(self) -> Iterator[tuple[av.VideoFrame, Fraction, Fraction]]:
        """What is decoded, when it is shown and how long."""
        tick, step = self.film.tick, 1 / self.film.rate
        frame, time = self._peeked, -step
        while frame is not None:
            time = time + step if frame.pts is None else max(self._time(frame.pts), Fraction(0))
            yield frame, time, (getattr(frame, "duration", 0) or 0) * tick or step
            frame = next(self._first, None)

    def _time(self, pts: int) -> Fraction:
        return pts * self.film.tick - Fraction(self._container.start_time or 0, 1_000_000)

    def _seek(self, start: Fraction) -> None:
        """Goes to the last place at or before `start` where decoding can begin; else to the top."""
        begins = start + Fraction(self._container.start_time or 0, 1_000_000)
        try:
            self._container.seek(math.floor(begins / self.film.tick), stream=self._stream)
            self._first = self._decode()
            self._peeked = next(self._first, None)
        except (av.FFmpegError, OSError):
            self._peeked = None
        reached = None if self._peeked is None else self._peeked.pts
        if reached is None or self._time(reached) > start:
            self._container.close()
            self._container = open_video(self.path)
            self._stream = _moving_pictures(self._container, self.path)
            self._first = self._decode()
            self._peeked = next(self._first, None)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Frames of all packets that can be decoded; what cannot is passed over."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.FFmpegError, OSError) as error:
                self.problems.append(reason(error))
                packet = None  # the file ends here; what the decoder still holds comes out
            try:
                yield from self._stream.decode(packet)
            except av.FFmpegError as error:
                self.problems.append(reason(error))
            if packet is None:
                return

    def _rgb(self, frame: av.VideoFrame) -> np.ndarray:
        matrix = _matrix(frame)
        width, height = self._size  # a stream may change its size on the way
        shown = self._colours.reformat(
            frame,
            width=width,
            height=height,
            format="rgb24",
            src_colorspace=matrix,
            interpolation=PRECISE,
        )
        return np.ascontiguousarray(transpose(shown.to_ndarray(), self._orientation))

    def _describe(self, frame: av.VideoFrame) -> Film:
        stream, context = self._stream, self._stream.codec_context
        width, height = self._size
        aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
        if self._orientation >= 5:
            width, height, aspect = height, width, 1 / aspect
        rate = stream.average_rate or stream.guessed_rate or DEFAULT_RATE
        tick = stream.time_base or 1 / rate
        count = stream.frames or math.floor(_seconds(self._container, stream) * rate) or None
        metadata = {k: v for k, v in self._container.metadata.items() if k not in _TECHNICAL}
        return Film(
            width,
            height,
            rate=Fraction(rate),
            tick=Fraction(tick),
            num_frames=count,
            pixel_aspect=aspect,
            colour=(_matrix(frame) or BT709, context.color_primaries, context.color_trc),
            metadata=MappingProxyType(metadata),
            sound=self.path if self._container.streams.audio else None,
        )


def open_video(path: Path) -> av.container.InputContainer:
    """Opens a file with PyAV.

    Raises:
        DataError: It is missing, a folder, empty, unreadable, or nothing that FFmpeg knows.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise DataError(f"{path}: is not a file; name a video")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty; copy or export it again")
    try:
        # A path that begins with "http:" or "concat:" would otherwise be taken for a protocol.
        return av.open(f"file:{path}", metadata_errors="replace")
    except PermissionError:
        raise DataError(f"{path}: no permission to read it; change its permissions") from None
    except (av.FFmpegError, OSError) as error:
        why = f"the video is damaged, cut short or of an unknown kind ({reason(error)})"
        raise DataError(f"{path}: {why}; copy or export it again") from error


def _moving_pictures(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    cover = av.stream.Disposition.attached_pic  # the sleeve of a song is no film
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        what = "sound alone" if container.streams.audio else "no moving pictures in it"
        raise DataError(f"{path}: {what}; name a file with a video in it")
    best = container.streams.best("video")
    stream = best if best in streams else streams[0]
    if stream.codec_context is None:
        raise DataError(f"{path}: its video codec is not known here; convert it to H.264 first")
    stream.thread_type = "AUTO"
    return stream


def _seconds(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction:
    """How long the pictures last, as far as the file says; else how long all of it does."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    said = re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", ""))
    if said:  # Matroska
        hours, minutes, seconds = (Fraction(part) for part in said.groups())
        return 3600 * hours + 60 * minutes + seconds
    return Fraction(container.duration or 0, 1_000_000)


def _orientation(frame: av.VideoFrame) -> int:
    """Phones film sideways and say in a matrix how to turn the picture; EXIF's number for it."""
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return 1
    a, b, _, c, d = (int(x) for x in np.frombuffer(matrix, dtype=np.int32)[:5])
    largest = max(abs(a), abs(b), abs(c), abs(d), 1)
    return _ORIENTATIONS.get(tuple(round(x / largest) for x in (a, b, c, d)), 1)


def _matrix(frame: av.VideoFrame) -> int | None:
    """The matrix between RGB and the stored colours; None for frames that are RGB already."""
    if frame.format.is_rgb:
        return None
    if frame.colorspace != UNKNOWN:
        return int(frame.colorspace)
    high = frame.height >= _HIGH_DEFINITION or frame.width >= 1280
    return int(Colorspace.ITU709 if high else Colorspace.ITU601)
