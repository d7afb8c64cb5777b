"""Scores of generated pictures while a generator is trained."""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.image.adversarial.data import has_validation, open_pictures
from multigan.plugins.image.adversarial.recipe import ImageRecipe
from multigan.plugins.image.features import extractor
from multigan.plugins.image.scores import Summary, compare

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
        numbers = torch.arange(min(len(pictures), recipe.evaluate.samples))
        self.real = Summary(self.extractor, total=len(numbers))
        for some in numbers.split(CHUNK):
            images_BCHW = torch.stack([pictures.plain(int(i))["image"] for i in some])
            self.real.update(self._shown(images_BCHW))

    def __call__(self, images_BCHW: Tensor, labels_B: Tensor | None) -> dict[str, float]:
        """Scores of pictures in [-1, 1] and of the classes that they were asked for."""
        fake = Summary(self.extractor, total=len(images_BCHW))
        # Only a classifier of the very same classes can say whether the label is the right one.
        asked_B = labels_B if self.extractor.class_names == self.classes else None
        for some in torch.arange(len(images_BCHW)).split(CHUNK):
            fake.update(self._shown(images_BCHW[some]), None if asked_B is None else asked_B[some])
        if not self.stacked or not self.extractor.num_classes:
            return compare(fake, self.real, metrics=("frechet", "classes"))
        modes_N = torch.cat([self._modes(some) for some in images_BCHW.split(CHUNK)])
        found = float(len(modes_N.unique()))
        return {**compare(fake, self.real, metrics=("frechet",)), "modes": found}

    def _modes(self, images_BCHW: Tensor) -> Tensor:
        """One number for what the three channels are taken for: 1000 with ten classes, (B,)."""
        modes_B = torch.zeros(len(images_BCHW), dtype=torch.long)
        for channel_B1HW in self._shown(images_BCHW).split(1, dim=1):
            named_B = self.extractor.logits(self.extractor(channel_B1HW)).argmax(1).cpu()
            modes_B = modes_B * self.extractor.num_classes + named_B
        return modes_B

    def _shown(self, images_BCHW: Tensor) -> Tensor:
        """As an extractor takes them, on its device."""
        return images_BCHW.add(1).div(2).clamp(0, 1).to(self.device)
