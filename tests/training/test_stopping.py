from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from multigan.config.sections import TrainConfig
from multigan.errors import RecipeError
from multigan.training import stopping
from multigan.training.phases import Preview
from multigan.training.stopping import Stopping


def of(**config: Any) -> Stopping:
    return Stopping(TrainConfig(**config))


def test_the_best_is_the_lowest_or_the_highest() -> None:
    low, high = of(best="fid"), of(best="fid", best_is="high")
    scores = [5.0, 4.0, float("nan"), 4.0, 4.5, 3.0]
    assert [low.improved({"fid": s}) for s in scores] == [True, True, False, False, False, True]
    assert [high.improved({"fid": s}) for s in scores] == [True] + 5 * [False]
    assert not of().improved({"fid": 1.0})
    with pytest.raises(RecipeError, match=r"no score 'fdi'; did you mean 'fid'"):
        of(best="fdi").improved({"fid": 1.0})


def test_a_score_that_no_longer_improves_ends_the_run() -> None:
    stop = of(best="fid", evaluations_without_best=2)
    for score in (3.0, 4.0):
        stop.improved({"fid": score})
        assert stop.reason() is None
    stop.improved({"fid": 3.0})
    assert "has not improved for 2 evaluations" in (stop.reason() or "")
    again = of(best="fid", evaluations_without_best=2)
    again.load(json.loads(json.dumps(stop.state())))  # as a checkpoint keeps it
    assert again.reason() == stop.reason()
    with pytest.raises(ValueError, match="name a score"):
        TrainConfig(evaluations_without_best=2)


def test_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stop = of(minutes=2)
    assert stop.reason() is None
    now = stop.started
    monkeypatch.setattr(stopping.time, "monotonic", lambda: now + 121)
    assert stop.reason() == "train.minutes=2 are over"
    assert of().reason() is None


def test_samples_that_become_alike() -> None:
    torch.manual_seed(0)
    varied, alike = torch.rand(8, 3, 4, 4), torch.rand(1, 3, 4, 4).expand(8, -1, -1, -1)
    stop = of()
    for _ in range(5):  # a network that was not trained yet
        stop.look(Preview(images=alike))
    assert stop.reason() is None
    stop.look(Preview(images=varied))
    for images in (alike, alike, varied, alike, alike):
        stop.look(Preview(images=images))
        assert stop.reason() is None
    stop.look(Preview(images=alike))
    assert "mode collapse" in (stop.reason() or "")
    deaf = of(stop_at_collapse=False)
    for images in (varied, alike, alike, alike, alike):
        deaf.look(Preview(images=images))
    assert deaf.reason() is None


def test_the_model_of_a_run_is_its_best(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores are made up: the second of the game is the best, and the run stops two later."""
    from multigan_toy.gan import ToyGAN

    scores = [0.5] * 6 + [5.0, 2.0, 4.0, 3.0]  # the pretraining's do not count
    made_up = iter([*scores, 1.0, 1.0])
    monkeypatch.setattr(ToyGAN, "evaluate", lambda *_: {"distance": next(made_up)})
    settings = ["train.best=distance", "train.evaluations_without_best=2"]
    steps = ["train.evaluate_every=1", "train.checkpoint_every=1", "train.keep_checkpoints=20"]
    run = tmp_path / "run"
    done = cli("run", toy_recipe, *settings, *steps, "-o", run)
    assert done.code == 0, done.err
    assert "stopped early: 'distance' has not improved for 2 evaluations" in done.err
    lines = (run / "metrics.jsonl").read_text().splitlines()
    measured = [json.loads(line) for line in lines if "evaluate" in line]
    assert [each["distance"] for each in measured] == scores
    name = "generator/model.safetensors"
    assert (run / "model" / name).read_bytes() == (run / "best" / name).read_bytes()
    average = run / "checkpoints/step-00000007/ema/generator.safetensors"
    from safetensors.torch import load_file

    best, second = load_file(run / "best" / name), load_file(average)
    assert all(torch.equal(best[key], second[key]) for key in best)
