"""Scores of 1,000 pictures with 5 references: all of ours, and ROUGE-L and CIDEr by the book."""

from __future__ import annotations

import itertools
import json
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from multigan.metrics.cider import cider
from multigan.metrics.ptb import ptb_tokens
from multigan.metrics.rouge import rouge_l
from multigan.plugins.captioning.caption_files import read_captions
from multigan.plugins.captioning.scores import accuracy, variety

pytestmark = pytest.mark.benchmark

PICTURES = 1000


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def files(folder: Path) -> list[Path]:
    """Five captions and five references of each picture, of 4,700 words by Zipf's law."""
    source = random.Random(0)
    shares = list(itertools.accumulate(1 / rank for rank in range(1, 4701)))
    words = [f"w{rank}" for rank in range(4700)]

    def caption() -> str:
        length = max(4, round(source.gauss(11.4, 2.5)))
        return " ".join(source.choices(words, cum_weights=shares, k=length)) + "."

    paths = [folder / "results.json", folder / "references.json"]
    for path in paths:
        rows = [
            {"image_id": number, "captions": [caption() for _ in range(5)]}
            for number in range(PICTURES)
        ]
        path.write_text(json.dumps(rows), encoding="utf-8")
    return paths


def slow_rouge(hypotheses: Any, references: Any) -> list[float]:
    """The table of the longest common subsequence, cell by cell."""
    scores = []
    for made, own in zip(hypotheses, references, strict=True):
        commons = []
        for real in own:
            row = [0] * (len(made) + 1)
            for token in real:
                last, row = row, [0]
                for place, other in enumerate(made):
                    best = last[place] + 1 if token == other else max(last[place + 1], row[place])
                    row.append(best)
            commons.append(row[-1])
        precision = max(commons) / len(made)
        recall = max(c / len(real) for c, real in zip(commons, own, strict=True))
        scores.append(2.44 * precision * recall / (recall + 1.44 * precision) if precision else 0.0)
    return scores


def slow_cider(hypotheses: Any, references: Any) -> list[float]:
    """Vectors of weights for each n, as the formula has them."""

    def counts(sentence: list[str], n: int) -> Counter[tuple[str, ...]]:
        return Counter(tuple(sentence[i : i + n]) for i in range(len(sentence) - n + 1))

    pictures: Counter[tuple[str, ...]] = Counter()
    for own in references:
        pictures.update({gram for real in own for n in (1, 2, 3, 4) for gram in counts(real, n)})

    def vector(sentence: list[str], n: int) -> dict[tuple[str, ...], float]:
        return {
            gram: count * (math.log(len(references)) - math.log(max(1, pictures[gram])))
            for gram, count in counts(sentence, n).items()
        }

    scores = []
    for made, own in zip(hypotheses, references, strict=True):
        total = 0.0
        for real in own:
            for n in (1, 2, 3, 4):
                a, b = vector(made, n), vector(real, n)
                scale = math.sqrt(sum(x**2 for x in a.values()) * sum(x**2 for x in b.values()))
                product = sum(min(x, b.get(gram, 0.0)) * b.get(gram, 0.0) for gram, x in a.items())
                closeness = math.exp(-((len(made) - len(real)) ** 2) / 72)
                total += closeness * product / scale if scale else 0.0
        scores.append(10 * total / 4 / len(own))
    return scores


def test_captions_are_scored_in_a_moment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def everything() -> tuple[Any, Any]:
        made, real = (
            [[ptb_tokens(text) for text in said] for said in read_captions(path).values()]
            for path in paths
        )
        accuracy([own[0] for own in made], real)
        variety(made)
        return [own[0] for own in made], real

    paths = files(tmp_path)
    whole, (made, real) = cpu_seconds(everything)
    slow, expected = cpu_seconds(lambda: [slow_rouge(made, real), slow_cider(made, real)])
    fast, found = cpu_seconds(lambda: [rouge_l(made, real), cider(made, real)])
    for values, others in zip(found, expected, strict=True):
        assert values == pytest.approx(others, abs=1e-9)
    with capsys.disabled():
        print(
            f"\n{PICTURES} pictures, 5 captions, 5 references, all scores from raw text: "
            f"{whole:.2f} CPU-s; ROUGE-L and CIDEr {fast:.2f} CPU-s, by the book {slow:.2f} CPU-s, "
            f"{slow / fast:.1f} times as long"
        )
    assert slow / fast >= 1.5
