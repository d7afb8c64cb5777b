"""Folders of sounds as clips: classes, parts of long sounds, what is held out."""

from __future__ import annotations

import av
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from multigan.data.audio import read_sound, write_sound
from multigan.errors import DataError
from multigan.plugins.audio.data import clips as module
from multigan.plugins.audio.data.clips import Clips, FixedClips, open_clips
from multigan.plugins.audio.data.synthetic import KINDS, synthesise
from multigan.plugins.audio.recipe import SoundData


def ramp(samples, level=0.5):
    """A sound whose every sample tells where it stands."""
    return np.linspace(level / 2, level, samples, dtype=np.float32)


def write(path, samples, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_sound(path, samples, rate)


def data(source, **rest):
    return SoundData(**{"source": str(source), "length": 1000, "trim": False, **rest})


def test_folders_are_classes_and_a_share_is_held_out(tmp_path):
    for number in range(20):
        write(tmp_path / "yes" / f"{number}.wav", ramp(500))
        if number < 10:
            write(tmp_path / "no" / "below" / f"{number}.wav", ramp(500))
    config = data(tmp_path, labels="folder", share_held_out=0.2)
    train, held = open_clips(config), open_clips(config, "validation")
    assert train.classes == held.classes == ("no", "yes")
    assert (len(train), len(held)) == (24, 6)
    assert not set(train.names) & set(held.names)
    assert sorted(held.source.labels) == [0, 0, 1, 1, 1, 1]
    for clips in (train, held):
        for name, label in zip(clips.names, clips.source.labels, strict=True):
            assert f"/{clips.classes[label]}/" in name
    whole = open_clips(data(tmp_path, share_held_out=0.0))
    assert len(whole) == 30 and whole.classes == () and int(whole[3]["label"]) == 0
    with pytest.raises(DataError, match="too few sounds to hold some out"):
        open_clips(data(tmp_path, share_held_out=0.0), "validation")
    with pytest.raises(DataError, match="leaves no sound to train on"):
        open_clips(data(tmp_path, share_held_out=1.0))


def test_names_are_classes_and_a_pattern_holds_out(tmp_path):
    for digit in (0, 3, 10):
        for take in range(12):
            write(tmp_path / f"{digit}_ann_{take}.wav", ramp(100))
    config = data(tmp_path, labels=r"^(\d+)_", held_out=r"_[5-9]\.wav$")
    train, held = open_clips(config), open_clips(config, "validation")
    assert train.classes == ("0", "3", "10")  # in natural order
    assert (len(train), len(held)) == (21, 15)
    assert not set(train.names) & set(held.names)
    write(tmp_path / "noise.wav", ramp(100))
    with pytest.raises(DataError, match=r"noise.wav: data.labels '\^\(\\d\+\)_' finds no class"):
        open_clips(config)
    with pytest.raises(DataError, match="lies in no folder of a class"):
        open_clips(data(tmp_path, labels="folder"))
    with pytest.raises(DataError, match=r"no file name matches data\.held_out 'z'"):
        open_clips(data(tmp_path, held_out="z"), "validation")
    for wrong in ("(", r"\d", "(a)(b)"):
        with pytest.raises(ValidationError, match=r"regular expression|one around the class"):
            data(tmp_path, labels=wrong)


def test_split_folders(tmp_path):
    for split, kinds in (("train", "ab"), ("test", "b")):
        for kind in kinds:
            write(tmp_path / split / kind / "1.wav", ramp(100))
    config = data(tmp_path, labels="folder")
    train, held = open_clips(config), open_clips(config, "validation")
    assert train.classes == held.classes == ("a", "b")
    assert held.source.labels == [1]  # as the training part numbers it
    write(tmp_path / "test" / "c" / "1.wav", ramp(100))
    with pytest.raises(DataError, match="no training sound of the class 'c'"):
        open_clips(config, "validation")


def test_short_ones_are_padded_and_long_ones_cropped(tmp_path):
    short, long = ramp(300), ramp(5000)
    write(tmp_path / "a.wav", short)
    write(tmp_path / "b.wav", long)
    fixed = open_clips(data(tmp_path, crop="centre", share_held_out=0.0))
    assert isinstance(fixed, FixedClips)
    batch = fixed.batch(torch.tensor([1, 0]))
    assert batch["waveform"].shape == (2, 1000) and batch["label"].tolist() == [0, 0]
    assert batch["waveform"].dtype == torch.float32
    np.testing.assert_allclose(batch["waveform"][0], long[2000:3000], atol=1e-4)
    np.testing.assert_allclose(batch["waveform"][1, :300], short, atol=1e-4)
    assert batch["waveform"][1, 300:].abs().max() == 0

    clips = open_clips(data(tmp_path, share_held_out=0.0))
    assert not hasattr(clips, "batch")  # each sample draws for itself
    starts = set()
    for seed in range(30):
        torch.manual_seed(seed)
        clip = clips[1]["waveform"].numpy()
        start = int(np.abs(long - clip[0]).argmin())
        np.testing.assert_allclose(clip, long[start : start + 1000], atol=1e-4)
        starts.add(start)
        torch.manual_seed(seed)
        np.testing.assert_array_equal(clips[1]["waveform"], clip)
    assert min(starts) < 800 and max(starts) > 3200 and len(starts) > 25


def test_of_long_sounds_only_a_part_is_read(tmp_path, monkeypatch):
    long = np.concatenate([np.zeros(160_000), ramp(100_000), np.zeros(60_000)]).astype(np.float32)
    path = write(tmp_path / "a.wav", long)
    asked = []

    def read(name, *, rate, start=0.0, duration=None):
        asked.append(duration)
        return read_sound(name, rate=rate, start=start, duration=duration)

    monkeypatch.setattr(module, "read_sound", read)
    clips = open_clips(data(path, trim=True))
    loud = 0
    for seed in range(20):
        torch.manual_seed(seed)
        loud += bool(clips[0]["waveform"].abs().max() > 0.1)
    assert set(asked) == {1000 / 8000}
    assert loud >= 18  # silent parts are drawn anew, though two thirds of the sound are silent
    centre = open_clips(data(path, crop="centre"))[0]["waveform"]
    np.testing.assert_allclose(centre, long[159_500:160_500], atol=1e-4)
    resampled = open_clips(data(path, crop="centre", rate=16_000))[0]["waveform"]
    assert resampled.shape == (1000,)


def test_a_long_sound_that_is_cut_short(tmp_path):
    path = tmp_path / "a.flac"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=8000, layout="mono")
        noise = np.random.default_rng(0).integers(-9000, 9000, (1, 320_000), dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
    clips = open_clips(data(path))
    assert module.sound_info(path).duration == 40  # as the header says
    for seed in range(10):
        torch.manual_seed(seed)
        assert clips[0]["waveform"].abs().max() > 0.2


def test_rate_trim_and_normalise(tmp_path):
    tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(8000) / 16_000)).astype(np.float32)
    write(tmp_path / "a.wav", np.concatenate([np.zeros(9000, np.float32), tone]), 16_000)
    plain = open_clips(data(tmp_path, crop="centre", length=4000, trim=True, share_held_out=0))
    clip = plain[0]["waveform"].numpy()
    expected = 0.1 * np.sin(2 * np.pi * 440 * np.arange(4000) / 8000)
    first = int(np.flatnonzero(np.abs(clip) > 0.01)[0])
    assert first < 300  # of 4500 silent samples at the new rate
    shift = np.argmax([clip[k : k + 3000] @ expected[:3000] for k in range(400)])
    np.testing.assert_allclose(clip[shift + 50 : 3500], expected[50 : 3500 - shift], atol=5e-3)
    loud = open_clips(data(tmp_path, crop="centre", trim=True, normalise=True, share_held_out=0))
    assert float(loud[0]["waveform"].abs().max()) == pytest.approx(0.95)
    write(tmp_path / "a.wav", np.zeros(2000))
    silent = open_clips(data(tmp_path, crop="centre", normalise=True, share_held_out=0))
    assert silent[0]["waveform"].abs().max() == 0


