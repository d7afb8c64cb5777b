"""Scores of clips against real ones, gathered in a stream.

    frechet           distance of the distributions of features; FVD with I3D, see `features.i3d`
    content-distance  how much the colours change through a clip (ACD), see the metric's file
    motion-control    share of clips that a classifier takes for the action that was asked for (MCS)

Shape suffixes: B clips, T frames, C channels, H and W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from multigan.errors import DataError
from multigan.metrics.content_distance import colour_shares, content_distance
from multigan.metrics.frechet import FeatureStatistics, frechet_distance
from multigan.plugins.video.features.extractor import ClipFeatures


class Summary:
    """What is known about a set of clips; fill it with `update`.

    Args:
        extractor: what looks at them.
    """

    def __init__(self, extractor: ClipFeatures) -> None:
        self.extractor = extractor
        self.count = self.labelled = self.agreeing = 0
        self.statistics = FeatureStatistics()
        self._distance = 0.0

    @torch.no_grad()
    def update(self, clips_BTCHW: Tensor, asked: list[str] | None = None) -> None:
        """Looks at some more clips.

        Args:
            clips_BTCHW: in [0, 1], of any size, on any device.
            asked: the class that each was to show; those that the extractor does not know, or "",
                do not count.
        """
        self._distance += float(content_distance(colour_shares(clips_BTCHW)).sum())
        features_BD = self.extractor.features(resized(clips_BTCHW, self.extractor.size))
        self.statistics.update(features_BD)
        self.count += len(clips_BTCHW)
        names = self.extractor.class_names
        if asked and names:
            found = self.extractor.logits(features_BD).argmax(1).tolist()
            known = [
                names[i] == name for i, name in zip(found, asked, strict=True) if name in names
            ]
            self.labelled += len(known)
            self.agreeing += sum(known)

    @property
    def distance(self) -> float:
        """Mean content distance."""
        return self._distance / self.count


def compare(samples: Summary, references: Summary) -> dict[str, float]:
    """Scores by name.

    Raises:
        DataError: there are too few clips.
    """
    fewest = min(samples.count, references.count)
    if fewest < 2:
        raise DataError(f"{fewest} clips are too few to compare; give 2 at least on each side")
    extractor, (a, b) = samples.extractor, (samples.statistics, references.statistics)
    name = extractor.score_name("frechet", count=samples.count)
    scores = {name: frechet_distance(a.mean, a.covariance, b.mean, b.covariance)}
    scores["content-distance-colours"] = samples.distance
    scores["content-distance-colours-real"] = references.distance
    if samples.labelled:
        scores[f"motion-control-{extractor.name}"] = samples.agreeing / samples.labelled
    return scores


def resized(clips_BTCHW: Tensor, size: int) -> Tensor:
    """Frames of another size, smoothed before pixels are left out; 0 leaves them."""
    if not size or clips_BTCHW.shape[-2:] == (size, size):
        return clips_BTCHW
    flat = clips_BTCHW.flatten(0, 1)
    small = interpolate(flat, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return small.unflatten(0, clips_BTCHW.shape[:2])
