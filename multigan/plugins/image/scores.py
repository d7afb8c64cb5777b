"""Scores of generated pictures against real ones, gathered in a stream.

What is known about a set of pictures fits into constant memory: means, covariances and counts grow
with every picture, and the scores that need single features (kernel distance, precision ...) look
at 10,000 pictures at most, drawn at random.

Every score has the extractor in its name: "frechet-digits". What is called "fid" is made with the
weights of FID, see `multigan.plugins.image.features.inception`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from multigan.errors import DataError
from multigan.metrics.frechet import FeatureStatistics, frechet_distance
from multigan.metrics.inception_score import InceptionScore
from multigan.metrics.kernel import kernel_distance
from multigan.metrics.prdc import prdc
from multigan.plugins.image.features.extractor import FeatureExtractor

KEPT = 10_000
NEIGHBOURS = 5
SPLITS = 10
SMALLEST_SPLIT = 100  # pictures; fewer and the score of a part says nothing


class Summary:
    """What is known about a set of pictures; fill it with `update`.

    Args:
        extractor: what looks at them.
        total: how many there will be; which of them are kept is drawn beforehand.

    Attributes:
        count: pictures seen.
        statistics: mean and covariance of their features.
        classes: (K,), how many were taken for each class; empty if the extractor knows none.
        agreeing: pictures that were taken for the class that they were said to have.
        labelled: pictures that were said to have one.
    """

    def __init__(self, extractor: FeatureExtractor, *, total: int) -> None:
        self.extractor, self.total = extractor, total
        self.count = self.agreeing = self.labelled = 0
        self.statistics = FeatureStatistics()
        self.classes = torch.zeros(extractor.num_classes, dtype=torch.long)
        generator = torch.Generator().manual_seed(0)
        order = torch.randperm(total, generator=generator)
        self._keep = torch.zeros(total, dtype=torch.bool)
        self._keep[order[:KEPT]] = True
        self._kept: list[Tensor] = []
        splits = min(SPLITS, max(1, total // SMALLEST_SPLIT))
        self._split = order % splits
        self._inception_score = InceptionScore(splits=splits)

    @torch.no_grad()
    def update(self, pictures: Tensor | Sequence[Tensor], labels: Tensor | None = None) -> None:
        """Looks at some more pictures.

        Args:
            pictures: (N, C, H, W) as `FeatureExtractor` takes them, or N pictures (C, H, W) of
                different sizes; on any device.
            labels: (N,), the classes that they should have.
        """
        if not isinstance(pictures, Tensor):
            prepared = [self.extractor.prepare(picture[None]) for picture in pictures]
            features_ND = self.extractor.features(torch.cat(prepared))
        else:
            features_ND = self.extractor(pictures)
        seen = slice(self.count, self.count + len(features_ND))
        self.count = seen.stop
        self.statistics.update(features_ND)
        self._kept.append(features_ND[self._keep[seen].to(features_ND.device)].float())
        if self.extractor.num_classes:
            logits_NK = self.extractor.logits(features_ND).double().cpu()
            found_N = logits_NK.argmax(1)
            self.classes += torch.bincount(found_N, minlength=len(self.classes))
            self._inception_score.update(logits_NK.softmax(1), split=self._split[seen])
            if labels is not None:
                self.labelled += len(labels)
                self.agreeing += int((found_N == labels.cpu()).sum())

    @property
    def features(self) -> Tensor:
        """Features of the pictures that were kept, (at most 10,000, D)."""
        kept = torch.cat(self._kept)
        return kept.cpu() if kept.device.type == "mps" else kept  # which has no float64

    def inception_score(self) -> tuple[float, float]:
        """Mean and deviation over the parts.

        Raises:
            DataError: so few of the pictures came that a part has none.
        """
        try:
            return self._inception_score.compute()
        except ValueError as error:
            few = f"only {self.count} of {self.total} pictures could be read"
            raise DataError(f"{few}: too few for the inception-score; leave it out") from error


def compare(samples: Summary, references: Summary, *, metrics: Collection[str]) -> dict[str, float]:
    """Scores by name.

    Args:
        samples: of the generated pictures.
        references: of the real ones, by the same extractor.
        metrics: some of `multigan.plugins.image.score.METRICS`; those that need a classifier are
            left out if the extractor is none.

    Raises:
        DataError: there are too few pictures.
    """
    extractor, smallest = samples.extractor, min(samples.count, references.count)
    needed = NEIGHBOURS + 1 if "prdc" in metrics else 2
    if smallest < needed:
        raise DataError(
            f"{smallest} pictures are too few: these metrics need {needed} on each side"
        )
    scores: dict[str, float] = {}

    def put(metric: str, value: float, deviation: float | None = None) -> None:
        name = extractor.official.get(metric, f"{metric}-{extractor.name}")
        scores[name] = value
        if deviation is not None:
            scores[f"{name}-std"] = deviation

    if "frechet" in metrics:
        a, b = samples.statistics, references.statistics
        put("frechet", frechet_distance(a.mean, a.covariance, b.mean, b.covariance))
    if "kernel" in metrics:
        generator = torch.Generator().manual_seed(0)
        put("kernel", *kernel_distance(samples.features, references.features, generator=generator))
    if "prdc" in metrics:
        found = prdc(samples.features, references.features, neighbours=NEIGHBOURS)
        for name in ("precision", "recall", "density", "coverage"):
            put(name, getattr(found, name))
    if extractor.num_classes and "inception-score" in metrics:
        put("inception-score", *samples.inception_score())
    if extractor.num_classes and "classes" in metrics:
        put("classes", float((samples.classes > 0).sum()))
        put("class-divergence", class_divergence(samples.classes, references.classes))
        if samples.labelled:
            put("label-agreement", samples.agreeing / samples.labelled)
    return scores


def class_divergence(samples_K: Tensor, references_K: Tensor) -> float:
    """KL(classes of the samples || classes of the references), in nats, from counts.

    The number that mode counting on stacked digits reports beside the modes (Metz et al. 2017).
    Classes that no reference has do not count.
    """
    known = references_K > 0
    p_K = samples_K[known].double() / samples_K[known].sum().clamp(min=1)
    q_K = references_K[known].double() / references_K.sum()
    return float((torch.xlogy(p_K, p_K) - torch.xlogy(p_K, q_K)).sum())
