"""Does the action pass on, and do the looks stay? On clips that were not trained on.

Every clip drives the first frame of another film, of another character where there are several.

Shape suffixes: B clips, T frames, C channels, H and W pixels.
"""

from __future__ import annotations

from collections import defaultdict

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
        self.truths = self._truths()

    @torch.no_grad()
    def __call__(self, extractor: nn.Module, animator: nn.Module) -> dict[str, float]:
        """Scores by name."""
        sums: dict[str, float] = defaultdict(float)
        found: list[str] = []
        for start in range(0, len(self.drivers), CHUNK):
            drivers = self.drivers[start : start + CHUNK]
            portraits = self.portraits[start : start + CHUNK]
            real_BTCHW = self._stacked(drivers)
            looks_BCHW = self._stacked(portraits)[:, 0]
            actions_BTA = extractor(real_BTCHW)
            own_BTCHW = animator(real_BTCHW[:, 0], actions_BTA).float()
            made_BTCHW = animator(looks_BCHW, actions_BTA).float()
            scores = {
                "reconstruction": _error(own_BTCHW, real_BTCHW),
                "reconstruction-copy": _error(real_BTCHW[:, :1], real_BTCHW),
                "looks-colours": _apart(looks_BCHW, made_BTCHW),
                "looks-colours-real": _apart(real_BTCHW[:, 0], real_BTCHW),
                "looks-colours-driving": _apart(real_BTCHW[:, 0], made_BTCHW),
            }
            if self.truths:
                truth_BTCHW = self._stacked(self.truths[start : start + CHUNK])
                scores["transfer-error"] = _error(made_BTCHW, truth_BTCHW)
                scores["transfer-error-copy"] = _error(looks_BCHW[:, None], truth_BTCHW)
                scores["looks-colours-truth"] = _apart(looks_BCHW, truth_BTCHW)
            for name, value_B in scores.items():
                sums[name] += float(value_B.sum())
            if self.judge is not None:
                shown = resized(made_BTCHW.add(1).div(2).clamp(0, 1), self.judge.size)
                named = self.judge.logits(self.judge.features(shown)).argmax(1).tolist()
                found += [self.judge.class_names[i] for i in named]
        means = {name: total / len(self.drivers) for name, total in sums.items()}
        return means | (self._recognised(found) if self.judge is not None else {})

    def _recognised(self, found: list[str]) -> dict[str, float]:
        """How often a judge finds the driving clip's action, and how often by chance."""
        assert self.judge is not None
        asked = [self.clips.reels[i].label for i in self.drivers]
        others = asked[1:] + asked[:1]
        right = sum(a == f for a, f in zip(asked, found, strict=True))
        by_chance = sum(a == f for a, f in zip(others, found, strict=True))
        return {
            f"transfer-{self.judge.name}": right / len(found),
            f"transfer-{self.judge.name}-shuffled": by_chance / len(found),
        }

    def _truths(self) -> list[int]:
        """For each pair the film in which the portrait's character really does it, if all have."""
        reels = self.clips.reels
        films = {(reel.group, reel.label): number for number, reel in enumerate(reels)}
        wanted = [
            films.get((reels[portrait].group, reels[driver].label))
            for portrait, driver in zip(self.portraits, self.drivers, strict=True)
        ]
        known = [number for number in wanted if number is not None]
        return known if len(known) == len(wanted) and reels[0].label else []

    def _stacked(self, numbers: list[int]) -> Tensor:
        return torch.stack([self.clips.plain(i)["video"] for i in numbers]).to(self.device)


def _error(made_BTCHW: Tensor, real_BTCHW: Tensor) -> Tensor:
    return (made_BTCHW - real_BTCHW).abs().mean((1, 2, 3, 4))


def _apart(portrait_BCHW: Tensor, clip_BTCHW: Tensor) -> Tensor:
    """How far the colours of a clip are from those of a portrait, (B,)."""
    both = torch.cat([portrait_BCHW[:, None], clip_BTCHW], dim=1).add(1).div(2).clamp(0, 1)
    shares_BTD = colour_shares(both)
    pairs = [content_distance(shares_BTD[:, [0, t]]) for t in range(1, shares_BTD.shape[1])]
    return torch.stack(pairs).mean(0)
