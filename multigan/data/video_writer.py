"""Writing videos with PyAV: H.264 or VP9 for ordinary players, with the sound of the source.

Colours are stored at half the width and height (4:2:0), as browsers, phones and televisions demand;
with whole colours (4:4:4) most of them would show nothing. So both sides have to be even, and an
odd one is made even by repeating its last row or column.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import ColorRange, VideoReformatter

from multigan.data.files import reason
from multigan.data.frames import Film, Frame, whole_file
from multigan.data.pixels import over_white
from multigan.data.video import BT709, BT2020, PRECISE, open_video
from multigan.errors import DataError

# Visually lossless at a speed that leaves the processor to the network.
_H264 = ("libx264", {"crf": "18", "preset": "veryfast"})
_VP9 = ("libvpx-vp9", {"crf": "24", "b": "0", "deadline": "realtime", "cpu-used": "7"})
_MUXER = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


@contextmanager
def video_writer(path: Path, film: Film) -> Iterator[VideoWriter]:
    """Opens a video for writing; see `multigan.data.film.create_film`."""
    with whole_file(path) as partial:
        writer = VideoWriter(path, partial, film)
        try:
            yield writer
            writer.finish()
        except av.FFmpegError as error:
            raise DataError(f"{path}: cannot be written ({reason(error)})") from error
        finally:
            writer.close()


def fitting_suffix(source: Path) -> str:
    """The kind of file that takes a video and its sound: its own if that is written here.

    Raises:
        DataError: The source cannot be read.
    """
    own = source.suffix.lower()
    for suffix in (own, ".mp4"):
        if suffix in _MUXER and _holds_sound(source, suffix):
            return suffix
    return ".mkv"


class VideoWriter:
    """Encodes frames, and copies the packets of the sound between them without decoding them.

    Args:
        path: For messages.
        partial: The file to write.
        film: Size, rate, colours, metadata and sound.
    """

    def __init__(self, path: Path, partial: Path, film: Film) -> None:
        self.path, self.film = path, film
        self.problems: list[str] = []
        self._last = -1
        self._colours = VideoReformatter()
        options = {"movflags": "+faststart"} if partial.suffix in (".mp4", ".m4v", ".mov") else {}
        self._container = av.open(
            f"file:{partial}", "w", format=_MUXER[partial.suffix], options=options
        )
        self._sound = None
        try:
            self._container.metadata.update(film.metadata)
            self._stream = _video_stream(self._container, film, webm=partial.suffix == ".webm")
            if film.sound is not None:
                self._sound = _Sound(film.sound, self._container)
            self._start()
        except BaseException:
            self.close()
            raise

    def write(self, frame: Frame) -> None:
        """Appends a frame; one that is not later than the one before is moved by a tick."""
        tick = self.film.tick
        pts = max(round(frame.time / tick), self._last + 1)
        self._last = pts
        rgb = over_white(frame.rgb, frame.alpha)
        odd_rows, odd_columns = rgb.shape[0] % 2, rgb.shape[1] % 2
        if odd_rows or odd_columns:
            rgb = np.pad(rgb, ((0, odd_rows), (0, odd_columns), (0, 0)), mode="edge")
        picture = self._colours.reformat(
            av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24"),
            format="yuv420p",
            dst_colorspace=_stored_matrix(self.film),
            dst_color_range=ColorRange.MPEG,
            interpolation=PRECISE,
        )
        picture.pts, picture.time_base = pts, tick
        with suppress(AttributeError):  # older PyAV cannot say how long the last frame lasts
            picture.duration = round(frame.duration / tick)
        if self._sound is not None:
            self._sound.copy(until=frame.time)
        self._container.mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Writes what encoder and sound still hold."""
        if self._last < 0:
            raise DataError(f"{self.path}: a film of no frames; give at least one")
        self._container.mux(self._stream.encode())
        if self._sound is not None:
            self._sound.copy(until=None)
            self.problems += self._sound.problems
        self._container.close()

    def close(self) -> None:
        """Lets go of both files, finished or not."""
        if self._sound is not None:
            self._sound.close()
        with suppress(av.FFmpegError, OSError, ValueError):
            self._container.close()

    def _start(self) -> None:
        try:
            self._container.start_encoding()
        except (av.FFmpegError, ValueError, OSError) as error:
            if self._sound is None or isinstance(error, FileNotFoundError | PermissionError):
                raise
            held = ", ".join(self._sound.codecs)
            raise DataError(
                f"{self.path}: {self.path.suffix} cannot hold this sound ({held}); write a .mkv"
            ) from error


class _Sound:
    """The sound packets of a file, copied into another up to a time."""

    def __init__(self, source: Path, target: av.container.OutputContainer) -> None:
        self.problems: list[str] = []
        self.source, self.target = source, target
        self.container = open_video(source)
        streams = self.container.streams.audio
        self.codecs = [stream.codec_context.codec.canonical_name for stream in streams]
        self.start = Fraction(self.container.start_time or 0, 1_000_000)
        try:
            self.copies = {s.index: target.add_stream_from_template(s) for s in streams}
        except (av.FFmpegError, ValueError) as error:
            self.container.close()
            suffix = Path(target.name).suffix
            held = ", ".join(self.codecs)
            raise DataError(f"{suffix} cannot hold this sound ({held}); write a .mkv") from error
        for stream in streams:
            self.copies[stream.index].metadata.update(stream.metadata)
        self.packets = self.container.demux(*streams)
        self.waiting: Any = None

    def copy(self, until: Fraction | None) -> None:
        """Copies the packets that begin before `until` seconds; None copies the rest."""
        while True:
            packet = self.waiting or self._next()
            self.waiting = None
            if packet is None:
                return
            begin = packet.dts * packet.time_base - self.start
            if until is not None and begin > until:
                self.waiting = packet
                return
            shift = round(self.start / packet.time_base)
            packet.dts -= shift
            if packet.pts is not None:
                packet.pts -= shift
            packet.stream = self.copies[packet.stream.index]
            self.target.mux_one(packet)

    def close(self) -> None:
        self.container.close()

    def _next(self) -> Any:
        try:
            return next((packet for packet in self.packets if packet.dts is not None), None)
        except (av.FFmpegError, OSError):
            self.problems.append(f"{self.source}: its sound is damaged and ends early")
            return None


def _video_stream(
    container: av.container.OutputContainer, film: Film, *, webm: bool
) -> av.VideoStream:
    codec, options = _VP9 if webm else _H264
    stream: Any = container.add_stream(codec, rate=film.rate, options=dict(options))
    stream.width, stream.height = film.width + film.width % 2, film.height + film.height % 2
    stream.pix_fmt = "yuv420p"
    stream.time_base = film.tick
    context = stream.codec_context
    context.time_base = film.tick
    if film.pixel_aspect != 1:
        context.sample_aspect_ratio = film.pixel_aspect
    context.colorspace = _stored_matrix(film)
    _, context.color_primaries, context.color_trc = film.colour
    context.color_range = ColorRange.MPEG.value
    return stream


def _stored_matrix(film: Film) -> int:
    """Players know these two for certain; wide gamuts go with the latter."""
    return BT2020 if film.colour[0] == BT2020 else BT709


def _holds_sound(source: Path, suffix: str) -> bool:
    """Tries it: only the muxer knows which codecs it takes."""
    container = open_video(source)
    try:
        target = av.open(io.BytesIO(), "w", format=_MUXER[suffix])
        for stream in container.streams.audio:
            target.add_stream_from_template(stream)
        if container.streams.audio:
            target.start_encoding()
        return True
    except (av.FFmpegError, ValueError):
        return False
    finally:
        container.close()
