"""What a trained classifier takes clips for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.errors import CheckpointError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.video.clips.dataset import Clips
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.clips.sources import list_reels
from multigan.plugins.video.networks.classifier import ClipClassifier


@dataclass(frozen=True)
class ClipClassifierOutput:
    """Named clips.

    Attributes:
        labels: the likeliest class of each clip.
        probabilities: float (N, K), one column a class, on the CPU.
    """

    labels: tuple[str, ...]
    probabilities: Tensor


class ClipClassifierPipeline(Pipeline):
    """Names what happens at the beginning of films.

        pipe = multigan.pipeline("sprite-actions")
        pipe(["one.gif", "two.mp4"]).labels       # ("walk-left", "hurt-down")

    Args:
        components: holds the "classifier".
        facts: "classes", names in the order of their numbers; "size", "frames" and "stride" of the
            clips that it looks at.

    Raises:
        CheckpointError: the facts do not fit the classifier.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        classifier, classes = components.get("classifier"), facts.get("classes")
        if not isinstance(classifier, ClipClassifier) or not isinstance(classes, list):
            raise CheckpointError("the model is damaged: no classifier of clips, or no classes")
        if len(classes) != classifier.classes:
            raise CheckpointError("the model is damaged: not as many names as classes")
        self.classifier = classifier
        self.classes: tuple[str, ...] = tuple(map(str, classes))
        self.data = {key: int(facts[key]) for key in ("size", "frames", "stride")}

    @torch.inference_mode()
    def __call__(self, films: str | Path | Sequence[str | Path]) -> ClipClassifierOutput:
        """Names films, each by its first frames; one that is too short is repeated.

        Args:
            films: files, or folders of films as in `multigan.plugins.video.clips.sources`.

        Raises:
            DataError: something that is not a film.
        """
        listed = [films] if isinstance(films, str | Path) else list(films)
        logits = []
        for film in listed:
            data: dict[str, Any] = {**self.data, "source": str(film), "short": "loop"}
            config = VideoData(**data)
            clips = Clips(list_reels(Path(film), config), config)
            for index in range(len(clips)):
                video_1TCHW = clips.plain(index)["video"][None].to(self.device)
                logits.append(self.classifier(video_1TCHW).float().cpu())
        probabilities_NK = torch.cat(logits or [torch.zeros(0, len(self.classes))]).softmax(1)
        names = tuple(self.classes[int(i)] for i in probabilities_NK.argmax(1))
        return ClipClassifierOutput(names, probabilities_NK)
