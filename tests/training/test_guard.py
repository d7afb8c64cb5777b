from __future__ import annotations

from pathlib import Path

import pytest
import torch

from multigan.errors import DivergenceError
from multigan.training.console import ConsoleWatcher
from multigan.training.guard import Guard, collapse_warning
from multigan.training.phases import Preview
from multigan.training.run import Run
from multigan.training.tracking import Tracker

NAN, GOOD = torch.tensor(float("nan")), torch.tensor(1.0)


def test_names_the_term_that_broke() -> None:
    guard = Guard(3)
    for _ in range(3):
        guard.watch("critic", {"adversarial": GOOD, "penalty": NAN}, NAN)
        guard.watch("generator", {"adversarial": GOOD}, GOOD)
    with pytest.raises(DivergenceError, match=r"loss 'critic/penalty' .* for 3 updates in a row"):
        guard.check()


def test_names_the_phase_whose_gradient_broke() -> None:
    guard = Guard(2)
    for _ in range(2):
        guard.watch("critic", {"adversarial": GOOD}, torch.tensor(float("inf")))
    with pytest.raises(DivergenceError, match="the gradient of phase 'critic'"):
        guard.check()


def test_a_streak_that_ended_before_it_was_read_counts() -> None:
    guard = Guard(3)
    for value in (NAN, NAN, NAN, GOOD, GOOD):
        guard.watch("critic", {}, value)
    with pytest.raises(DivergenceError):
        guard.check()


def test_patience_is_with_updates_in_a_row_also_across_checks() -> None:
    guard = Guard(3)
    for value in (NAN, NAN, GOOD, NAN, NAN):
        guard.watch("critic", {}, value)
        guard.check()
    guard.watch("critic", {}, NAN)
    with pytest.raises(DivergenceError):
        guard.check()


def test_collapse() -> None:
    assert "mode collapse" in str(collapse_warning(Preview(texts=["a"] * 9 + ["b"])))
    assert collapse_warning(Preview(texts=[str(i) for i in range(10)])) is None
    one = torch.rand(1, 3, 8, 8)
    assert "mode collapse" in str(collapse_warning(Preview(images=one.expand(8, 3, 8, 8))))
    assert collapse_warning(Preview(images=torch.rand(8, 3, 8, 8))) is None


def test_a_generator_that_was_never_trained_has_not_collapsed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alike = Preview(images=torch.rand(1, 3, 8, 8).expand(8, 3, 8, 8))
    watcher = ConsoleWatcher(Run(tmp_path), Tracker(tmp_path, views=(), step=0))
    watcher.preview(0, "adversarial", alike)
    assert "collapse" not in capsys.readouterr().err
    watcher.preview(100, "adversarial", alike)
    assert "step 100: mode collapse?" in capsys.readouterr().err
