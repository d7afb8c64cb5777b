"""What tests share: a third-party plugin, the command line in this process, runs in forks of it.

Importing torch takes longer than training the toy GAN, so runs that are to be killed are forks of
this process; a few tests start real commands.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

TOY = Path(__file__).parent / "thirdparty" / "toy"
SMALL = (
    "points=48",
    "steps.pretraining=2",
    "steps.adversarial=6",
    "train.batch_size=16",
    "train.log_every=1",
    "train.checkpoint_every=2",
    "train.preview_every=4",
    "train.device=cpu",
    "train.threads=1",
    "train.trackers=[]",
)
"""Overrides that make a run of the toy GAN last a tenth of a second."""


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def installed_toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The toy plugin as pip would install it: importable, and named by an entry point."""
    site = tmp_path_factory.mktemp("site-packages")
    make_distribution(site, "multigan-toy", "toy = multigan_toy:PLUGIN")
    with on_path(TOY, site):
        yield site


@pytest.fixture
def toy_recipe(installed_toy: Path, tmp_path: Path) -> Path:
    """A recipe file of the toy GAN."""
    path = tmp_path / "toy.yaml"
    path.write_text("# A ring.\nplugin: toy\n", encoding="utf-8")
    return path


@pytest.fixture
def cli(
    installed_toy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Result]:
    """Runs the command line in this process."""

    def run(*words: str | Path) -> Result:
        from multigan.cli import main

        monkeypatch.setattr(sys, "argv", ["multigan", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return Result(int(ended.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def fork(installed_toy: Path, tmp_path: Path) -> Callable[..., Fork]:
    """Starts the command line in a fork: ``fork("run", ..., before=lambda: ...)``."""

    def start(*words: str | Path, before: Callable[[], Any] | None = None, **env: str) -> Fork:
        return Fork([str(word) for word in words], tmp_path, before, env)

    return start


@pytest.fixture
def ranks(fork: Callable[..., Fork]) -> Callable[..., list[Fork]]:
    """Starts the command line in several processes that train together, as torchrun would."""

    def start(count: int, *words: str | Path, **options: Any) -> list[Fork]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        return [
            fork(*words, RANK=str(rank), LOCAL_RANK=str(rank), **shared, **options)
            for rank in range(count)
        ]

    return start


class Fork:
    """A forked process that runs the command line; what it prints is kept in a file."""

    def __init__(
        self, words: list[str], folder: Path, before: Callable[[], Any] | None, env: dict[str, str]
    ) -> None:
        import torch
        import torch._dynamo  # the first optimiser imports it: two seconds

        import multigan.training.train  # noqa: F401 imported once, here, and not in every fork

        torch.set_num_threads(1)
        self.log = folder / f"log-{time.monotonic_ns()}.txt"
        gc.collect()  # a fork cannot end the threads of what it would collect
        self.pid = os.fork()
        if self.pid == 0:
            self._child(words, before, env)

    def wait(self, seconds: float = 60.0) -> int:
        """The exit code; the negative signal number if a signal ended it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        pytest.fail(f"still running after {seconds} s:\n{self.text}")

    @property
    def text(self) -> str:
        """What it has printed."""
        return self.log.read_text(encoding="utf-8")

    def _child(
        self, words: list[str], before: Callable[[], Any] | None, env: dict[str, str]
    ) -> None:
        code = 70
        try:
            os.setsid()
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
            os.environ.update(env)
            sys.argv = ["multigan", *words]
            if before:
                before()
            from multigan.cli import main

            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except BaseException:
            import traceback

            traceback.print_exc()
            code = 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def make_distribution(site: Path, name: str, entry_point: str) -> None:
    """Writes the metadata of an installed distribution with one entry point."""
    info = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[multigan.plugins]\n{entry_point}\n")


@contextlib.contextmanager
def on_path(*folders: Path) -> Iterator[None]:
    """Makes folders importable here and in processes started from here."""
    from multigan import registry

    before, variable = list(sys.path), os.environ.get("PYTHONPATH")
    added = [str(folder) for folder in folders]
    sys.path[:0] = added
    here = str(Path(__file__).parent.parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([*added, here, *filter(None, [variable])])
    registry._discover.cache_clear()
    try:
        yield
    finally:
        sys.path[:] = before
        if variable is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = variable
        registry._discover.cache_clear()


@pytest.fixture
def fingerprint() -> Callable[[Path], dict[str, str]]:
    """Hashes of everything that a run ends with: last checkpoint and model."""

    def of(run: Path) -> dict[str, str]:
        last = sorted((run / "checkpoints").glob("step-*"))[-1]
        files = [p for p in (*last.rglob("*"), *(run / "model").rglob("*.safe*")) if p.is_file()]
        assert len(files) > 8
        return {
            str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    return of


@pytest.fixture
def small() -> tuple[str, ...]:
    """Overrides that make a run of the toy GAN last a tenth of a second."""
    return SMALL


@pytest.fixture
def distribution() -> Callable[[Path, str, str], None]:
    """Writes the metadata of an installed distribution with one entry point."""
    return make_distribution


@pytest.fixture
def importable() -> Callable[..., contextlib.AbstractContextManager[None]]:
    """Makes folders importable for a while."""
    return on_path
