"""``multigan score captions``."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from multigan.metrics.ptb import ptb_tokens
from multigan.plugins.captioning.scores import accuracy, variety

REAL = {
    1: ["A red dog runs home.", "The dog's running!"],
    2: ["A blue cat sleeps.", "There is a cat, asleep."],
    3: ["Two birds on a black/white wire", "birds sit on wires"],
}
FAKE = {
    1: ["a red dog runs", "the red dog sleeps"],
    2: ["a cat sleeps.", "a cat runs home"],
    3: ["two birds on a wire", "two dogs"],
}


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.fixture
def references(tmp_path: Path) -> Path:
    rows = [{"image_id": name, "refs": said} for name, said in REAL.items()]
    return write(tmp_path / "references.json", rows)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    rows = [{"image_id": name, "caption": said[0]} for name, said in FAKE.items()]
    return write(tmp_path / "results.json", rows)


@pytest.fixture
def several(tmp_path: Path) -> Path:
    rows = [
        {"image_id": n, "caption": text} for i in (0, 1) for n, s in FAKE.items() for text in [s[i]]
    ]
    return write(tmp_path / "several.json", rows)


def scores(cli: Any, *words: str | Path) -> dict[str, Any]:
    shown = cli("score", "captions", *words, "--json")
    assert shown.code == 0, shown.err
    return json.loads(shown.out)


def test_every_number(cli: Any, results: Path, references: Path) -> None:
    found = scores(cli, results, "--references", references)
    made = [ptb_tokens(said[0]) for said in FAKE.values()]
    real = [[ptb_tokens(text) for text in said] for said in REAL.values()]
    expected = accuracy(made, real) | {"vocabulary": 10}
    assert {name: found[name] for name in expected} == expected
    assert list(expected)[:6] == ["bleu-1", "bleu-2", "bleu-3", "bleu-4", "rouge-l", "cider"]
    assert found["cider-d"] == found["cider"]
    assert found["counts"] == {"images": 3, "captions": 3, "references": 6, "empty": 0}
    assert found["tokenizer"] == "ptb"
    assert set(found) == set(expected) | {"counts", "tokenizer", "protocol"}


def test_of_several_captions_the_first_is_scored_and_all_are_compared(
    cli: Any, results: Path, several: Path, references: Path
) -> None:
    one = scores(cli, results, "--references", references)
    all_of_them = scores(cli, several, "--references", references, "--train", results)
    assert {name: all_of_them[name] for name in one if "-" in name} == {
        name: value for name, value in one.items() if "-" in name
    }
    made = [[ptb_tokens(text) for text in said] for said in FAKE.values()]
    expected = variety(made, train=[own[0] for own in made])
    assert {"div-1", "div-2", "mbleu-4", "vocabulary", "novelty"} == set(expected)
    assert {name: all_of_them[name] for name in expected} == expected
    assert expected["novelty"] == 0.5
    assert all_of_them["counts"]["captions"] == 6


def test_formats_of_files(cli: Any, several: Path, references: Path, tmp_path: Path) -> None:
    expected = scores(cli, several, "--references", references)
    coco = {
        "images": [{"id": 1}],
        "annotations": [
            {"image_id": n, "id": 7, "caption": text} for n, said in REAL.items() for text in said
        ],
    }
    lines = tmp_path / "results.jsonl"
    rows = [{"file_name": str(name), "captions": said} for name, said in FAKE.items()]
    lines.write_text("\n".join(json.dumps(row) for row in reversed(rows)) + "\n", "utf-8-sig")
    found = scores(cli, lines, "--references", write(tmp_path / "coco.json", coco))
    assert found.pop("counts") == expected.pop("counts")
    assert found.keys() == expected.keys()
    for name, value in expected.items():  # another order of pictures, another rounding
        assert found[name] == (value if isinstance(value, str) else pytest.approx(value))


def test_tokenizers(cli: Any, results: Path, references: Path) -> None:
    plain = scores(cli, results, "--references", references, "--tokenizer", "none")
    assert plain["tokenizer"] == "none"
    made = [said[0].split() for said in FAKE.values()]
    real = [[text.split() for text in said] for said in REAL.values()]
    assert plain["bleu-1"] == accuracy(made, real)["bleu-1"]
    assert plain["bleu-1"] < scores(cli, results, "--references", references)["bleu-1"]


def test_a_choice_of_metrics_and_of_pictures(cli: Any, references: Path, tmp_path: Path) -> None:
    some = write(tmp_path / "some.json", [{"image_id": 2, "caption": "a blue cat"}])
    failed = cli("score", "captions", some, "--references", references)
    assert failed.code == 2
    assert "2 of the 3 images" in failed.err and "the first is 1" in failed.err
    words = (some, "--references", references, "--subset", "--metrics", "cider, rouge-l")
    found = scores(cli, *words)
    assert {name for name, value in found.items() if isinstance(value, float)} == {
        "rouge-l", "cider", "cider-d",
    }  # fmt: skip
    assert found["cider"] == 0
    assert found["counts"]["references"] == 2
    assert "of one picture it is 0" in cli("score", "captions", *words).out


def test_the_table(cli: Any, references: Path, tmp_path: Path) -> None:
    rows = [{"image_id": n, "caption": said[0] if n > 1 else "..."} for n, said in FAKE.items()]
    shown = cli("score", "captions", write(tmp_path / "r.json", rows), "--references", references)
    assert "\nvocabulary  7\n" in shown.out
    assert "3 images, 3 captions, 6 references" in shown.out
    assert "1 of 3 captions are without words" in shown.out
    assert "tokenizer ptb. coco-caption's" in shown.out


def test_mistakes_are_told_in_one_line(cli: Any, references: Path, tmp_path: Path) -> None:
    def message(content: Any, *words: str | Path) -> str:
        path = tmp_path / "given.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
        failed = cli("score", "captions", path, "--references", references, *words)
        assert failed.code == 2, failed.out
        assert failed.err.startswith("error: ")
        assert len(failed.err.splitlines()) == 1
        return failed.err

    good = [{"image_id": name, "caption": said[0]} for name, said in FAKE.items()]
    assert "not JSON" in message("[{")
    assert "not JSON" in message("")
    (tmp_path / "lines.jsonl").write_text("\n[1\n")
    assert "lines.jsonl:2: not JSON" in message(good, "--train", tmp_path / "lines.jsonl")
    assert "no captions in it" in message([])
    assert "no captions in it" in message({"images": []})
    assert "entry 1 is no object" in message(["a cat"])
    assert "entry 2 names no image" in message([good[0], {"caption": "a cat"}])
    assert "names no image" in message([{"image_id": None, "caption": "a cat"}])
    assert "image 1) needs a text in 'caption'" in message([{"image_id": 1, "text": "a cat"}])
    assert "needs a list of texts in 'refs'" in message([{"image_id": 1, "refs": "a cat"}])
    assert "image 2 has an empty caption" in message([good[0], {"image_id": 2, "caption": " "}])
    assert "image 1 has an empty caption" in message([{"image_id": 1, "captions": []}])
    twice = [{"image_id": 1, "captions": ["a"]}, {"image_id": 1, "captions": ["b"]}]
    assert "image 1 stands there twice" in message(twice)
    assert "1 of 4 images have no references" in message([*good, {"image_id": 9, "caption": "a"}])
    assert "image 1 has 2 captions, image 2 has 1; give as many of each" in message(
        [good[0], *good]
    )
    assert "did you mean 'bleu'" in message(good, "--metrics", "blue")
    assert "at least one metric" in message(good, "--metrics", ",")
    assert "no such file" in message(good, "--train", tmp_path / "missing.json")
    assert "cannot be read" in message(good, "--train", tmp_path)
    assert "no captions in it" in message(good, "--train", write(tmp_path / "no.json", []))


def test_what_java_scores_is_refused_without_it(
    cli: Any, results: Path, references: Path, tmp_path: Path, importable: Any, monkeypatch: Any
) -> None:
    def message(name: str) -> str:
        failed = cli("score", "captions", results, "--references", references, "--metrics", name)
        assert failed.code == 2
        assert len(failed.err.splitlines()) == 1
        return failed.err

    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "pip install pycocoevalcap" in message("meteor")
    monkeypatch.undo()
    package = tmp_path / "site" / "pycocoevalcap"
    (package / "meteor").mkdir(parents=True)
    (package / "meteor" / "meteor.py").write_text(
        "import os, threading\n"
        "class Meteor:\n"
        "    def __init__(self):\n"
        "        self.lock = threading.Lock()\n"
        "    def compute_score(self, gts, res):\n"
        "        print('not for the reader')\n"
        "        assert gts[0][1] == \"the dog 's running\" and res[0] == ['a red dog runs']\n"
        "        self.lock.acquire()\n"
        "        value = float(os.environ['METEOR_SAYS'])\n"
        "        self.lock.release()\n"
        "        return value, []\n"
        "    def __del__(self):\n"
        "        assert self.lock.acquire(timeout=5)\n"
    )
    monkeypatch.setenv("PATH", str(tmp_path))
    with importable(tmp_path / "site"):
        assert "install a Java runtime" in message("meteor")
        (tmp_path / "java").write_text("#!/bin/sh\n")
        (tmp_path / "java").chmod(0o755)
        assert "models that pycocoevalcap downloads" in message("spice")
        monkeypatch.setenv("METEOR_SAYS", "nothing")
        assert "meteor did not run" in message("meteor")
        monkeypatch.setenv("METEOR_SAYS", "0.25")
        words = (results, "--references", references, "--metrics", "meteor")
        assert scores(cli, *words)["meteor"] == 0.25


def test_scoring_imports_no_torch(several: Path, references: Path) -> None:
    script = (
        "import sys\n"
        f"sys.argv = ['multigan', 'score', 'captions', {str(several)!r}, '--references', "
        f"{str(references)!r}]\n"
        "from multigan.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('loaded', [name for name in ('torch', 'numpy', 'nltk') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "loaded []", done.stdout + done.stderr
