"""Does the action pass on, and do the looks stay? On clips that were not trained on.

Every clip drives the first frame of another film, of another character where there are several.

Shape suffixes: B clips, T frames, C channels, H and W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from multigan.errors import PluginError
from multigan.metrics.content_distance import colour_shares, content_distance
from multigan.plugins.video.clips.dataset import open_clips
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.features import extractor as make_features
from multigan.plugins.video.mocogan.recipe import VideoEvaluate
from multigan.plugins.video.scores import resized

CHUNK = 16


class Transfer:
    """Scores an extractor and an animator.

    Args:
        config: a clip classifier's features name the actions; "none" scores no actions.
        data: the clips of the training; its held-out ones are used, if there are any.
        device: where to compute.

    Raises:
        MultiganError: no such features, or they tell no classes.
    """

    def __init__(self, config: VideoEvaluate, data: VideoData, *, device: torch.device) -> None:
        self.device, self.judge = device, None
        if config.features != "none":
            self.judge = make_features(config.features, weights=config.weights or None)
            self.judge.to(device)
            if not self.judge.class_names:
                raise PluginError(f"the features {config.features} tell no actions apart")
            data = data.model_copy(update={"frames": self.judge.frames, "within": 0})
        held_out = data.held_out or data.source.startswith("builtin:")
        clips = open_clips(data, labelled=False, split="validation" if held_out else "train")
        self.clips = clips
        generator = torch.Generator().manual_seed(0)
        self.drivers = torch.randperm(len(clips), generator=generator)[: config.samples].tolist()
        # Portraits: the same films in another order, so that nearly every pair differs in looks.
        shift = max(1, len(self.drivers) // 2)
        self.portraits = self.drivers[shift:] + self.drivers[:shift]

    @torch.no_grad()
    def __call__(self, extractor: nn.Module, animator: nn.Module) -> dict[str, float]:
        """Scores by name."""
        error = copied = apart = apart_real = 0.0
        asked: list[str] = []
        found: list[str] = []
        for start in range(0, len(self.drivers), CHUNK):
            some = slice(start, start + CHUNK)
            real_BTCHW = self._stacked(self.drivers[some])
            looks_BCHW = self._stacked(self.portraits[some])[:, 0]
            actions_BTA = extractor(real_BTCHW)
            own_BTCHW = animator(real_BTCHW[:, 0], actions_BTA).float()
            error += float((own_BTCHW - real_BTCHW).abs().mean((1, 2, 3, 4)).sum())
            copied += float((real_BTCHW[:, :1] - real_BTCHW).abs().mean((1, 2, 3, 4)).sum())
            made_BTCHW = animator(looks_BCHW, actions_BTA).float()
            apart += float(_apart(looks_BCHW, made_BTCHW).sum())
            apart_real += float(_apart(real_BTCHW[:, 0], real_BTCHW).sum())
            if self.judge is not None:
                shown = resized(made_BTCHW.add(1).div(2).clamp(0, 1), self.judge.size)
                named = self.judge.logits(self.judge.features(shown)).argmax(1).tolist()
                found += [self.judge.class_names[i] for i in named]
                asked += [self.clips.reels[i].label for i in self.drivers[some]]
        count = len(self.drivers)
        scores = {
            "reconstruction": error / count,
            "reconstruction-copy": copied / count,
            "looks-colours": apart / count,
            "looks-colours-real": apart_real / count,
        }
        if self.judge is not None:
            others = asked[1:] + asked[:1]
            right = sum(a == f for a, f in zip(asked, found, strict=True))
            by_chance = sum(a == f for a, f in zip(others, found, strict=True))
            scores[f"transfer-{self.judge.name}"] = right / count
            scores[f"transfer-{self.judge.name}-shuffled"] = by_chance / count
        return scores

    def _stacked(self, numbers: list[int]) -> Tensor:
        return torch.stack([self.clips.plain(i)["video"] for i in numbers]).to(self.device)


def _apart(portrait_BCHW: Tensor, clip_BTCHW: Tensor) -> Tensor:
    """How far the colours of a clip are from those of a portrait, (B,)."""
    both = torch.cat([portrait_BCHW[:, None], clip_BTCHW], dim=1).add(1).div(2).clamp(0, 1)
    shares_BTD = colour_shares(both)
    pairs = [content_distance(shares_BTD[:, [0, t]]) for t in range(1, shares_BTD.shape[1])]
    return torch.stack(pairs).mean(0)
