"""What a training prints: a progress bar, scores as they change, and samples."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from multigan.training.guard import collapse_warning
from multigan.training.phases import Preview
from multigan.training.preview import write_preview
from multigan.training.run import Run
from multigan.training.tracking import Tracker
from multigan.training.trainer import Watcher

SHOWN_TEXTS = 5


class ConsoleWatcher(Watcher):
    """Prints progress and writes numbers and previews into the run folder.

    Args:
        run: Where previews go.
        tracker: Where numbers go.
        quiet: Print nothing.
    """

    def __init__(self, run: Run, tracker: Tracker, *, quiet: bool = False) -> None:
        self.run = run
        self.tracker = tracker
        self.console = Console(stderr=True, quiet=quiet, highlight=False, soft_wrap=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            disable=quiet or not sys.stderr.isatty(),
        )
        self.task = self.progress.add_task("starting", total=None)

    def __enter__(self) -> ConsoleWatcher:
        self.progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.progress.stop()
        self.tracker.close()

    def stage(self, name: str, step: int, total: int) -> None:
        """Names the stage."""
        self.progress.update(self.task, description=name, total=total, completed=step)
        self.console.print(f"[bold]{name}[/bold] from step {step} of {total}")

    def step(self, step: int) -> None:
        """Moves the bar."""
        self.progress.update(self.task, completed=step)

    def numbers(self, kind: str, step: int, stage: str, values: Mapping[str, float]) -> None:
        """Prints scores; losses go to the files only."""
        self.tracker.write(kind, step, stage, values)
        if kind == "evaluate":
            listed = "  ".join(f"{name} [bold]{value:.4g}[/bold]" for name, value in values.items())
            self.console.print(f"step {step}: {listed}")

    def preview(self, step: int, stage: str, preview: Preview) -> None:
        """Prints some sentences and says where pictures are."""
        written = write_preview(preview, self.run.samples, step)
        shown = [path for path in written if path.suffix != ".txt"]
        if shown:
            more = f" and {len(shown) - 1} more" if len(shown) > 1 else ""
            self.console.print(f"step {step}: samples in {shown[0]}{more}", markup=False)
        for text in preview.texts[:SHOWN_TEXTS]:
            self.console.print(f"  {text}", markup=False)
        # A generator without a single step makes all samples alike, and has not collapsed.
        warning = collapse_warning(preview) if step else None
        if warning:
            self.console.print(f"[yellow]step {step}: {warning}[/yellow]")
