"""Where numbers go: ``metrics.jsonl`` is the source of truth, TensorBoard and W&B are views."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from multigan.errors import RecipeError


class Tracker:
    """Appends to ``metrics.jsonl`` and forwards to the chosen views.

    Args:
        folder: Of the run.
        views: ``tensorboard``, ``wandb``.
        step: Where the run starts; later lines of an interrupted run are dropped.
    """

    def __init__(self, folder: Path, *, views: Sequence[str] = (), step: int = 0) -> None:
        self.path = folder / "metrics.jsonl"
        kept = [entry for entry in read_metrics(self.path) if entry["step"] <= step and step]
        fresh = self.path.with_suffix(".partial")
        fresh.write_text("".join(json.dumps(entry) + "\n" for entry in kept), encoding="utf-8")
        os.replace(fresh, self.path)
        self._file = self.path.open("a", encoding="utf-8")
        self._tensorboard: Any = None
        self._wandb: Any = None
        if "tensorboard" in views:
            from torch.utils.tensorboard import SummaryWriter

            self._tensorboard = SummaryWriter(str(folder / "tensorboard"), purge_step=step or None)
        if "wandb" in views:
            try:
                import wandb
            except ImportError as error:
                message = "train.trackers names wandb: pip install 'multigan[wandb]'"
                raise RecipeError(message) from error
            self._wandb = wandb.init(dir=str(folder), name=folder.name, resume="allow")

    def write(self, kind: str, step: int, stage: str, values: Mapping[str, float]) -> None:
        """Records numbers.

        Args:
            kind: ``train`` or ``evaluate``.
            step: Of the run.
            stage: Its name.
            values: Name -> number.
        """
        entry = {"kind": kind, "step": step, "stage": stage, **values}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        if self._tensorboard is not None:
            for name, value in values.items():
                self._tensorboard.add_scalar(f"{kind}/{name}", value, step)
        if self._wandb is not None:
            self._wandb.log({f"{kind}/{name}": value for name, value in values.items()}, step=step)

    def close(self) -> None:
        """Flushes everything."""
        self._file.close()
        if self._tensorboard is not None:
            self._tensorboard.close()
        if self._wandb is not None:
            self._wandb.finish()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The entries of a metrics file; a line cut off by a kill is left out."""
    entries = []
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if isinstance(entry, dict) and isinstance(entry.get("step"), int):
                entries.append(entry)
    return entries