def test_memory_is_limited(tmp_path):
    for number in range(4):
        write(tmp_path / f"{number}.wav", ramp(1000))
    clips = open_clips(data(tmp_path, memory=8e-6, share_held_out=0))  # two of them
    for number in range(4):
        clips[number]
    assert len(clips._kept) == 2


def test_broken_files(tmp_path):
    for number in range(3):
        write(tmp_path / f"{number}.wav", ramp(1000, level=0.1 * (number + 1)))
    (tmp_path / "1.wav").write_text("no sound")
    with pytest.raises(DataError, match=r"1\.wav: .*; or leave such files out with data.on_error"):
        open_clips(data(tmp_path, share_held_out=0))[1]
    skipping = open_clips(data(tmp_path, on_error="skip", share_held_out=0))
    with pytest.warns(UserWarning, match=r"left out: .*1\.wav"):
        found = skipping[1]["waveform"]
    np.testing.assert_allclose(found.max(), 0.3, atol=1e-3)  # the next one
    assert skipping.skipped == {1}
    for number in (0, 2):
        (tmp_path / f"{number}.wav").write_text("no sound")
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(DataError, match="neither this sound nor any other"),
    ):
        open_clips(data(tmp_path, on_error="skip", share_held_out=0))[0]
    for wrong, match in (("none", "no such file"), ("builtin:x", "no such built-in sounds")):
        with pytest.raises(DataError, match=match):
            open_clips(SoundData(source=wrong))


def test_built_in_sounds():
    clips = open_clips(SoundData(labels="folder", length=4000, builtin_size=30))
    assert isinstance(clips, Clips) and clips.classes == KINDS and len(clips) == 30
    batch = clips.batch(torch.arange(30))  # type: ignore[attr-defined]
    assert batch["label"].tolist() == [i % 5 for i in range(30)]
    waves = batch["waveform"]
    assert waves.shape == (30, 4000) and waves.isfinite().all()
    peaks = waves.abs().amax(1)
    assert peaks.min() > 0.6 and peaks.max() < 0.91
    torch.testing.assert_close(clips[7]["waveform"], waves[7])
    held = open_clips(SoundData(labels="folder", length=4000, builtin_size=300), "validation")
    assert len(held) == 30
    both = torch.cat([waves, held.batch(torch.arange(30))["waveform"]])  # type: ignore[attr-defined]
    assert len(both.unique(dim=0)) == 60
    assert open_clips(SoundData()).classes == ()
    with pytest.raises(DataError, match="has no file names"):
        open_clips(SoundData(labels="^(a)"))


def test_kinds_sound_as_they_are_called():
    def centroid(sound):
        power = np.abs(np.fft.rfft(sound)) ** 2
        return float((power * np.arange(len(power))).sum() / power.sum() / len(power))

    places = np.array(
        [[centroid(synthesise(5 * i + k, rate=8000, length=8192)[0]) for i in range(20)]
         for k in range(5)]
    )  # fmt: skip
    pluck, kick, snare, hat, tone = np.median(places, axis=1)
    assert kick < 0.03 < tone < 0.3 and pluck < 0.3 and snare > tone and hat > 0.6 > snare
    one, kind = synthesise(0, rate=22_050, length=22_050)
    assert KINDS[kind] == "pluck" and one.dtype == np.float32
    quarter = len(one) // 4
    assert np.square(one[:quarter]).sum() > 2 * np.square(one[-quarter:]).sum()  # it dies away
