"""When a run has seen enough: time is up, scores no longer improve, or all samples are alike.

GANs get worse after their best. With ``train.best`` the model of a run is not the last one but the
one whose score was best in the last stage.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from multigan.config.sections import TrainConfig
from multigan.errors import RecipeError, suggestion
from multigan.training.guard import collapse_warning
from multigan.training.phases import Preview

PREVIEWS_ALIKE = 3  # in a row


class Stopping:
    """Follows scores, previews and the clock.

    Args:
        config: Of the recipe.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.config = config
        self.best: float | None = None
        self.since_best = 0  # evaluations
        self.varied = False  # whether samples have ever differed: at first they need not
        self.alike = 0  # previews in a row
        self.started = time.monotonic()

    def improved(self, scores: Mapping[str, float]) -> bool:
        """Takes the scores of an evaluation; whether they are the best so far.

        Raises:
            RecipeError: The score that ``train.best`` names is not among them.
        """
        name = self.config.best
        if name is None:
            return False
        if name not in scores:
            raise RecipeError(f"train.best: there is no score '{name}'{suggestion(name, scores)}")
        score = -scores[name] if self.config.best_is == "high" else scores[name]
        if math.isfinite(score) and (self.best is None or score < self.best):
            self.best, self.since_best = score, 0
            return True
        self.since_best += 1
        return False

    def look(self, preview: Preview) -> None:
        """Takes what a preview shows."""
        collapsed = collapse_warning(preview) is not None
        self.alike = self.alike + 1 if collapsed and self.varied else 0
        self.varied = self.varied or not collapsed

    def reason(self) -> str | None:
        """Why to stop now; None to go on."""
        config = self.config
        if config.minutes and time.monotonic() - self.started > 60 * config.minutes:
            return f"train.minutes={config.minutes:g} are over"
        if config.evaluations_without_best and self.since_best >= config.evaluations_without_best:
            return f"'{config.best}' has not improved for {self.since_best} evaluations"
        if config.stop_at_collapse and self.alike >= PREVIEWS_ALIKE:
            return (
                "the samples have become all alike (mode collapse): lower the learning rates, add "
                "a penalty such as loss.r1, or augment the data"
            )
        return None

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to keep."""
        names = ("best", "since_best", "varied", "alike")
        return {name: getattr(self, name) for name in names}

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from a checkpoint; those of older versions have no such state."""
        for name, value in state.items():
            setattr(self, name, value)
