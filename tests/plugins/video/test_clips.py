"""Which frames a clip consists of, for every layout, and what unusable films do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError

from multigan.data.film import open_film
from multigan.errors import DataError
from multigan.plugins.video.clips import dataset, reels
from multigan.plugins.video.clips.dataset import open_clips
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.clips.reels import FilmReel
from multigan.plugins.video.clips.sources import open_reels


def config(source, **more):
    return VideoData(source=str(source), **{"size": 32, "frames": 4, "held_out": 0, **more})


def numbers(sample):
    """The numbers that `numbered` painted into the frames; a codec may blur them a little."""
    grey = (sample["video"].mean((1, 2, 3)) + 1) * 127.5
    return (grey / 10).round().int().tolist()


def drawn(clips, count=40):
    torch.manual_seed(0)
    return [clips[i % len(clips)] for i in range(count)]


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_windows_of_a_film_at_any_stride(tmp_path, film, name):
    film(tmp_path / "x" / name, 12, size=64)
    clips = open_clips(config(tmp_path, stride=3), labelled=False)
    assert {tuple(numbers(s)) for s in drawn(clips)} == {(i, i + 3, i + 6, i + 9) for i in range(3)}
    assert clips[0]["video"].shape == (4, 3, 32, 32)
    assert clips[0]["times"].tolist() == [0, 1, 2, 3]
    assert clips.rate() == pytest.approx(10 / 3)


def test_films_beyond_the_memory_are_decoded_again_to_the_same_frames(tmp_path, film, monkeypatch):
    film(tmp_path / "a.gif", 9)
    kept, not_kept = (
        open_clips(config(tmp_path, memory=memory), labelled=False) for memory in (1.0, 0.0)
    )
    torch.manual_seed(3)
    one = [kept[0]["video"] for _ in range(5)]
    torch.manual_seed(3)
    other = [not_kept[0]["video"] for _ in range(5)]
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    opened = []
    monkeypatch.setattr(reels, "open_film", lambda path: opened.append(path) or open_film(path))
    kept[0]
    assert not opened
    not_kept[0]
    assert opened


def test_memory_does_not_grow_with_the_data(tmp_path, film):
    for i in range(6):
        film(tmp_path / f"{i}.gif", 8)
    frames_of_two = 2.5 * 8 * 3 * 32 * 32 / 1e9
    clips = open_clips(config(tmp_path, memory=frames_of_two), labelled=False)
    for i in range(6):
        clips[i]
    assert sum(t.numel() for t in clips._kept.values()) == 2 * 8 * 3 * 32 * 32


def test_within_begins_near_the_start_and_says_when(tmp_path, film):
    film(tmp_path / "a.gif", 6)
    clips = open_clips(config(tmp_path, within=9, short="loop"), labelled=False)
    seen = {tuple(s["times"].tolist()): tuple(numbers(s)) for s in drawn(clips)}
    assert seen == {tuple(range(i, i + 4)): tuple(n % 6 for n in range(i, i + 4)) for i in range(6)}


def test_sparse_frames_are_evenly_spread(tmp_path, film):
    film(tmp_path / "a.gif", 9)
    clips = open_clips(config(tmp_path, frames=9), labelled=False, sparse=3)
    seen = {tuple(s["times"].tolist()) for s in drawn(clips)}
    assert seen == {(0, 3, 6), (1, 4, 7), (2, 5, 8)}
    assert all(numbers(s) == s["times"].tolist() for s in drawn(clips, 5))


def test_short_films_hold_or_loop_or_are_refused(tmp_path, film):
    film(tmp_path / "a.gif", 3)
    plain = {
        short: numbers(open_clips(config(tmp_path, short=short), labelled=False).plain(0))
        for short in ("hold", "loop")
    }
    assert plain == {"hold": [0, 1, 2, 2], "loop": [0, 1, 2, 0]}
    with pytest.raises(DataError, match=r"a\.gif: 3 frames, but a clip needs 4; lower data"):
        open_clips(config(tmp_path), labelled=False)[0]


def test_uneven_films_are_evened_out_by_their_times(tmp_path, film):
    path = film(tmp_path / "a.gif", 4, durations=[1, 3, 1, 2])
    reel = FilmReel(path, "", even=10)
    shown = [int(f[0, 0, 0]) // 10 for f in reel.read(range(reel.count()))]
    assert shown == [0, 1, 1, 1, 2, 3, 3]
    assert FilmReel(path, "").count() == 4


def test_a_film_is_read_from_anywhere_and_may_not_shrink_meanwhile(tmp_path, film):
    path = film(tmp_path / "a.mp4", 20, size=64)
    reel = FilmReel(path, "")
    whole = reel.read(range(reel.count()))
    assert len(whole) == 20
    for numbers in ([13, 14], [19], [3, 3, 7]):
        for number, frame in zip(numbers, reel.read(numbers), strict=True):
            assert np.abs(frame.astype(int) - whole[number]).max() <= 2
    film(path, 5, size=64)
    with pytest.raises(DataError, match=r"a\.mp4: frame 13 cannot be decoded any more"):
        reel.read([13])


def test_frame_folders_and_strips(tmp_path):
    for label in ("run", "jump"):
        folder = tmp_path / "frames" / label / "clip"
        folder.mkdir(parents=True)
        for i in range(11):  # frame10 comes after frame9
            Image.new("RGB", (40, 32), (10 * i,) * 3).save(folder / f"frame{i}.png")
        (tmp_path / "strips" / label).mkdir(parents=True)
        strip = np.repeat(10 * np.arange(7, dtype=np.uint8), 32)[None, :, None]
        Image.fromarray(np.broadcast_to(strip, (32, 224, 3)).copy()).save(
            tmp_path / "strips" / label / "a.jpg", quality=100
        )
    for kind, count in (("frames", 11), ("strips", 7)):
        clips = open_clips(config(tmp_path / kind, frames=count), labelled=True)
        assert clips.classes == ("jump", "run") and len(clips) == 2
        assert numbers(clips[1]) == list(range(count))
        assert clips[1]["label"] == 1


def test_sprite_sheets_stand_on_white_and_loop_where_the_layout_says(sheets):
    clips = open_clips(config(sheets, frames=7, short="loop", held_out=4), labelled=True)
    assert clips.classes == ("blink", "walk-left", "walk-right")
    assert len(clips) == 9 * 3 and clips.rate() == 10
    video = clips.plain(0)["video"]
    assert clips.reels[0].label == "walk-left" and torch.equal(video[:, :, 0, 0], torch.ones(7, 3))
    # Five frames, and then from frame 1 on again.
    assert torch.equal(video[5], video[1]) and torch.equal(video[6], video[2])
    assert not torch.equal(video[5], video[0])
    held = {reel.group for reel in open_reels(config(sheets, held_out=4), split="validation")}
    assert sorted(Path(name).stem for name in held) == ["c11", "c3", "c7"]
    actions = open_clips(config(sheets, label="action", short="loop"), labelled=True)
    assert actions.classes == ("blink", "walk")


def test_scenes_move_once_and_splits_differ():
    train = open_clips(config("builtin:scenes", builtin_size=5), labelled=True)
    held = open_clips(config("builtin:scenes", builtin_size=5), labelled=False, split="validation")
    assert not torch.equal(train[0]["video"], held[0]["video"])
    assert all(torch.equal(train[0]["video"], train[0]["video"]) for _ in range(3))


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("cut", "b.gif: "),
        ("empty", "b.gif: "),
        ("text", "b.gif: "),
        ("one frame", "b.gif: 1 frame is no film"),
    ],
)
def test_unusable_films_are_skipped_by_name_or_refused_in_one_line(tmp_path, film, broken, why):
    film(tmp_path / "a.gif", 5)
    bad = film(tmp_path / "b.gif", 1 if broken == "one frame" else 5)
    if broken != "one frame":
        bad.write_bytes({"cut": bad.read_bytes()[:50], "empty": b"", "text": b"hello"}[broken])
    with pytest.raises(DataError, match=why) as told:
        open_clips(config(tmp_path), labelled=False)[1]
    assert "on_error=skip" in str(told.value) and "\n" not in str(told.value)
    clips = open_clips(config(tmp_path, on_error="skip"), labelled=False)
    with pytest.warns(UserWarning, match=f"left out: .*{why}"):
        assert numbers(clips[1]) in ([0, 1, 2, 3], [1, 2, 3, 4])


def test_mistakes_are_told(tmp_path, film, sheets):
    film(tmp_path / "a.gif", 5)
    for wrong, message in (
        (config("nowhere"), "no such file"),
        (config(tmp_path, classes=("run",)), "no class 'run'"),
        (config(sheets, classes=("walk-lft",)), "did you mean 'walk-left'"),
    ):
        with pytest.raises(DataError, match=message):
            open_clips(wrong, labelled=False)
    with pytest.raises(DataError, match="one folder a class"):
        open_clips(config(tmp_path), labelled=True)
    with pytest.raises(DataError, match="none of which is held out"):
        open_clips(config(tmp_path, held_out=5), labelled=False, split="validation")
    (tmp_path / "layout.json").write_text('{"cell": 32, "rows": [{"row": 0}]}', encoding="utf-8")
    with pytest.raises(DataError, match=r"layout\.json: is damaged \('action'\)"):
        open_clips(config(tmp_path), labelled=False)
    with pytest.raises(ValidationError, match="does not fit within"):
        config(tmp_path, within=3)


def test_a_sheet_smaller_than_its_layout_is_refused(sheets, tmp_path):
    (tmp_path / "layout.json").write_text((sheets / "layout.json").read_text())
    Image.new("RGBA", (64, 32)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="row 0: the sheet of 64x32 pixels is smaller"):
        open_clips(config(tmp_path, short="loop"), labelled=False)[0]


def test_unreadable_films_do_not_hide_the_rate(tmp_path, film):
    (tmp_path / "a.gif").write_bytes(b"x")
    film(tmp_path / "b.gif", 5)
    assert open_clips(config(tmp_path), labelled=False).rate() == 10
    assert dataset.USUAL_RATE == 10
