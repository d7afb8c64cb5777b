"""Watches a run: stops it when numbers break, warns when samples become all alike."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from multigan.errors import DivergenceError
from multigan.training.phases import Preview


class Guard:
    """Counts non-finite updates on the device, without waiting for it at every step.

    Args:
        patience: Non-finite updates in a row of one phase that end the run.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self._streak: dict[str, Tensor] = {}
        self._longest: dict[str, Tensor] = {}
        self._broken_terms: dict[str, Tensor] = {}

    def watch(self, phase: str, terms: Mapping[str, Tensor], norm: Tensor) -> None:
        """Takes note of one update.

        Args:
            phase: Its name.
            terms: The losses, detached scalars.
            norm: The gradient norm.
        """
        bad = ~norm.isfinite()
        for name, value in terms.items():
            term_bad = ~value.isfinite()
            key = f"{phase}/{name}"
            self._broken_terms[key] = term_bad | self._broken_terms.get(key, term_bad)
            bad = bad | term_bad
        streak = torch.where(bad, self._streak.get(phase, 0) + bad.long(), 0)
        self._streak[phase] = streak
        self._longest[phase] = torch.maximum(streak, self._longest.get(phase, streak))

    def check(self) -> None:
        """Reads the counts; called at the log interval and before a checkpoint.

        Raises:
            DivergenceError: A phase has been non-finite for too many updates in a row.
        """
        for phase, longest in self._longest.items():
            if int(longest) >= self.patience:
                terms = [k for k, broken in self._broken_terms.items() if bool(broken)]
                what = f"loss '{terms[0]}'" if terms else f"the gradient of phase '{phase}'"
                raise DivergenceError(
                    f"{what} was not a finite number for {int(longest)} updates in a row; the last "
                    "good checkpoint is kept. Try a smaller learning rate, optimizers.*.clip=1, or "
                    "train.precision=fp32"
                )
        self._longest = dict(self._streak)
        self._broken_terms.clear()


def collapse_warning(preview: Preview) -> str | None:
    """A sentence if the samples of a preview are (nearly) all alike, else None."""
    if len(preview.texts) >= 5:
        distinct = len(set(preview.texts)) / len(preview.texts)
        if distinct < 0.3:
            return f"mode collapse? only {distinct:.0%} of {len(preview.texts)} samples differ"
    if preview.images is not None and len(preview.images) >= 4:
        spread = float(preview.images.float().std(dim=0).mean())
        if spread < 0.01:
            return f"mode collapse? the pictures differ by only {spread:.4f} per pixel"
    return None
