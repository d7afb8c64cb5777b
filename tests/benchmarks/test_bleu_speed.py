"""BLEU against 10,000 references: ours against nltk's, a hypothesis at a time, and in whole."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from multigan.metrics.bleu import bleu, self_bleu

pytestmark = pytest.mark.benchmark

ORDERS = (2, 3, 4, 5)
NLTK_HYPOTHESES = 4


def cpu_seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def captions(number: int, seed: int) -> list[list[str]]:
    """Sentences as long as captions, of 4,700 words as frequent as Zipf's law says."""
    source = random.Random(seed)
    weights = [1 / rank for rank in range(1, 4701)]
    words = [str(rank) for rank in range(4700)]
    lengths = (max(4, round(source.gauss(11.4, 2.5))) for _ in range(number))
    return [source.choices(words, weights, k=length) for length in lengths]


def test_bleu_is_hundreds_of_times_faster_than_nltk(capsys: pytest.CaptureFixture[str]) -> None:
    nltk = pytest.importorskip("nltk.translate.bleu_score")
    method = nltk.SmoothingFunction().method1
    hypotheses, references = captions(1000, 0), captions(10_000, 1)

    def theirs(n: int) -> float:
        weights = (1 / n,) * n
        return sum(
            nltk.sentence_bleu(references, each, weights, smoothing_function=method)
            for each in hypotheses[:NLTK_HYPOTHESES]
        )

    slow, expected = cpu_seconds(lambda: [theirs(n) / NLTK_HYPOTHESES for n in ORDERS])
    fast, _ = cpu_seconds(lambda: bleu(hypotheses, references, orders=ORDERS))
    own, _ = cpu_seconds(lambda: self_bleu(references, orders=ORDERS))
    few = bleu(hypotheses[:NLTK_HYPOTHESES], references, orders=ORDERS)
    assert list(few.values()) == pytest.approx(expected, abs=1e-9)
    ratio = slow / NLTK_HYPOTHESES / (fast / len(hypotheses))
    with capsys.disabled():
        print(
            f"\nBLEU-2..5 of 1,000 against 10,000: {fast:.2f} CPU-s; nltk takes "
            f"{slow / NLTK_HYPOTHESES:.2f} CPU-s for one, {ratio:.0f} times as long; "
            f"self-BLEU-2..5 of 10,000: {own:.2f} CPU-s"
        )
    assert ratio >= 300
