"""Sounds of every kind of file, read whole, in parts and as streams."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from multigan.data.audio import (
    read_sound,
    resample,
    sound_info,
    stream_sound,
    trim_silence,
    wav_bytes,
    write_sound,
)
from multigan.errors import DataError


def sweep(rate: int, seconds: float = 1.0) -> np.ndarray:
    """A tone that rises, so that every place in it differs from every other."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * (100 + 200 * time) * time)).astype(np.float32)


def encode(path: Path, samples: np.ndarray, rate: int, codec: str, form: str = "fltp") -> Path:
    """Samples (T,) or (C, T) as a file of another kind than `write_sound` makes."""
    planes = np.atleast_2d(samples)
    scale = {"s16": 2**15 - 1, "s32": 2**31 - 1, "u8": 127}.get(form.rstrip("p"))
    if scale is not None:
        kind = {"s16": np.int16, "s32": np.int32, "u8": np.uint8}[form.rstrip("p")]
        planes = np.rint(planes.astype(np.float64) * scale + (128 if kind is np.uint8 else 0))
        planes = planes.astype(kind)
    planes = planes.astype(np.float64) if form.startswith("dbl") else planes
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(planes)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        for start in range(0, planes.shape[1], 1024):
            part = np.ascontiguousarray(planes[:, start : start + 1024])
            if not form.endswith("p"):
                part = np.ascontiguousarray(part.T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(part, format=form, layout=layout)
            frame.rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "form", "precision"),
    [
        ("pcm_u8", "u8", 1 / 100),
        ("pcm_s16le", "s16", 1e-4),
        ("pcm_s24le", "s32", 1e-6),
        ("pcm_s32le", "s32", 1e-7),
        ("pcm_f32le", "flt", 1e-7),
        ("pcm_f64le", "dbl", 1e-7),
    ],
)
def test_wav_of_every_depth(tmp_path, codec, form, precision):
    given = sweep(16_000)
    given[0], given[1] = -1, 0.999  # the ends of the scale
    sound = read_sound(encode(tmp_path / "a.wav", given, 16_000, codec, form))
    assert sound.rate == 16_000 and sound.samples.dtype == np.float32
    np.testing.assert_allclose(sound.samples, given, atol=precision)


def test_channels_are_averaged(tmp_path):
    left, right = sweep(8000), np.full(8000, 0.25, dtype=np.float32)
    path = encode(tmp_path / "a.wav", np.stack([left, right]), 8000, "pcm_f32le", "flt")
    assert sound_info(path).channels == 2
    np.testing.assert_allclose(read_sound(path).samples, (left + right) / 2, atol=1e-6)
    six = np.stack([left * k for k in (1, 0, 0.5, 0, 0, 0)])
    path = encode(tmp_path / "b.wav", six, 8000, "pcm_f32le", "flt")
    np.testing.assert_allclose(read_sound(path).samples, left / 4, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "codec", "form", "rate"),
    [
        ("a.flac", "flac", "s16", 44_100),
        ("a.mp3", "libmp3lame", "fltp", 22_050),
        ("a.opus", "libopus", "flt", 48_000),
        ("a.ogg", "libopus", "flt", 48_000),
        ("a.m4a", "aac", "fltp", 44_100),
        ("a.aac", "aac", "fltp", 16_000),
        ("a.mka", "pcm_s16le", "s16", 16_000),
        ("a.wav", "pcm_s16le", "s16", 192_000),
    ],
)
def test_parts_are_what_the_whole_has_there(tmp_path, name, codec, form, rate):
    given = sweep(rate, 2.0)
    path = encode(tmp_path / name, given, rate, codec, form)
    whole = read_sound(path)
    info = sound_info(path)
    assert info.rate == whole.rate == rate and info.duration == pytest.approx(2.0, abs=0.2)
    # Compressed files may begin a little late; then they hold what they were given.
    shift = max(range(0, 2200, 4), key=lambda k: float(whole.samples[k : k + 9000] @ given[:9000]))
    near = whole.samples[shift + 9000 : shift + 20_000]
    assert np.abs(near - given[9000:20_000]).max() < 0.05
    for start in (0.37, 1.13):
        part = read_sound(path, start=start, duration=0.25).samples
        first = round(start * rate)
        expected = whole.samples[first : first + round(0.25 * rate)]
        np.testing.assert_allclose(part, expected, atol=0.03 if name == "a.mka" else 2e-4)


def test_resampling_is_band_limited_and_keeps_time():
    for source, target in ((44_100, 8000), (8000, 22_050), (192_000, 16_000)):
        given = sweep(source)
        made = resample(given, source, target)
        assert len(made) == target
        edge = target // 20
        np.testing.assert_allclose(made[edge:-edge], sweep(target)[edge:-edge], atol=1e-3)
    whistle = np.sin(2 * np.pi * 6000 * np.arange(48_000) / 48_000)
    assert np.abs(resample(whistle, 48_000, 8000)[100:-100]).max() < 1e-3  # no alias at 2000 Hz
    assert len(resample(np.zeros(0, np.float32), 8000, 16_000)) == 0


def test_a_stream_is_the_whole_in_blocks(tmp_path):
    path = write_sound(tmp_path / "a.wav", sweep(11_025, 2.3), 11_025)
    whole = read_sound(path, rate=8000).samples
    blocks = list(stream_sound(path, rate=8000, block=0.5))
    assert [len(block) for block in blocks[:-1]] == [4000] * (len(blocks) - 1)
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    part = np.concatenate(list(stream_sound(path, start=0.4, duration=1.0, block=0.3)))
    np.testing.assert_array_equal(part, read_sound(path).samples[4410 : 4410 + 11_025])


