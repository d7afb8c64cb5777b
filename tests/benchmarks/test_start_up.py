"""How long one waits for ``multigan --help``, as a ratio to what Python itself takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.benchmark

ROOT = Path(__file__).parent.parent.parent


def seconds(*words: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - started


def test_help_is_quick(capsys: pytest.CaptureFixture[str]) -> None:
    rounds = [
        (seconds("-m", "multigan", "--help"), seconds("-c", "pass"), seconds("-c", "import torch"))
        for _ in range(7)
    ]
    shown, bare, torch = (statistics.median(column) for column in zip(*rounds, strict=True))
    with capsys.disabled():
        print(
            f"\nmultigan --help: {shown:.2f} s; python: {bare:.2f} s; import torch: {torch:.2f} s"
        )
    assert shown < 0.5 * torch
