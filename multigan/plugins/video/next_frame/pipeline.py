"""Going on with a film.

Shape suffixes: B films, P past frames, C channels, H and W pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.video.clips.dataset import Clips
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.clips.sources import list_reels
from multigan.plugins.video.pipeline import VideoOutput, save_clips


class NextFramePipeline(Pipeline):
    """Goes on where a film ends.

        pipe = multigan.pipeline("runs/next-frame")
        pipe("beginning.gif", length=12).clips    # its last frames, and twelve more

    Args:
        components: holds the "predictor".
        facts: "rate", frames a second of clips in training.

    Raises:
        CheckpointError: the predictor is missing.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        if "predictor" not in components:
            raise CheckpointError("the model is damaged: no predictor of frames")
        self.predictor: Any = components["predictor"]
        self.rate = float(facts["rate"])

    @torch.inference_mode()
    def __call__(
        self, past: str | Path, *, length: int = 8, count: int = 1, seed: int = 0
    ) -> VideoOutput:
        """The frames that the prediction is made from, and those that are predicted.

        Args:
            past: a video, an animation or a folder of frames, as fast as those of the training.
            length: frames to predict.
            count: continuations of the same beginning.
            seed: of what the past leaves open.

        Raises:
            DataError: not one film, or too short a one.
            PluginError: an argument is out of range.
        """
        if length < 1 or count < 1:
            raise PluginError(f"count={count}, length={length}: ask for one frame at least")
        config = VideoData(source=str(past), size=self.predictor.size)
        reels = list_reels(Path(past), config)
        frames, needed = reels[0].count(), self.predictor.past
        if len(reels) != 1:
            raise DataError(f"{past}: {len(reels)} films; name one of them")
        if frames < needed:
            raise DataError(f"{past}: {frames} frames, but a prediction needs {needed}")
        last = torch.arange(frames - needed, frames)
        past_1PCHW = Clips(reels, config).frames(0, last)[None]
        past_BPCHW = torch.cat([past_1PCHW] * count).to(self.device)
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, length, self.predictor.noise, generator=generator)
        made_BTCHW = self.predictor(past_BPCHW, noise.to(self.device))
        whole = torch.cat([past_BPCHW, made_BTCHW], dim=1).float()
        return VideoOutput(whole.add(1).div(2).clamp(0, 1).cpu(), self.rate)

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        length: int = 8,
        past: str | None = None,
        format: str = "mp4",
    ) -> VideoOutput:
        """What ``multigan sample RUN --past beginning.gif`` calls."""
        if past is None:
            raise PluginError("this model goes on with films: name one with --past")
        made = self(past, length=length, count=count, seed=seed)
        return VideoOutput(made.clips, made.rate, (), format)

    def save_samples(self, result: VideoOutput, path: Path) -> list[Path]:
        """Writes clips, see `multigan.plugins.video.pipeline.save_clips`."""
        return save_clips(result, path)