def test_a_long_sound_costs_the_memory_of_seconds(tmp_path):
    path = tmp_path / "long.wav"
    second = (sweep(8000) * 32768).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        for number in range(1200):
            file.writeframesraw((second // (1 + number % 7)).tobytes())
    assert sound_info(path).duration == 1200
    part = read_sound(path, start=1000.0, duration=0.5).samples
    np.testing.assert_allclose(part, (second // (1 + 1000 % 7))[:4000] / 32768, atol=1e-6)
    # In a process of its own: the peak of this one may be an earlier test's.
    script = f"""
import resource
from multigan.data.audio import stream_sound
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
blocks = stream_sound({str(path)!r}, block=5.0)
next(blocks)
before = peak()
print(40_000 + sum(len(block) for block in blocks), peak() - before)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    total, grown = map(int, done.stdout.split())
    assert total == 1200 * 8000
    assert grown < 5000  # kB; the whole would be 38,000


def test_ten_milliseconds(tmp_path):
    path = write_sound(tmp_path / "a.wav", sweep(8000, 0.01), 8000)
    assert len(read_sound(path).samples) == 80
    assert len(read_sound(path, rate=16_000).samples) == 160
    assert len(trim_silence(read_sound(path).samples, 8000)) == 80


def test_writing_is_exact_and_clips(tmp_path):
    steps = np.array([-32768, -32767, -1, 0, 1, 32766, 32767])
    path = write_sound(tmp_path / "a.wav", steps / 32768, 8000)
    with wave.open(str(path)) as file:
        written = np.frombuffer(file.readframes(99), "<i2")
    assert written.tolist() == steps.tolist()
    assert (read_sound(path).samples * 32768).tolist() == steps.tolist()
    loud = write_sound(path, np.array([1.0, 7.0, -7.0]), 8000)
    np.testing.assert_allclose(read_sound(loud).samples, [1, 1, -1], atol=1e-4)
    stereo = np.stack([np.zeros(5), np.ones(5) / 2], axis=1)
    write_sound(path, stereo, 44_100)
    assert sound_info(path).channels == 2 and sound_info(path).rate == 44_100
    for bad in (np.array([0.0, np.nan]), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="finite"):
            wav_bytes(bad, 8000)
    with pytest.raises(DataError, match=r"end in \.wav"):
        write_sound(tmp_path / "a.mp3", stereo, 8000)


def test_silence_is_trimmed_at_the_ends_only():
    tone = sweep(8000, 0.5)
    gap = np.zeros(4000, np.float32)
    given = np.concatenate([gap, tone, gap, tone, gap])
    kept = trim_silence(given, 8000, keep=0.05)
    assert abs(len(kept) - (3 * 4000 + 2 * 400)) <= 160
    np.testing.assert_array_equal(trim_silence(tone, 8000), tone)
    hiss = 0.001 * np.random.default_rng(0).normal(size=len(given)).astype(np.float32)
    assert abs(len(trim_silence(given + hiss, 8000, keep=0.05)) - len(kept)) <= 160
    assert len(trim_silence(given + hiss, 8000, threshold_db=-80)) == len(given)
    np.testing.assert_array_equal(trim_silence(gap, 8000), gap)  # nothing to go by


def test_what_is_no_sound_is_told_in_one_line(tmp_path):
    video = tmp_path / "film.mp4"
    with av.open(str(video), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for _ in range(3):
            picture = np.zeros((32, 32, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    (tmp_path / "text.wav").write_text("this is no sound\n" * 50)
    (tmp_path / "empty.wav").write_bytes(b"")
    good = wav_bytes(sweep(8000), 8000)
    (tmp_path / "head.wav").write_bytes(good[:44])
    (tmp_path / "stub.flac").write_bytes(b"fLaC" + bytes(50))
    (tmp_path / "rate.wav").write_bytes(good[:24] + b"\xff\xff\xff\x7f" + good[28:])
    nan = np.full(500, np.nan, np.float32)
    encode(tmp_path / "nan.wav", nan, 8000, "pcm_f32le", "flt")
    cases = {
        "film.mp4": "no sound in it",
        "text.wav": "not a sound",
        "empty.wav": "is empty",
        "head.wav": "no sound in it",
        "stub.flac": "damaged",
        "rate.wav": "damaged: 2147483647 samples a second",
        "nan.wav": "not finite",
        "none.wav": "no such file",
        ".": "is not a file",
    }
    for name, match in cases.items():
        with pytest.raises(DataError, match=match) as caught:
            read_sound(tmp_path / name)
        assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)
    (tmp_path / "cut.wav").write_bytes(good[:8044])
    assert len(read_sound(tmp_path / "cut.wav").samples) == 4000  # what is there is given
    with pytest.raises(DataError, match="no sound in it after 9 s"):
        read_sound(tmp_path / "cut.wav", start=9.0)


def test_damage_in_the_middle_is_passed_over(tmp_path):
    path = encode(tmp_path / "a.mp3", sweep(22_050, 4.0), 22_050, "libmp3lame")
    whole = read_sound(path).samples
    content = bytearray(path.read_bytes())
    content[9000:9600] = bytes(600)
    path.write_bytes(content)
    found = read_sound(path).samples
    assert 0.9 * len(whole) < len(found) <= len(whole)
    np.testing.assert_allclose(found[:20_000], whole[:20_000], atol=1e-3)
    content[2000:] = bytes(len(content) - 2000)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|no sound"):
        read_sound(path, start=2.0)
