"""How far the translation of a film has come: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

PATIENCE = 30.0  # seconds between two lines

Report = Callable[[int, int | None], None]


@contextmanager
def film_progress(name: str) -> Iterator[Report]:
    """Gives a function that is told the frames done so far, and how many there probably are."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if not sys.stderr.isatty():
        yield _lines(name, console)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(name: str, console: Console) -> Report:
    started = told = time.monotonic()

    def report(done: int, total: int | None) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told < PATIENCE:
            return
        told = now
        rate = done / (now - started)
        if total is None or total < done:
            console.print(f"{name}: {done} frames, {rate:.1f} a second", markup=False)
        else:
            left = (total - done) / rate
            console.print(
                f"{name}: {done} of {total} frames, {rate:.1f} a second, about {left:.0f} s to go",
                markup=False,
            )

    return report
