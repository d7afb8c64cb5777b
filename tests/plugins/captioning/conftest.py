"""A model that was trained for two steps of each stage, for tests of what is done with models."""

from __future__ import annotations

from pathlib import Path

import pytest

from multigan.training.train import train

SHORT = [
    "steps.mle=2", "steps.evaluator=1", "steps.adversarial=1", "train.batch_size=2",
    "train.threads=1", "train.trackers=[]", "train.precision=fp32", "data.size=32",
    "model.width=4", "model.embedding=8", "model.hidden=16", "model.heads=2",
    "model.summary=16", "evaluate.pictures=4", "evaluate.retrieval=3",
    "evaluate.exhibit=6", "evaluate.seeds=2", "evaluate.temperatures=[1.0]",
]  # fmt: skip


@pytest.fixture(scope="session")
def short() -> list[str]:
    """Overrides that make a recipe last a second."""
    return SHORT


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder."""
    output = tmp_path_factory.mktemp("captions") / "run"
    overrides = [*SHORT, "data.builtin_size=30"]
    return train("captiongan", overrides=overrides, output=output, quiet=True)
