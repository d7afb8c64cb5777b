"""A picture that does what a film shows, or what noise makes of it.

Shape suffixes: T frames, C channels, H and W pixels, A actions, E noise.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.inputs import ImageInput, read_pictures
from multigan.data.pixels import over_white
from multigan.data.transforms import image_transform
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.video.clips.dataset import Clips
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.clips.sources import list_reels
from multigan.plugins.video.pipeline import VideoOutput, save_clips

CHUNK = 64  # frames at once


class AnimatePipeline(Pipeline):
    """Animates pictures.

        pipe = multigan.pipeline("runs/animate")
        pipe("portrait.png", driving="dance.mp4").clips

    Args:
        components: "extractor", "animator" and perhaps "action-generator".
        facts: "frames" of a clip in training and "rate", frames a second.

    Raises:
        CheckpointError: a network is missing.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        if not {"extractor", "animator"} <= set(components):
            raise CheckpointError("the model is damaged: no extractor of actions, or no animator")
        self.extractor: Any = components["extractor"]
        self.animator: Any = components["animator"]
        self.frames, self.rate = int(facts["frames"]), float(facts["rate"])

    @torch.inference_mode()
    def __call__(self, portrait: ImageInput, *, driving: str | Path) -> VideoOutput:
        """A picture does what a film shows, frame for frame.

        Args:
            portrait: any size; its middle square is taken. Transparent pixels become white.
            driving: a video, an animation, or a folder of frames.

        Raises:
            DataError: something that is not a picture or not a film.
        """
        actions_TA, rate = self.actions(driving)
        return self._played(portrait, actions_TA[None], rate=rate)

    @torch.inference_mode()
    def actions(self, driving: str | Path) -> tuple[Tensor, float]:
        """What happens in a film: (T, A), and its frames a second."""
        config = VideoData(source=str(driving), size=self.animator.size)
        reels = list_reels(Path(driving), config)
        if len(reels) != 1:
            raise DataError(f"{driving}: {len(reels)} films; name one of them")
        reel = reels[0]
        clips = Clips(reels, config)
        count, parts = reel.count(), []
        if count < 2:
            raise DataError(f"{driving}: {count} frame is no film")
        for start in range(0, count, CHUNK):
            # The action of a frame needs the frame before it.
            first = max(0, start - 1)
            numbers = torch.arange(first, min(start + CHUNK, count))
            video_1TCHW = clips.frames(0, numbers)[None].to(self.device)
            parts.append(self.extractor(video_1TCHW)[0, start - first :])
        return torch.cat(parts), reel.rate()

    @torch.inference_mode()
    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        length: int | None = None,
        portrait: str | None = None,
        format: str = "mp4",
    ) -> VideoOutput:
        """A picture does something: what ``multigan sample RUN --portrait me.png`` calls.

        Raises:
            PluginError: no portrait, or the model has not learnt to make actions.
        """
        if portrait is None:
            raise PluginError("this model animates pictures: name one with --portrait")
        if "action-generator" not in self.components:
            raise PluginError("this model makes no actions (steps.actions=0); use multigan animate")
        generator: Any = self.components["action-generator"]
        length = self.frames if length is None else length
        if length < 2:
            raise PluginError(f"length={length}: ask for a clip of two frames")
        drawn = torch.Generator().manual_seed(seed)
        noise = [torch.randn(length + 1, generator.noise, generator=drawn) for _ in range(count)]
        actions_BTA = generator(torch.stack(noise).to(self.device))
        made = self._played(portrait, actions_BTA, rate=self.rate)
        return VideoOutput(made.clips, made.rate, (), format)

    def save_samples(self, result: VideoOutput, path: Path) -> list[Path]:
        """Writes clips, see `multigan.plugins.video.pipeline.save_clips`."""
        return save_clips(result, path)

    def _played(self, portrait: ImageInput, actions_BTA: Tensor, *, rate: float) -> VideoOutput:
        shown = read_pictures(portrait)[0]
        fit = image_transform(self.animator.size, crop="centre", flip=False)
        looks_1CHW = fit(over_white(shown.rgb, shown.alpha))[None].to(self.device)
        looks_BCHW = looks_1CHW.expand(len(actions_BTA), -1, -1, -1)
        made_BTCHW = self.animator(looks_BCHW, actions_BTA).float()
        return VideoOutput(made_BTCHW.add(1).div(2).clamp(0, 1).cpu(), rate)
