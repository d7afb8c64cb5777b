"""Metrics, report, provenance: what a run leaves behind beside weights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from multigan.errors import CheckpointError
from multigan.training.phases import Preview
from multigan.training.preview import write_grid, write_preview
from multigan.training.report import write_report
from multigan.training.tracking import Tracker, read_metrics


def test_metrics_after_the_resumed_step_are_dropped(tmp_path: Path) -> None:
    tracker = Tracker(tmp_path)
    for step in range(1, 6):
        tracker.write("train", step, "s", {"loss": step / 2})
    tracker.close()
    with (tmp_path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"kind": "train", "step": 6, "lo')
    assert [entry["step"] for entry in read_metrics(tmp_path / "metrics.jsonl")] == [1, 2, 3, 4, 5]
    tracker = Tracker(tmp_path, step=3)
    tracker.write("train", 4, "s", {"loss": 9.0})
    tracker.close()
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    assert json.loads(lines[-1])["loss"] == 9.0
    Tracker(tmp_path, step=0).close()
    assert read_metrics(tmp_path / "metrics.jsonl") == []


@pytest.mark.parametrize("rubbish", [b"\0" * 40, b"\xff\xfe\n", b"5\n", b'{"step": "x"}\n', b"[\n"])
def test_rubbish_in_metrics_is_passed_over(tmp_path: Path, rubbish: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"kind": "train", "step": 1}\n' + rubbish)
    assert [entry["step"] for entry in read_metrics(path)] == [1]


def test_an_interrupted_run_has_the_numbers_of_a_whole_one(
    cli: Any, fork: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    def cut() -> None:
        import os
        import signal

        from multigan.training.trainer import Trainer

        step = Trainer._step

        def play_then(self: Any) -> None:
            step(self)
            if self.step == 6:
                os.kill(os.getpid(), signal.SIGKILL)

        Trainer._step = play_then  # type: ignore[method-assign]

    command = ("run", toy_recipe, *small, "-o")
    assert fork(*command, tmp_path / "whole").wait() == 0
    assert fork(*command, tmp_path / "cut", before=cut).wait() == -9
    assert fork(*command, tmp_path / "cut", "--resume").wait() == 0
    whole, resumed = ((tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "cut"))
    assert whole == resumed
    starts = json.loads((tmp_path / "cut" / "provenance.json").read_text())["starts"]
    assert len(starts) == 2
    assert "--resume" in starts[1]["command"]
    assert {"started", "command", "versions", "device", "precision", "processes"} <= set(starts[0])
    assert starts[0]["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_report_stands_alone(cli: Any, toy_recipe: Path, small: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("run", toy_recipe, *small, "-o", run).code == 0
    write_preview(Preview(images=torch.rand(4, 3, 8, 8)), run / "samples", 7)
    page = write_report(run).read_text()
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)
    assert not re.search(r'src="(?!data:)', page)
    assert page.count("<polyline") >= 3
    assert 'src="data:image/png;base64,' in page
    assert "batch_size: 16" in page
    assert "radius" in page
    assert "step 8</h3>" in page
    assert (run / "samples" / "step-000008.txt").read_text().splitlines()[0] in page


def test_report_survives_odd_numbers_and_escapes(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("plugin: <b>toy</b>\n")
    (tmp_path / "provenance.json").write_text('{"starts": [')
    tracker = Tracker(tmp_path)
    for step, value in ((1, 1.0), (2, float("nan")), (3, float("inf")), (4, 2.0)):
        tracker.write("train", step, "s", {"g/<i>": value, "d/only-nan": float("nan")})
    tracker.close()
    page = write_report(tmp_path).read_text()
    assert "<b>toy" not in page
    assert "<i>" not in page
    points = re.findall(r'<polyline points="([^"]*)"', page)
    assert all("nan" not in line and "inf" not in line for line in points)
    assert len(points[0].split()) == 2


def test_provenance_tells_data_sets_apart(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    def data(points: int, name: str) -> str:
        assert cli("run", toy_recipe, *small, f"points={points}", "-o", tmp_path / name).code == 0
        starts = json.loads((tmp_path / name / "provenance.json").read_text())["starts"]
        return str(starts[-1]["data"])

    assert data(48, "a") == data(48, "b") != data(49, "c")


def test_report_of_what_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not a run folder"):
        write_report(tmp_path)


def test_a_second_start_needs_resume(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert cli("run", toy_recipe, *small, "-o", run).code == 0
    again = cli("run", toy_recipe, *small, "-o", run)
    assert again.code == 2
    assert "add --resume" in again.err


def test_tensorboard_gets_the_numbers(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert cli("run", toy_recipe, *small, "train.trackers=[tensorboard]", "-o", run).code == 0
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    steps = [event.step for event in events.Scalars("train/generator/adversarial")]
    assert steps == [3, 4, 5, 6, 7, 8]


def test_report_shows_exhibits(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("plugin: toy\n")
    (tmp_path / "exhibits").mkdir()
    write_grid(torch.rand(1, 3, 4, 4), tmp_path / "exhibits/sweep.png")
    exhibit = {
        "title": "A <sweep>",
        "text": "Low is good.",
        "columns": ["model", "score"],
        "rows": [["GAN", 0.123456], ["real", 1]],
        "plot": "sweep.png",
        "files": {"seven.wav": "a seven"},
    }
    (tmp_path / "exhibits/seven.wav").write_bytes(b"RIFF")
    (tmp_path / "exhibits/sweep.json").write_text(json.dumps(exhibit))
    page = write_report(tmp_path).read_text()
    assert "A &lt;sweep&gt;" in page and "<td>0.1235</td>" in page and "<td>1</td>" in page
    assert page.count("data:image/png;base64,") == 1
    assert 'title="a seven" src="data:audio/wav;base64,UklGRg=="' in page


def test_report_plays_sounds_and_films_of_steps_spread_over_the_run(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("plugin: toy\n")
    for step in range(0, 1100, 100):
        files = {"7.wav": b"RIFF", "walk.gif": b"GIF8", "walk.bvh": b"HIERARCHY"}
        written = write_preview(Preview(files=files), tmp_path / "samples", step)
        assert [path.name for path in written] == [f"step-{step:06d}-{name}" for name in files]
    page = write_report(tmp_path).read_text()
    assert page.count("<audio controls") == page.count("data:image/gif") == 6
    assert re.findall(r"<h3>step (\d+)</h3>", page) == ["0", "200", "400", "600", "800", "1000"]
    assert "<p>step-000200-walk.bvh</p>" in page
