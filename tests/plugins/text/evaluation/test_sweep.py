"""The temperature sweep and its exhibit."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from multigan.metrics.bleu import bleu, self_bleu
from multigan.metrics.language_model import LanguageModel, count_words
from multigan.plugins.text.evaluation.sweep import (
    REAL_TEST,
    REAL_TRAIN,
    Matched,
    Row,
    Writer,
    group,
    matched,
    sweep,
)
from multigan.plugins.text.evaluation.sweep_report import write_sweep

WORDS = "abcdefgh"


def unigrams(sharpness: float) -> Writer:
    """Sentences of six words, the earlier of the alphabet likelier, the more so in the cold."""

    def write(count: int, seed: int, temperature: float) -> list[list[str]]:
        source = random.Random(f"{seed} {sharpness}")
        weights = [2 ** (-rank * sharpness / temperature) for rank in range(len(WORDS))]
        return [source.choices(WORDS, weights, k=6) for _ in range(count)]

    return write


REAL = unigrams(1)(120, 7, 1)


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return sweep(
        {"gan": unigrams(1.2), "mle": unigrams(1)},
        references=REAL[:60],
        train=REAL[60:],
        count=40,
        temperatures=(0.5, 1.0, 2.0),
        further={"mle": lambda sample, temperature: {"nll-test": 10 * (temperature or 0)}},
    )


def test_rows_say_what_was_scored(rows: list[Row]) -> None:
    groups = group(rows)
    curves = [(model, t) for model in ("gan", "mle") for t in (0.5, 1.0, 2.0)]
    assert list(groups) == [*curves, (REAL_TRAIN, None), (REAL_TEST, None)]
    assert all([row.seed for row in members] == [0, 1, 2] for members in groups.values())
    assert {row.num_samples for row in rows} == {40}
    assert {row.num_references for row in rows} == {60, 0}
    assert all(("nll-test" in row.scores) == (row.model == "mle") for row in rows)
    # Held-out text has no score against itself.
    assert "bleu-4" not in groups[REAL_TEST, None][0].scores


def test_scores_are_those_of_the_metrics(rows: list[Row]) -> None:
    row = rows[4]
    assert (row.model, row.temperature, row.seed) == ("gan", 1.0, 1)
    sample, references = unigrams(1.2)(40, 1, 1.0), REAL[:60]
    assert row.scores["bleu-4"] == bleu(sample, references, orders=(4,))[4]
    assert row.scores["self-bleu-4"] == self_bleu(sample, orders=(4,))[4]
    size = count_words(REAL)  # all writers know the same words
    assert row.scores["lm"] == LanguageModel(references, vocabulary_size=size).nll(sample)
    assert row.scores["reverse-lm"] == LanguageModel(sample, vocabulary_size=size).nll(references)


def test_cold_is_good_and_monotonous(rows: list[Row]) -> None:
    cold, warm = rows[0].scores, rows[6].scores
    assert cold["lm"] < warm["lm"]
    assert cold["self-bleu-4"] > warm["self-bleu-4"]


def test_unequal_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="60 training sentences"):
        sweep({}, references=REAL[:60], train=REAL[60:], count=61)
    with pytest.raises(ValueError, match="'short' wrote 3 sentences instead of 40"):
        short = {"short": lambda count, seed, temperature: REAL[:3]}
        sweep(short, references=REAL[:60], train=REAL[60:], count=40)
    few = sweep({}, references=REAL[:10], train=REAL[60:], count=40, seeds=(0,))
    assert [row.model for row in few] == [REAL_TRAIN]


def curve(model: str, points: dict[float, tuple[float, float]], *, seed: int = 0) -> list[Row]:
    """Rows whose diversities are all x and whose qualities are all y."""
    return [
        Row(model, t, seed, 9, 9, {"self-bleu-4": x, "reverse-lm": x, "bleu-4": y, "lm": y})
        for t, (x, y) in points.items()
    ]


def test_matched_interpolates() -> None:
    def against(where: float, quality: str) -> Matched | None:
        line = curve("mle", {2.0: (0.2, 0.3), 0.5: (0.8, 0.7), 1.0: (0.4, 0.3)})
        made = [*line, *curve("gan", {1.0: (where, 0.55), 0.5: (0.9, 0.9)})]
        return matched(made, quality=quality, diversity="self-bleu-4", model="gan", baseline="mle")

    # From (0.4, 0.3) to (0.8, 0.7) the line has 0.5 at 0.6.
    found = against(0.6, "bleu-4")
    assert found is not None
    assert found.difference == pytest.approx(0.05)
    assert (found.spread, found.num_seeds) == (0, 1)
    at_end = against(0.8, "bleu-4")
    assert at_end is not None
    assert at_end.difference == pytest.approx(-0.15)
    assert against(0.81, "bleu-4") is None
    assert against(0.19, "bleu-4") is None


def test_matched_takes_the_better_branch_of_a_curve_that_turns_back() -> None:
    turning = {0.5: (0.8, 0.7), 1.0: (0.2, 0.5), 2.0: (0.8, 0.1)}
    made = [*curve("mle", turning), *curve("gan", {1.0: (0.5, 0.6)})]
    names = {"diversity": "self-bleu-4", "model": "gan", "baseline": "mle"}
    high, low = (matched(made, quality=quality, **names) for quality in ("bleu-4", "lm"))
    assert high is not None and high.difference == pytest.approx(0.6 - 0.6)
    assert low is not None and low.difference == pytest.approx(0.6 - 0.3)  # lower is better


def test_matched_pairs_seeds() -> None:
    made = []
    for seed, lift in enumerate((0.1, 0.2, 0.3)):
        made += curve("mle", {0.5: (0.9, lift), 1.0: (0.1, lift)}, seed=seed)
        made += curve("gan", {1.0: (0.5, 2 * lift)}, seed=seed)
    names = {"quality": "bleu-4", "diversity": "self-bleu-4", "model": "gan", "baseline": "mle"}
    found = matched(made, **names)
    assert found is not None
    assert found.difference == pytest.approx(0.2)
    assert found.spread == pytest.approx(0.1)
    with pytest.raises(ValueError, match="'mle' with seed 2"):
        matched([row for row in made if row.model == "gan" or row.seed < 2], **names)
    with pytest.raises(ValueError, match="'seqgan' at temperature 1"):
        matched(made, **{**names, "model": "seqgan"})


def test_the_exhibit(rows: list[Row], tmp_path: Path) -> None:
    from PIL import Image

    paths = write_sweep(rows, tmp_path / "exhibits", compare=("gan", "mle"))
    assert [path.name for path in paths] == ["sweep.json", "sweep.png"]
    exhibit = json.loads(paths[0].read_text(encoding="utf-8"))
    assert exhibit["plot"] == "sweep.png"
    assert {len(row) for row in exhibit["rows"]} == {len(exhibit["columns"])}
    by_name = dict(zip(exhibit["columns"], exhibit["rows"][1], strict=True))
    assert [by_name[name] for name in ("model", "temperature", "seeds", "samples")] == (
        ["gan", 1.0, 3, 40]
    )
    values = [row.scores["bleu-4"] for row in group(rows)["gan", 1.0]]
    assert by_name["bleu-4"].startswith(f"{sum(values) / 3:.4f} ± ")
    assert exhibit["measurements"][4]["scores"] == rows[4].scores
    assert "The bleu-4 of gan at temperature 1, minus that of mle" in exhibit["text"]
    with Image.open(paths[1]) as picture:
        assert picture.size == (1500, 720)
        assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 100


def test_verdicts(tmp_path: Path) -> None:
    def text(*lifts: float, where: float = 0.5) -> str:
        made = []
        for seed, lift in enumerate(lifts):
            made += curve("mle", {0.5: (0.9, 0.3), 1.0: (0.1, 0.3)}, seed=seed)
            made += curve("gan", {1.0: (where, 0.3 + lift)}, seed=seed)
        path, _ = write_sweep(made, tmp_path, compare=("gan", "mle"))
        return json.loads(path.read_text(encoding="utf-8"))["text"]

    of_bleu, of_lm, _ = text(0.1, 0.2, 0.3).split(". ", 2)
    assert "bleu-4 of gan" in of_bleu and "+0.2000 ± 0.1000 over 3 seeds, better" in of_bleu
    assert "lm of gan" in of_lm and "+0.2000 ± 0.1000 over 3 seeds, worse" in of_lm
    assert "no clear difference" in text(-0.1, 0.2, 0.0)
    assert "one seed cannot decide" in text(0.1)
    assert "No verdict on bleu-4: mle reaches" in text(0.1, 0.2, where=0.95)
