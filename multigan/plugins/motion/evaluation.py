"""Scores of generated motions beside real ones, while a generator is trained and afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multigan.errors import RecipeError
from multigan.inference.pipeline import pipeline
from multigan.metrics.frechet import FeatureStatistics, frechet_distance
from multigan.plugins.motion.data import Clips
from multigan.plugins.motion.recogniser.pipeline import Recognised, RecogniserPipeline
from multigan.plugins.motion.scores import (
    bone_error,
    diversity,
    foot_skating,
    seam_jump,
    usual_jump,
)
from multigan.plugins.motion.skeleton import Motion


class Evaluation:
    """Scores while training; what real clips score is found out once.

    Args:
        clips: that are learnt; those held out serve as references too.
        features: a recogniser, or "none".

    Raises:
        RecipeError: it is a model of another kind.
    """

    def __init__(self, clips: Clips, *, features: str) -> None:
        self.real = (*clips.train, *clips.held_out)
        self.judge: RecogniserPipeline | None = None
        if features != "none":
            judge = pipeline(features)
            if not isinstance(judge, RecogniserPipeline):
                raise RecipeError(f"evaluate.features={features} is no recogniser of motions")
            self.judge = judge
            self.references = judge([m for m in self.real if len(m) >= judge.network.frames])

    def __call__(
        self, made: Sequence[Motion], continued: Sequence[Motion], *, seam: int
    ) -> dict[str, float]:
        """Scores of motions from noise, and of given poses with what was made to follow them.

        Args:
            made: with the actions that were asked for.
            continued: given frames, then generated ones.
            seam: number of the first generated frame.
        """
        scores = score_bodies(made, self.real) | score_seams(continued, self.real, seam=seam)
        if self.judge is not None:
            scores |= compare(self.judge(made), self.references)
        return scores


def score_bodies(made: Sequence[Motion], real: Sequence[Motion]) -> dict[str, float]:
    """Feet and bones."""
    skating, usual = foot_skating(made), foot_skating(real)
    return {
        "skating": skating,
        "skating-real": usual,
        "skating-ratio": skating / max(usual, 1e-9),
        "bone-error": bone_error(made, real[0].skeleton),
    }


def score_seams(
    continued: Sequence[Motion], real: Sequence[Motion], *, seam: int
) -> dict[str, float]:
    """Jumps where given poses end."""
    seams = torch.tensor([seam_jump(motion, frame=seam) for motion in continued])
    usual = usual_jump(real)
    return {
        "seam": float(seams.mean()),
        "seam-largest": float(seams.max()),
        "seam-real-99": usual,
        "seam-beyond-real": float((seams > usual).float().mean()),
    }


def compare(samples: Recognised, references: Recognised) -> dict[str, float]:
    """What a recogniser's features tell of samples.

    Where actions are known, the Frechet distance is the mean of the actions' own ones: that of all
    windows together would measure how often each action is shown.
    """
    scores = {"frechet-motion": _frechet(samples.features, references.features)}
    if bool((samples.asked >= 0).all()):
        both = [
            (samples.features[samples.asked == k], references.features[references.asked == k])
            for k in samples.asked.unique()
        ]
        apart = [_frechet(one, other) for one, other in both if min(len(one), len(other)) > 1]
        if apart:
            scores["frechet-motion"] = sum(apart) / len(apart)
        found = samples.probabilities.argmax(1)
        scores["action-accuracy"] = float((found == samples.asked).float().mean())
        scores["motion-diversity"] = diversity(samples.features, samples.asked)
        scores["motion-diversity-real"] = diversity(references.features, references.asked)
    return scores


def _frechet(samples: Tensor, references: Tensor) -> float:
    one, other = FeatureStatistics(), FeatureStatistics()
    one.update(samples)
    other.update(references)
    return frechet_distance(one.mean, one.covariance, other.mean, other.covariance)
