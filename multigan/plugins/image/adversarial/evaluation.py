"""Scores of generated pictures while a generator is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.metrics.frechet import FeatureStatistics, frechet_distance
from multigan.plugins.image.adversarial.data import has_validation, open_pictures
from multigan.plugins.image.adversarial.recipe import ImageRecipe
from multigan.plugins.image.features import extractor

CHUNK = 100  # pictures looked at together


class Evaluation:
    """Compares generated pictures with real ones, held-out ones where there are any.

    Args:
        recipe: names the data, the extractor and the number of pictures.
        device: where the extractor computes.

    Raises:
        MultiganError: no such extractor, or its weights are missing.
    """

    def __init__(self, recipe: ImageRecipe, *, device: torch.device) -> None:
        self.extractor = extractor(
            recipe.evaluate.features, weights=recipe.evaluate.weights or None
        ).to(device)
        self.device = device
        self.stacked = recipe.data.stacked
        split = "validation" if has_validation(recipe.data.source) else "train"
        pictures = open_pictures(recipe.data, labelled=recipe.labelled, split=split)
        self.classes = pictures.classes
        self.real = FeatureStatistics()
        numbers = torch.arange(min(len(pictures), recipe.evaluate.samples))
        for some in numbers.split(CHUNK):
            images_BCHW = torch.stack([pictures.plain(int(i))["image"] for i in some])
            self.real.update(self._features(images_BCHW))

    def __call__(self, images_BCHW: Tensor, labels_B: Tensor | None) -> dict[str, float]:
        """Scores of pictures in [-1, 1] and of the classes that they were asked for."""
        fake, named = FeatureStatistics(), []
        for some_BCHW in images_BCHW.split(CHUNK):
            features_BD = self._features(some_BCHW)
            fake.update(features_BD)
            if self.extractor.num_classes:
                named.append(self._modes(some_BCHW) if self.stacked else self._named(features_BD))
        name = self.extractor.official.get("frechet", f"frechet-{self.extractor.name}")
        distance = frechet_distance(
            fake.mean, fake.covariance, self.real.mean, self.real.covariance
        )
        scores = {name: distance}
        if named:
            scores["modes" if self.stacked else "classes"] = float(len(torch.cat(named).unique()))
            # Only a classifier of the very same classes can say whether the label is the right one.
            if labels_B is not None and self.extractor.class_names == self.classes:
                right_B = torch.cat(named) == labels_B
                scores["label-agreement"] = float(right_B.float().mean())
        return scores

    def _named(self, features_BD: Tensor) -> Tensor:
        """The class that each picture is taken for, (B,)."""
        return self.extractor.logits(features_BD).argmax(1).cpu()

    def _modes(self, images_BCHW: Tensor) -> Tensor:
        """One number for what the three channels are taken for: 1000 with ten classes, (B,)."""
        modes_B = torch.zeros(len(images_BCHW), dtype=torch.long)
        for channel_B1HW in images_BCHW.split(1, dim=1):
            named_B = self._named(self._features(channel_B1HW))
            modes_B = modes_B * self.extractor.num_classes + named_B
        return modes_B

    def _features(self, images_BCHW: Tensor) -> Tensor:
        return self.extractor(images_BCHW.add(1).div(2).clamp(0, 1).to(self.device))
