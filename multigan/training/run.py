"""The run folder: everything that one training leaves behind.

runs/NAME/
  recipe.yaml        the recipe with every default written out
  provenance.json    versions, commit, device, command
  metrics.jsonl      all numbers                       tensorboard/   the same, to browse
  samples/           previews                          checkpoints/   to resume from
  model/             what multigan.pipeline() loads    report.html    all of it on one page
  stages/NAME/       the same at the end of a stage    exhibits/      what a method adds to the page
  best/              the model at its best score, if the recipe names one; model/ is then a copy
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from multigan.config.recipe import Recipe
from multigan.errors import MultiganError, RecipeError
from multigan.training.checkpoint import Checkpoints
from multigan.training.engine import Engine


class Run:
    """Paths of one run.

    Args:
        folder: Of the run.
        keep_checkpoints: How many of the newest to keep.
    """

    def __init__(self, folder: Path, *, keep_checkpoints: int = 2) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        self.samples = folder / "samples"
        self.model = folder / "model"
        self.stages = folder / "stages"
        self.best = folder / "best"
        self.report = folder / "report.html"
        self.checkpoints = Checkpoints(folder / "checkpoints", keep=keep_checkpoints)
        self._lock: Any = None

    def lock(self) -> None:
        """Keeps other processes out of this folder while this one lives.

        Raises:
            RecipeError: Another process is training here.
        """
        try:
            import fcntl
        except ImportError:  # Windows
            return
        self._lock = (self.folder / ".lock").open("w")
        try:
            # Unlike flock's, this lock is not inherited by loader processes, which outlive a kill.
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RecipeError(f"another process is training in {self.folder}") from error
        except OSError:  # a file system without locks
            pass

    def record(self, recipe: Recipe, engine: Engine, *, data: str) -> None:
        """Writes the recipe, and one more start into the provenance.

        Args:
            recipe: With every default.
            engine: Of the main process.
            data: A fingerprint of the data set.
        """
        _replace(self.recipe, recipe.to_yaml())
        _write_provenance(self.folder / "provenance.json", engine, data)


def open_run(
    *, name: str, output: Path | None, resume: bool, engine: Engine, keep_checkpoints: int = 2
) -> Run:
    """Makes a run folder, or goes back into one.

    Args:
        name: Of the recipe; the folder is ``runs/NAME``, ``runs/NAME-2`` ... without ``output``.
        output: The folder that the user asked for.
        resume: Whether to go on in a folder that exists. With no folder to go back into, a new run
            begins, so that a job scheduler can always say ``--resume``.
        engine: Rank 0 chooses and locks; the others follow.
        keep_checkpoints: How many of the newest to keep.

    Raises:
        RecipeError: The folder holds a run already, and ``resume`` was not asked for; or it cannot
            be written to; or another process is at work in it.
    """
    problem: str | None = None
    folder = output or Path("runs") / name
    run = Run(folder, keep_checkpoints=keep_checkpoints)
    if engine.is_main:
        try:
            folder = _choose(folder, numbered=output is None, resume=resume)
            folder.mkdir(parents=True, exist_ok=True)
            run = Run(folder, keep_checkpoints=keep_checkpoints)
            run.lock()
        except MultiganError as error:
            problem = str(error)
        except OSError as error:
            problem = f"cannot write to {folder}: {error.strerror}"
    problem, folder = engine.broadcast((problem, folder))
    if problem:
        raise RecipeError(problem)
    return run if engine.is_main else Run(folder, keep_checkpoints=keep_checkpoints)


def _choose(folder: Path, *, numbered: bool, resume: bool) -> Path:
    if folder.exists() and not folder.is_dir():
        raise RecipeError(f"{folder} is a file; name a folder for the run")
    if resume:
        return _newest(folder) if numbered else folder
    if not numbered:
        if folder.exists() and any(folder.iterdir()):
            raise RecipeError(f"{folder} is not empty; add --resume to go on, or name another")
        return folder
    for number in itertools.count(1):
        candidate = folder if number == 1 else folder.with_name(f"{folder.name}-{number}")
        try:
            candidate.mkdir(parents=True)  # whoever makes it has it: two runs may start at once
            return candidate
        except FileExistsError:
            continue
    raise AssertionError


def _newest(folder: Path) -> Path:
    """Of ``runs/x``, ``runs/x-2`` ... the last."""
    number = 2
    while (candidate := folder.with_name(f"{folder.name}-{number}")).exists():
        folder, number = candidate, number + 1
    return folder


def _write_provenance(path: Path, engine: Engine, data: str) -> None:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("multigan", "torch", "torchvision", "numpy", "pillow", "safetensors"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    entry = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "python": platform.python_version(),
        "versions": versions,
        "git_commit": _git_commit(),
        "platform": platform.platform(),
        "data": data,
        "device": str(engine.device),
        "precision": engine.precision,
        "processes": engine.world_size,
    }
    history = []
    if path.is_file():
        try:
            history = json.loads(path.read_text(encoding="utf-8"))["starts"]
        except (ValueError, KeyError, TypeError):
            history = []
    _replace(path, json.dumps({"starts": [*history, entry]}, indent=2) + "\n")


def _replace(path: Path, text: str) -> None:
    """Writes a file so that a kill leaves the old one or the new one."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def _git_commit() -> str | None:
    """The commit of the checkout that this code runs from, if it is one."""
    here = Path(__file__).resolve().parent
    if not (here.parent.parent / ".git").exists():
        return None
    result = subprocess.run(
        ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12"],
        capture_output=True,
        text=True,
        check=False,
    )
    return result.stdout.strip() or None
