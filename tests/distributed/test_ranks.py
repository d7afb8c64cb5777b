"""Several processes that train together: gloo on the CPU, as torchrun starts them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.distributed

SGD = (
    "optimizers.generator.name=sgd", "optimizers.generator.lr=0.05",
    "optimizers.discriminator.name=sgd", "optimizers.discriminator.lr=0.05",
)  # fmt: skip
NORM = "model.batchnorm=true"


def codes(processes: list[Any]) -> list[int]:
    return [process.wait() for process in processes]


def tensors(run: Path, kind: str) -> dict[str, torch.Tensor]:
    last = sorted((run / "checkpoints").glob("step-*"))[-1]
    return {
        f"{file.stem}.{key}": value
        for file in sorted((last / kind).iterdir())
        for key, value in load_file(file).items()
    }


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_ranks_equal_one(
    accumulate: int, ranks: Any, fork: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    command = ("run", toy_recipe, *small, *SGD, f"train.accumulate={accumulate}", "-o")
    assert fork(*command, tmp_path / "one").wait() == 0
    assert codes(ranks(2, *command, tmp_path / "two")) == [0, 0]
    for kind in ("networks", "ema"):
        one, two = tensors(tmp_path / "one", kind), tensors(tmp_path / "two", kind)
        for name, value in one.items():
            torch.testing.assert_close(value, two[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_two_ranks_killed_and_resumed(
    step: int, ranks: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any
) -> None:
    def cut() -> None:
        from multigan.training.trainer import Trainer

        play = Trainer._step

        def play_then(self: Any) -> None:
            play(self)
            if self.step == step and self.engine.rank == step % 2:
                os.kill(os.getpid(), signal.SIGKILL)

        Trainer._step = play_then  # type: ignore[method-assign]

    command = ("run", toy_recipe, *small, NORM, "-o")
    assert codes(ranks(2, *command, tmp_path / "whole")) == [0, 0]
    ends = codes(ranks(2, *command, tmp_path / "cut", before=cut))
    assert -signal.SIGKILL in ends
    assert 0 not in ends, "the other one does not wait for ever"
    assert codes(ranks(2, *command, tmp_path / "cut", "--resume")) == [0, 0]
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")


def test_two_ranks_told_to_stop(
    ranks: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any
) -> None:
    """Only one process gets the signal, and in the middle of the interval of checkpoints."""

    def signalled() -> None:
        from multigan.training.trainer import Trainer

        play = Trainer._step

        def play_then(self: Any) -> None:
            play(self)
            if self.step == 3 and self.engine.rank == 1:
                os.kill(os.getpid(), signal.SIGTERM)

        Trainer._step = play_then  # type: ignore[method-assign]

    more = ("steps.adversarial=12", "train.checkpoint_every=6", "train.preview_every=5")
    command = ("run", toy_recipe, *small, NORM, *more, "-o")
    assert codes(ranks(2, *command, tmp_path / "whole")) == [0, 0]
    stopped = ranks(2, *command, tmp_path / "cut", before=signalled)
    assert codes(stopped) == [0, 0]
    assert (tmp_path / "cut" / "checkpoints" / "step-00000008").is_dir()
    assert codes(ranks(2, *command, tmp_path / "cut", "--resume")) == [0, 0]
    assert fingerprint(tmp_path / "cut") == fingerprint(tmp_path / "whole")


def test_batchnorm_statistics_are_averaged(
    ranks: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    """What is saved for use are the statistics of all processes' samples, not those of rank 0."""

    def note() -> None:
        from multigan.training.trainer import Trainer

        play = Trainer._step

        def play_then(self: Any) -> None:
            play(self)
            if self.step == self.total_steps:
                layer = self.gan.networks["generator"].layers[1]
                torch.save(layer.running_mean, tmp_path / f"own-{self.engine.rank}.pt")

        Trainer._step = play_then  # type: ignore[method-assign]

        from multigan_toy.gan import ToyGAN

        evaluate = ToyGAN.evaluate

        def evaluate_then(self: Any, networks: Any, noise: Any) -> dict[str, float]:
            torch.save(networks["generator"].layers[1].running_mean, tmp_path / "evaluated.pt")
            return evaluate(self, networks, noise)

        ToyGAN.evaluate = evaluate_then

    assert codes(
        ranks(2, "run", toy_recipe, *small, NORM, "-o", tmp_path / "run", before=note)
    ) == [
        0,
        0,
    ]
    own = [torch.load(tmp_path / f"own-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert not torch.allclose(*own)
    mean = (own[0] + own[1]) / 2
    model = load_file(tmp_path / "run" / "model" / "generator" / "model.safetensors")
    torch.testing.assert_close(model["layers.1.running_mean"], mean)
    evaluated = torch.load(tmp_path / "evaluated.pt", weights_only=True)
    torch.testing.assert_close(evaluated, mean)
    ema = tensors(tmp_path / "run", "ema")
    torch.testing.assert_close(ema["generator.layers.1.running_mean"], mean)


def test_full_disk_on_one_rank_ends_both(
    ranks: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    for rank, start in ((0, 9), (1, 3)):  # rank 0 writes seven files in a checkpoint, rank 1 two
        run = tmp_path / f"full-{rank}"

        def full(rank: int = rank, start: int = start) -> None:
            from multigan.training import checkpoint

            save, count = checkpoint.save_file, 0

            def refuse(*args: Any) -> None:
                nonlocal count
                count += 1
                if int(os.environ["RANK"]) == rank and count >= start:
                    raise OSError(28, os.strerror(28))
                save(*args)

            checkpoint.save_file = refuse  # type: ignore[assignment]

        processes = ranks(2, "run", toy_recipe, *small, "-o", run, before=full)
        assert codes(processes) == [2, 2]
        assert "step-00000002 is kept" in processes[rank].text
        assert [p.name for p in (run / "checkpoints").iterdir()] == ["step-00000002"]


def test_another_number_of_processes_is_refused(
    ranks: Any, fork: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    command = ("run", toy_recipe, *small, "-o", tmp_path / "run")
    assert fork(*command).wait() == 0
    refused = ranks(2, *command, "--resume")
    assert codes(refused) == [2, 2]
    assert "was written by 1 processes" in refused[0].text


def test_processes_that_differ_are_stopped(
    ranks: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    def differ() -> None:
        from multigan.training.engine import Engine
        from multigan.training.trainer import Trainer

        def check(self: Any) -> bool:
            engine: Engine = self.engine
            engine.check_same("same", "nothing")
            engine.check_same(engine.rank, "their rank")
            return True

        Trainer.fit = check  # type: ignore[method-assign]

    processes = ranks(2, "run", toy_recipe, *small, "-o", tmp_path / "run", before=differ)
    assert codes(processes) == [1, 1]
    assert all("processes differ in their rank" in process.text for process in processes)


@pytest.mark.slow
def test_torchrun(
    toy_recipe: Path, small: Any, tmp_path: Path, ranks: Any, fingerprint: Any
) -> None:
    """The real thing: torchrun is killed with its workers, and started again."""
    torchrun = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "multigan",
    ]  # fmt: skip
    longer = ("steps.adversarial=300", "train.checkpoint_every=20", "train.preview_every=0")
    words = ["run", str(toy_recipe), *small, NORM, *longer, "-o"]
    assert codes(ranks(2, *words, tmp_path / "whole")) == [0, 0]

    run = tmp_path / "cut"
    process = subprocess.Popen(
        [*torchrun, *words, str(run)], stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 90
    while not list((run / "checkpoints").glob("step-*[1-9]0")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    while workers_of(run):
        time.sleep(0.02)
    again = subprocess.run(
        [*torchrun, *words, str(run), "--resume"], capture_output=True, text=True, timeout=120
    )
    assert again.returncode == 0, again.stderr
    assert "from step 0 " not in again.stderr
    assert fingerprint(run) == fingerprint(tmp_path / "whole")


def workers_of(run: Path) -> list[str]:
    """Workers live in sessions of their own: torchrun's death ends them, a moment later."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(run).encode() in command:
            os.kill(int(entry.name), signal.SIGKILL)
            found.append(entry.name)
    return found
