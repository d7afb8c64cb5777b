"""What a trained classifier takes pictures for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.inputs import ImageInput, read_pictures
from multigan.data.pixels import over_white
from multigan.data.transforms import image_transform
from multigan.errors import CheckpointError, PluginError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.image.adversarial.data import in_colours
from multigan.plugins.image.pipeline import ImageOutput, ImagePipeline

CHUNK = 500  # pictures at once


@dataclass(frozen=True)
class ClassifierOutput:
    """Named pictures.

    Attributes:
        labels: the likeliest class of each picture.
        probabilities: float (N, K), one column a class, on the CPU.
    """

    labels: tuple[str, ...]
    probabilities: Tensor


class ClassifierPipeline(Pipeline):
    """Names pictures.

        pipe = multigan.pipeline("digits-classifier")
        pipe(["three.png", "four.png"]).labels    # ("3", "4")

    A model that was trained against a generator brings it along, and `sample` makes its pictures.

    Args:
        components: holds the "classifier".
        facts: "classes", names in the order of their numbers; "size" and "colours" of pictures.

    Raises:
        CheckpointError: the facts do not fit the classifier.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        classifier, classes = components.get("classifier"), facts.get("classes")
        if classifier is None or facts.get("colours") not in ("grey", "rgb"):
            raise CheckpointError("the model is damaged: no classifier of pictures, or no colours")
        if not isinstance(classes, list) or len(classes) != classifier.classes:
            raise CheckpointError("the model is damaged: not as many names as classes")
        self.classifier = classifier.to(memory_format=torch.channels_last)
        self.classes: tuple[str, ...] = tuple(map(str, classes))
        self.colours: str = facts["colours"]
        self._fit = image_transform(int(facts["size"]), crop="centre", flip=False)
        self._generate: ImagePipeline | None = None
        if "generator" in components:
            drawn = {"generator": components["generator"]}
            self._generate = ImagePipeline(drawn, {**facts, "classes": []})

    @torch.inference_mode()
    def __call__(self, images: ImageInput | Sequence[ImageInput]) -> ClassifierOutput:
        """Names one picture or several, of any sizes: the middle square of each is looked at.

        Args:
            images: see `multigan.data.inputs.read_pictures`.

        Raises:
            DataError: something that is not a picture.
        """
        prepared = [
            self._fit(in_colours(over_white(picture.rgb, picture.alpha), self.colours))
            for picture in read_pictures(images)
        ]
        if not prepared:
            return ClassifierOutput((), torch.zeros(0, len(self.classes)))
        logits = [
            self.classifier(part.to(self.device)).float().cpu()
            for part in torch.stack(prepared).split(CHUNK)
        ]
        probabilities_NK = torch.cat(logits).softmax(1)
        names = tuple(self.classes[int(i)] for i in probabilities_NK.argmax(1))
        return ClassifierOutput(names, probabilities_NK)

    def sample(self, count: int, *, seed: int = 0, truncation: float | None = None) -> ImageOutput:
        """Pictures of the generator that the classifier was trained against.

        Raises:
            PluginError: it was trained without one.
        """
        if self._generate is None:
            raise PluginError("this model is a classifier: it names pictures and makes none")
        return self._generate(count, seed=seed, truncation=truncation)

    def save_samples(self, result: ImageOutput, path: Path) -> list[Path]:
        """Writes them, see `ImagePipeline.save_samples`."""
        if self._generate is None:
            raise PluginError("this model is a classifier: it names pictures and makes none")
        return self._generate.save_samples(result, path)
