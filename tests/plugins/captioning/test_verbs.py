from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from multigan.data.media import write_image
from multigan.data.scenes import render, scene


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for i in range(3):
        write_image(render(scene(i), 40), folder / f"{i}.png")
    return folder


def test_files_and_folders(cli: Any, small_run: Path, photos: Path) -> None:
    shown = cli("caption", photos / "1.png", photos, "--model", small_run, "-n", 2)
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert len(lines) == 8 and lines[:2] == lines[4:6]
    assert lines[0].startswith(f"{photos / '1.png'}: ")


def test_json_and_a_file_that_the_scores_read(
    cli: Any, small_run: Path, photos: Path, tmp_path: Path
) -> None:
    output = tmp_path / "captions.jsonl"
    shown = cli(
        "caption", photos, "--model", small_run, "-n", 2, "--beam", 3, "--json", "-o", output
    )
    rows = [json.loads(line) for line in shown.out.splitlines()]
    assert [Path(row["file_name"]).name for row in rows] == ["0.png", "1.png", "2.png"]
    assert all(len(row["captions"]) == 2 for row in rows)
    assert [json.loads(line) for line in output.read_text().splitlines()] == rows
    references = tmp_path / "references.json"
    refs = [{"image_id": row["file_name"], "refs": ["there is a red circle"]} for row in rows]
    references.write_text(json.dumps(refs), encoding="utf-8")
    scored = cli("score", "captions", output, "--references", references, "--json")
    assert scored.code == 0 and "div-2" in json.loads(scored.out)


def test_a_corrupt_picture_is_one_line_and_the_rest_goes_on(
    cli: Any, small_run: Path, photos: Path
) -> None:
    (photos / "1.png").write_bytes((photos / "1.png").read_bytes()[:90])
    shown = cli("caption", photos, photos / "no.png", "--model", small_run)
    assert shown.code == 2
    assert len(shown.out.splitlines()) == 2
    problems = shown.err.splitlines()
    assert len(problems) == 2 and all(line.startswith("error: ") for line in problems)
    assert "1.png" in problems[0] and "no.png: no such file" in problems[1]


def test_choosing_among_captions(cli: Any, small_run: Path, photos: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.txt"
    known.write_text("there is a red circle\n\nwe see two stars\n", encoding="utf-8")
    shown = cli("caption", photos, "--model", small_run, "--choose", known)
    assert shown.code == 0 and len(shown.out.splitlines()) == 3
    assert all(
        line.endswith(("there is a red circle", "we see two stars"))
        for line in shown.out.splitlines()
    )


def test_mistakes(cli: Any, small_run: Path, photos: Path, tmp_path: Path) -> None:
    assert "cannot find 3 captions" in cli("caption", photos, "-n", 3, "--beam", 2).err
    assert "does not exist" in cli("caption", photos, "-o", tmp_path / "no" / "x.jsonl").err
    assert "model of another kind" in cli("caption", photos, "--model", "text-en").err
    empty = tmp_path / "empty"
    empty.mkdir()
    shown = cli("caption", empty, "--model", small_run)
    assert shown.code == 2 and "no pictures in it" in shown.err


def test_huge_and_tiny_pictures(cli: Any, small_run: Path, tmp_path: Path) -> None:
    write_image(np.zeros((1, 1, 3), np.uint8), tmp_path / "tiny.png")
    write_image(np.zeros((3000, 4000, 3), np.uint8), tmp_path / "huge.jpg")
    shown = cli("caption", tmp_path, "--model", small_run)
    assert shown.code == 0 and len(shown.out.splitlines()) == 2
