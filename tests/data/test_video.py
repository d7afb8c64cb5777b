"""Videos through PyAV: what is read is what a player shows, and writing keeps it."""

from __future__ import annotations

import gc
import weakref
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange, VideoReformatter

from multigan.data.film import create_film, is_film, open_film
from multigan.data.frames import Film, Frame
from multigan.data.video_writer import fitting_suffix
from multigan.errors import DataError

COLOURS = np.array([(255, 0, 0), (0, 200, 60), (20, 30, 250), (255, 255, 255), (200, 150, 100)])


def bars(number: int, size: tuple[int, int]) -> np.ndarray:
    """Coloured columns above grey, with a white square that walks through the grey."""
    width, height = size
    rgb = np.full((height, width, 3), 90, np.uint8)
    rgb[: height // 2] = COLOURS[np.arange(width) * len(COLOURS) // width]
    rgb[-16:-8, 4 * number : 4 * number + 8] = 255
    return rgb


def make(
    path: Path,
    *,
    count: int = 8,
    size: tuple[int, int] = (160, 96),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    matrix: int | None = None,
    full: bool = False,
    times: list[int] | None = None,
    tick: Fraction = Fraction(1, 25),
    gop: int | None = None,
    rotation: int | None = None,
    aspect: Fraction | None = None,
    sound: str | None = None,
    title: str | None = None,
) -> Path:
    colours = VideoReformatter()
    with av.open(str(path), "w") as container:
        if title:
            container.metadata["title"] = title
        options = {"crf": "6", "preset": "ultrafast"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.time_base = tick
        if gop is not None:
            stream.codec_context.gop_size = gop
        if matrix is not None:
            stream.codec_context.colorspace = matrix
        if full:
            stream.codec_context.color_range = ColorRange.JPEG.value
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        if rotation is not None:
            if not hasattr(stream, "set_display_rotation"):
                pytest.skip("this PyAV reads rotations, but cannot write one")
            stream.set_display_rotation(rotation)
        audio = container.add_stream(sound, rate=48000) if sound else None
        if audio is not None:
            audio.layout = "mono"
        for number in range(count):
            frame = colours.reformat(
                av.VideoFrame.from_ndarray(bars(number, size), format="rgb24"),
                format=pixels,
                dst_colorspace=matrix,
                dst_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            )
            frame.pts, frame.time_base = times[number] if times else number, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if audio is not None:
            wave = np.sin(np.arange(count * 1920) / 20).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            samples.sample_rate = 48000
            container.mux(audio.encode(samples))
            container.mux(audio.encode())
    return path


def read(path: Path) -> tuple[Film, list[Frame], list[str]]:
    reader = open_film(path)
    frames = list(reader.frames())
    reader.close()
    return reader.film, frames, reader.problems


def copy(source: Path, target: Path) -> Path:
    reader = open_film(source)
    with create_film(target, reader.film) as writer:
        for frame in reader.frames():
            writer.write(frame)
    reader.close()
    return target


def flat(rgb: np.ndarray) -> np.ndarray:
    """The middle of each coloured column, away from where colours of neighbours mix."""
    width = rgb.shape[1] // len(COLOURS)
    return rgb[4 : rgb.shape[0] // 4, width // 2 :: width][:, : len(COLOURS)].mean(0)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"matrix": 1},
        {"matrix": 9, "pixels": "yuv420p10le"},
        {"full": True},
        {"pixels": "yuv420p10le"},
        {"pixels": "yuv444p", "size": (161, 97)},
        {"codec": "ffv1", "pixels": "bgr0", "name": "rgb.mkv"},
    ],
    ids=["untold", "bt709", "bt2020-10", "full", "10-bit", "odd-444", "rgb"],
)
def test_colours_are_right_when_read_and_when_written_again(tmp_path: Path, options: dict) -> None:
    options = dict(options)
    source = make(tmp_path / options.pop("name", "in.mp4"), **options)
    _, frames, problems = read(source)
    assert problems == [] and len(frames) == 8
    assert np.abs(flat(frames[3].rgb) - COLOURS).max() <= 4
    height, width = frames[3].rgb.shape[:2]
    film, again, _ = read(copy(source, tmp_path / "out.mp4"))
    assert (film.width, film.height) == (width + width % 2, height + height % 2)
    assert np.abs(flat(again[3].rgb[:height, :width]) - COLOURS).max() <= 6
    bright = np.abs(again[5].rgb[-12, :width].astype(int) - bars(5, (width, height))[-12])
    assert bright.mean() < 8  # the square has walked as far
    if width % 2:
        assert np.abs(again[0].rgb[:, -1].astype(int) - again[0].rgb[:, -2]).mean() < 4


def test_uneven_times_are_kept_exactly(tmp_path: Path) -> None:
    times = [0, 40, 100, 400, 433, 434, 1000, 1200]
    source = make(tmp_path / "in.mkv", times=times, tick=Fraction(1, 1000))
    for target in ("out.mkv", "out.mp4", "out.mov"):
        _, frames, _ = read(copy(source, tmp_path / target))
        assert [frame.time * 1000 for frame in frames] == times


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_phone_held_sideways(tmp_path: Path, rotation: int) -> None:
    source = make(tmp_path / "in.mp4", rotation=rotation, aspect=Fraction(4, 3))
    with av.open(str(source)) as container:
        stored = next(container.decode(video=0))
        expected = np.rot90(stored.to_ndarray(format="rgb24"), stored.rotation // 90)
    film, frames, _ = read(source)
    assert np.abs(frames[0].rgb.astype(int) - expected).mean() < 2
    assert film.pixel_aspect == (Fraction(4, 3) if rotation == 180 else Fraction(3, 4))
    again, frames, _ = read(copy(source, tmp_path / "out.mp4"))
    assert again.pixel_aspect == film.pixel_aspect
    assert frames[0].rgb.shape == expected.shape


def packets(path: Path) -> list[tuple[Fraction, bytes]]:
    with av.open(str(path)) as container:
        found = [p for p in container.demux(audio=0) if p.dts is not None]
        return [(p.pts * p.time_base, bytes(p)) for p in found]


@pytest.mark.parametrize(
    ("name", "codec", "sound", "target"),
    [
        ("in.mp4", "libx264", "aac", "out.mkv"),
        ("in.webm", "libvpx-vp9", "libopus", "out.webm"),
        ("in.avi", "mpeg4", "mp3", "out.mp4"),
    ],
)
def test_sound_is_copied_packet_by_packet(
    tmp_path: Path, name: str, codec: str, sound: str, target: str
) -> None:
    source = make(tmp_path / name, codec=codec, sound=sound, title="A day")
    before, after = packets(source), packets(copy(source, tmp_path / target))
    assert len(before) > 5
    assert [data for _, data in after] == [data for _, data in before]
    moved = [float(late - early) for (early, _), (late, _) in zip(before, after, strict=True)]
    assert max(moved) - min(moved) < 0.002  # Matroska counts in milliseconds
    with av.open(str(tmp_path / target)) as container:
        assert container.metadata.get("title", container.metadata.get("TITLE")) == "A day"


def test_the_kind_of_file_fits_the_sound(tmp_path: Path) -> None:
    assert fitting_suffix(make(tmp_path / "a.mov", sound="pcm_s16le")) == ".mov"
    assert fitting_suffix(make(tmp_path / "b.avi", codec="mpeg4", sound="mp3")) == ".mp4"
    odd = make(tmp_path / "c.avi", codec="mpeg4", sound="pcm_u8")
    assert fitting_suffix(odd) == ".mkv"
    with pytest.raises(DataError, match=r"cannot hold this sound \(pcm_u8\); write a .mkv"):
        copy(odd, tmp_path / "out.webm")
    assert not (tmp_path / "out.webm").exists()


def test_a_film_cut_short_gives_what_is_left_and_says_so(tmp_path: Path) -> None:
    # every frame by itself, so that half the bytes are half the frames
    source = make(tmp_path / "whole.mkv", count=30, codec="mjpeg", pixels="yuvj420p")
    whole = source.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    _, frames, problems = read(tmp_path / "cut.mkv")
    assert 3 < len(frames) < 28
    assert len(problems) == 1 and "cut short" in problems[0] and "\n" not in problems[0]


def test_a_hole_in_the_middle_costs_only_what_was_there(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mkv", count=60, codec="mjpeg", pixels="yuvj420p")
    data = bytearray(source.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    (tmp_path / "hole.mkv").write_bytes(data)
    _, frames, problems = read(tmp_path / "hole.mkv")
    assert len(frames) > 30 and len(problems) == 1


def test_what_is_no_video_is_refused_in_one_line(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])  # its table stood at the end
    (tmp_path / "text.mp4").write_text("not a film")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), "fltp", "mono")
        silence.sample_rate = 48000
        container.mux(stream.encode(silence))
        container.mux(stream.encode())
    for name, word in {
        "cut": "cut short", "text": "unknown kind", "empty": "empty", "folder": "not a file",
        "song": "sound alone", "missing": "no such file",
    }.items():  # fmt: skip
        with pytest.raises(DataError, match=word) as error:
            open_film(tmp_path / f"{name}.mp4")
        assert "\n" not in str(error.value) and name in str(error.value)


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
@pytest.mark.parametrize("stop", [KeyboardInterrupt, DataError, None])
def test_whatever_happens_there_is_a_whole_file_or_none(tmp_path: Path, suffix, stop) -> None:
    film = Film(64, 48, rate=Fraction(10), tick=Fraction(1, 10))
    target = tmp_path / f"film{suffix}"
    target.write_bytes(b"what was there before")
    with pytest.raises(stop or DataError), create_film(target, film) as writer:
        if stop is not None:
            writer.write(Frame(bars(0, (64, 48)), time=Fraction(0)))
            raise stop("in the middle")
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    assert target.read_bytes() == b"what was there before"


def test_a_film_is_known_by_its_name_or_its_frames(tmp_path: Path) -> None:
    assert is_film(Path("holiday.MOV")) and not is_film(Path("photo.jpg"))
    assert not is_film(tmp_path / "missing.gif")


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".mp4", "libx264"), (".mkv", "libx264"), (".avi", "mpeg4"),
                          (".ts", "mpeg2video"), (".webm", "libvpx")]
)  # fmt: skip
def test_a_film_is_entered_near_the_wanted_frame(tmp_path, suffix, codec):
    """From anywhere on it gives what reading it whole gives, and decodes little before."""
    path = make(tmp_path / f"a{suffix}", count=60, size=(320, 96), codec=codec, gop=10)
    with closing(open_film(path)) as reader:
        whole = list(reader.frames())
    with closing(open_film(path)) as reader:
        moments = reader.moments()
    assert moments[:-1] == [frame.time for frame in whole]
    assert moments[-1] == whole[-1].time + whole[-1].duration
    for first in (0, 1, 9, 10, 31, 59):
        with closing(open_film(path)) as reader:
            frames = list(reader.frames(start=moments[first]))
        assert [frame.time for frame in frames] == moments[first:-1]
        for frame, expected in zip(frames, whole[first:], strict=True):
            assert np.abs(frame.rgb.astype(int) - expected.rgb).max() <= 2
    with closing(open_film(path)) as reader:
        decoded, decode = [], reader._decode
        reader._decode = lambda: (decoded.append(frame) or frame for frame in decode())
        next(reader.frames(start=moments[45]))
    assert len(decoded) <= (20 if suffix != ".ts" else 60)  # a TS may have to be read from the top


def test_a_closed_reader_leaves_no_garbage(tmp_path):
    """A decoder that is collected in a forked process waits for threads that are not there."""
    path = make(tmp_path / "a.mp4", count=5)
    gc.collect()
    gc.disable()
    try:
        reader = open_film(path)
        list(reader.frames())
        kept = weakref.ref(reader)
        reader.close()
        del reader
        assert kept() is None
    finally:
        gc.enable()
