"""A run that is killed, at whatever moment, and resumed ends with the very same bits."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NORM = "model.batchnorm=true"
FILE_OPERATIONS = 12  # of about 150 that the run makes, spread evenly; all in the slow test


@pytest.fixture
def reference(
    fork: Any, toy_recipe: Path, small: tuple[str, ...], tmp_path: Path, fingerprint: Any
) -> dict[str, str]:
    """What the run comes to that nobody disturbs."""
    assert fork("run", toy_recipe, NORM, *small, "-o", tmp_path / "whole").wait() == 0
    return fingerprint(tmp_path / "whole")


def killed_at(operation: int) -> Callable[[], None]:
    """Kills the process at its n-th operation on files, before the operation happens."""
    from multigan.training import checkpoint

    count = 0

    def wrap(function: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == operation:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return counted

    def install() -> None:
        os.replace = wrap(os.replace)
        os.fsync = wrap(os.fsync)
        os.rmdir = wrap(os.rmdir)
        os.unlink = wrap(os.unlink)
        Path.mkdir = wrap(Path.mkdir)  # type: ignore[method-assign]
        Path.write_text = wrap(Path.write_text)  # type: ignore[method-assign]
        checkpoint.save_file = wrap(checkpoint.save_file)

    return install


def kill_and_resume(
    operation: int, fork: Any, recipe: Path, small: tuple[str, ...], run: Path
) -> bool:
    """Returns False if the run was over before the operation."""
    shutil.rmtree(run, ignore_errors=True)
    command = ("run", recipe, NORM, *small, "-o", run)
    code = fork(*command, before=killed_at(operation)).wait()
    if code == 0:
        return False
    assert code == -signal.SIGKILL
    again = fork(*command, "--resume")
    assert again.wait() == 0, again.text
    return True


def test_kill_at_file_operations(
    fork: Any,
    toy_recipe: Path,
    small: Any,
    tmp_path: Path,
    fingerprint: Any,
    reference: dict[str, str],
) -> None:
    operations = sorted(random.Random(0).sample(range(1, 120), FILE_OPERATIONS))
    for operation in operations:
        assert kill_and_resume(operation, fork, toy_recipe, small, tmp_path / "cut")
        assert fingerprint(tmp_path / "cut") == reference, f"killed at file operation {operation}"


@pytest.mark.slow
def test_kill_at_every_file_operation(
    fork: Any,
    toy_recipe: Path,
    small: Any,
    tmp_path: Path,
    fingerprint: Any,
    reference: dict[str, str],
) -> None:
    operation = 1
    while kill_and_resume(operation, fork, toy_recipe, small, tmp_path / "cut"):
        assert fingerprint(tmp_path / "cut") == reference, f"killed at file operation {operation}"
        operation += 1
    assert operation > 100


def test_kill_again_and_again(
    fork: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any
) -> None:
    """At random moments after a new checkpoint, in the middle of steps too."""
    moments, run = random.Random(1), tmp_path / "cut"
    longer = ("run", toy_recipe, NORM, *small, "steps.adversarial=38", "-o")
    assert fork(*longer, tmp_path / "whole").wait() == 0
    kills = 0
    for _ in range(6):
        before = set((run / "checkpoints").glob("step-*"))
        process = fork(*longer, run, "--resume")
        deadline = time.monotonic() + 30
        while not set((run / "checkpoints").glob("step-*")) - before:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills >= 4
    last = fork(*longer, run, "--resume")
    assert last.wait() == 0
    assert "from step 0" not in last.text
    assert fingerprint(run) == fingerprint(tmp_path / "whole")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [0, 1, 2, 5])
def test_told_to_stop(
    number: signal.Signals,
    step: int,
    fork: Any,
    toy_recipe: Path,
    small: Any,
    tmp_path: Path,
    fingerprint: Any,
    reference: dict[str, str],
) -> None:
    """Step 0 is the evaluation before the first step, with no checkpoint there yet."""

    def signalled() -> None:
        from multigan.training.trainer import Trainer

        look, play = Trainer._look, Trainer._step

        def look_then(self: Any, **options: bool) -> None:
            look(self, **options)
            if self.step == step == 0:
                os.kill(os.getpid(), number)

        def play_then(self: Any) -> None:
            play(self)
            if self.step == step:
                os.kill(os.getpid(), number)

        Trainer._look, Trainer._step = look_then, play_then  # type: ignore[method-assign]

    command = ("run", toy_recipe, NORM, *small, "-o", tmp_path / "cut")
    process = fork(*command, before=signalled)
    assert process.wait() == 0
    assert "stopped; add --resume to go on" in process.text
    assert "Traceback" not in process.text
    assert (tmp_path / "cut" / "checkpoints" / f"step-{step:08d}").is_dir()
    again = fork("run", tmp_path / "cut", "--resume")
    assert again.wait() == 0, again.text
    assert f"from step {step}" in again.text
    assert fingerprint(tmp_path / "cut") == reference


def test_real_command_ctrl_c_with_loader_processes(toy_recipe: Path, tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to the whole process group, loader processes included."""
    run = tmp_path / "run"
    words = ["run", str(toy_recipe), "-o", str(run), "steps.adversarial=1000000"]
    options = ["train.workers=2", "train.checkpoint_every=20", "train.trackers=[]"]
    command = [sys.executable, "-m", "multigan", *words, *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 60
        while not list((run / "checkpoints").glob("step-*[1-9]0")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "stopped; add --resume to go on" in err


def test_half_written_checkpoint_is_survived(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any, reference: Any
) -> None:
    run = tmp_path / "run"
    assert cli("run", toy_recipe, NORM, *small, "steps.adversarial=4", "-o", run).code == 0
    shutil.copytree(run / "checkpoints/step-00000006", run / "checkpoints/.writing-step-00000008")
    (run / "checkpoints/.writing-step-00000008/state.json").unlink()
    (run / "checkpoints/.writing-step-00000008/networks/generator.safetensors").write_bytes(b"{")
    shutil.copytree(run / "model", run / ".model.partial")
    shutil.rmtree(run / "model")
    done = cli("run", run, "--resume")
    assert done.code == 0
    assert "resuming" in done.err
    assert (run / "model" / "multigan.json").is_file()
    assert not (run / ".model.partial").exists()


def test_resume_of_a_finished_run_changes_nothing(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any
) -> None:
    run = tmp_path / "run"
    assert cli("run", toy_recipe, *small, "-o", run).code == 0
    before, numbers = fingerprint(run), (run / "metrics.jsonl").read_bytes()
    (run / "report.html").unlink()
    shutil.rmtree(run / "model")
    assert cli("run", run, "--resume").code == 0
    assert fingerprint(run) == before
    assert (run / "metrics.jsonl").read_bytes() == numbers
    assert (run / "report.html").is_file()


def test_a_finished_run_goes_on_when_its_last_stage_is_made_longer(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any
) -> None:
    longer, whole, grown = "steps.adversarial=9", tmp_path / "whole", tmp_path / "grown"
    assert cli("run", toy_recipe, *small, longer, "-o", whole).code == 0
    assert cli("run", toy_recipe, *small, "-o", grown).code == 0
    assert cli("run", toy_recipe, *small, longer, "-o", grown, "--resume").code == 0
    last = "step-00000011"
    assert (grown / "checkpoints" / last).is_dir()
    for network in ("generator", "discriminator"):
        file = Path("checkpoints", last, "networks", f"{network}.safetensors")
        assert (whole / file).read_bytes() == (grown / file).read_bytes()


def test_resume_without_a_run_begins_one(
    cli: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any, reference: Any
) -> None:
    run = tmp_path / "new"
    assert cli("run", toy_recipe, NORM, *small, "-o", run, "--resume").code == 0
    assert fingerprint(run) == reference


@pytest.mark.parametrize("change", ["model.hidden=8", "optimizers.generator.name=sgd"])
def test_another_recipe_does_not_resume(
    change: str, cli: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert cli("run", toy_recipe, *small, "-o", run).code == 0
    before = (run / "recipe.yaml").read_bytes()
    refused = cli("run", run, change, "--resume")
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert (run / "recipe.yaml").read_bytes() == before


@pytest.mark.parametrize("damage", ["truncate", "not json", "no key", "no file", "other format"])
def test_damaged_checkpoint_is_one_line(
    damage: str, cli: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert cli("run", toy_recipe, *small, "-o", run).code == 0
    last = run / "checkpoints" / "step-00000008"
    state, weights = last / "state.json", last / "networks" / "generator.safetensors"
    match damage:
        case "truncate":
            weights.write_bytes(weights.read_bytes()[:-9])
        case "not json":
            state.write_text("{")
        case "no key":
            state.write_text(state.read_text().replace('"updates"', '"other"'))
        case "no file":
            weights.unlink()
        case "other format":
            state.write_text(state.read_text().replace('"format": 1', '"format": 9'))
    refused = cli("run", run, "--resume")
    assert refused.code == 2
    assert refused.err.startswith("error: ")
    assert refused.err.count("\n") == 1


def full_disk_after(writes: int) -> Callable[[], None]:
    def install() -> None:
        from multigan.training import checkpoint

        save, count = checkpoint.save_file, 0

        def refuse(*args: Any) -> None:
            nonlocal count
            count += 1
            if count > writes:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            save(*args)

        checkpoint.save_file = refuse  # type: ignore[assignment]

    return install


@pytest.mark.parametrize("writes", [8, 10, 14])
def test_full_disk_loses_no_earlier_checkpoint(
    writes: int,
    fork: Any,
    toy_recipe: Path,
    small: Any,
    tmp_path: Path,
    fingerprint: Any,
    reference: dict[str, str],
) -> None:
    """Seven files make a checkpoint, so the second or third one fails."""
    command = ("run", toy_recipe, NORM, *small, "-o", tmp_path / "full")
    process = fork(*command, before=full_disk_after(writes))
    assert process.wait() == 2
    message = process.text.splitlines()[-1]
    kept = f"step-{2 * (writes // 7):08d}"
    assert message.startswith("error: cannot write checkpoint")
    assert "No space left on device" in message
    assert f"{kept} is kept" in message
    assert "Traceback" not in process.text
    checkpoints = tmp_path / "full" / "checkpoints"
    assert sorted(p.name for p in checkpoints.iterdir())[-1] == kept
    assert not list(checkpoints.glob(".writing-*"))
    assert fork(*command, "--resume").wait() == 0
    assert fingerprint(tmp_path / "full") == reference


@pytest.mark.parametrize("limit", [0, 700, 2000])
def test_files_that_cannot_grow(
    limit: int, fork: Any, toy_recipe: Path, small: Any, tmp_path: Path, installed_toy: Path
) -> None:
    """The system itself refuses: whatever file hits the limit first, it is one line."""

    def limited() -> None:
        import resource

        # What is printed goes to a pipe here: a file would hit the limit as well.
        read, write = os.pipe()
        if os.fork() == 0:
            os.close(write)
            with os.fdopen(read) as source, (tmp_path / "printed.txt").open("w") as target:
                target.write(source.read())
            os._exit(0)
        os.dup2(write, 1)
        os.dup2(write, 2)
        os.close(write)
        os.close(read)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = fork("run", toy_recipe, *small, "-o", tmp_path / "full", before=limited)
    assert process.wait() == 2
    time.sleep(0.2)
    printed = (tmp_path / "printed.txt").read_text()
    assert "Traceback" not in printed
    assert printed.splitlines()[-1].startswith("error: cannot write")


def test_two_processes_cannot_train_in_one_folder(
    fork: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    def slowly() -> None:
        from multigan.training.trainer import Trainer

        look = Trainer._look

        def look_long(self: Any, **options: bool) -> None:
            time.sleep(1.0)
            look(self, **options)

        Trainer._look = look_long  # type: ignore[method-assign]

    command = ("run", toy_recipe, *small, "-o", tmp_path / "run", "--resume")
    first = fork(*command, before=slowly)
    while not (tmp_path / "run" / "recipe.yaml").exists():
        time.sleep(0.01)
    second = fork(*command)
    assert second.wait() == 2
    assert "another process is training" in second.text
    assert first.wait() == 0


def test_two_runs_started_at_once_get_two_folders(
    fork: Any, toy_recipe: Path, small: Any, tmp_path: Path
) -> None:
    there = lambda: os.chdir(tmp_path)  # noqa: E731
    started = [fork("run", toy_recipe, *small, before=there) for _ in range(4)]
    assert [process.wait() for process in started] == [0] * 4
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == [
        "toy", "toy-2", "toy-3", "toy-4",
    ]  # fmt: skip
    assert fork("run", toy_recipe, *small, "--resume", before=there).wait() == 0
    assert len(list((tmp_path / "runs").iterdir())) == 4
