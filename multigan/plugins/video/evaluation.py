"""Scores of generated clips while a generator is trained."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from multigan.errors import PluginError
from multigan.plugins.video.clips.dataset import Clips, open_clips
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.features import extractor
from multigan.plugins.video.mocogan.recipe import VideoEvaluate
from multigan.plugins.video.scores import Summary, compare

CHUNK = 32  # clips looked at together


class Evaluation:
    """Compares generated clips with real ones, held-out ones where there are any.

    Args:
        config: names the features and how many clips.
        data: the clips of the training.
        classes: their names, in the order of their numbers.
        longest: frames that the generator has learnt to make.
        device: where the features are computed.

    Raises:
        MultiganError: no such features, or they look at more frames than that.
    """

    def __init__(
        self,
        config: VideoEvaluate,
        data: VideoData,
        *,
        classes: Sequence[str],
        longest: int,
        device: torch.device,
    ) -> None:
        self.extractor = extractor(config.features, weights=config.weights or None)
        self.extractor.to(device)
        self.classes, self.device = classes, device
        if self.extractor.frames > longest:
            raise PluginError(
                f"the features {self.extractor.name} look at {self.extractor.frames} frames, and "
                f"{longest} are trained; raise data.frames, or set evaluate.features=none"
            )
        data = data.model_copy(update={"frames": self.extractor.frames, "within": 0})
        held_out = data.held_out or data.source.startswith("builtin:")
        real = open_clips(data, labelled=False, split="validation" if held_out else "train")
        self.real = Summary(self.extractor)
        # Spread over all classes, however the films are sorted.
        numbers = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
        for some in numbers[: config.samples].split(CHUNK):
            self.real.update(self._shown(_stacked(real, some)))

    def __call__(self, clips_BTCHW: Tensor, labels_B: Tensor | None) -> dict[str, float]:
        """Scores of clips in [-1, 1] and of the classes that they were asked for."""
        fake = Summary(self.extractor)
        for some in torch.arange(len(clips_BTCHW)).split(CHUNK):
            asked = None
            if labels_B is not None and self.classes:
                asked = [self.classes[int(i)] for i in labels_B[some]]
            fake.update(self._shown(clips_BTCHW[some]), asked)
        return compare(fake, self.real)

    def _shown(self, clips_BTCHW: Tensor) -> Tensor:
        return clips_BTCHW.add(1).div(2).clamp(0, 1).to(self.device)


def _stacked(clips: Clips, numbers: Tensor) -> Tensor:
    return torch.stack([clips.plain(int(number))["video"] for number in numbers])
