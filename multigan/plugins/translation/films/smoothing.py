"""Steady films: a style drawn frame by frame flickers, because grain tips lines over and back."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.plugins.translation.films.camera import camera_shift, shifted

# Shape suffixes: C colours, H and W pixels of a frame or drawing, h and w half as many.
LONGEST = 0.95  # the most that memory may weigh, at strength 1: about 20 frames
SURE = 4.0  # levels out of 255 by which still surroundings may differ, beyond their grain
MOST_GRAIN = 4.0  # levels of blurred difference up to which it can be grain and not a moving camera
CUT = 0.25  # where less of the picture than this is as it was, it is another scene


class TemporalSmoothing:
    """Averages drawings over time where the scene stays as it was, and nowhere else.

    It remembers two running averages with the same weights: of what was given and of what was
    drawn. Both are moved along with the camera. Where a new frame then agrees with the remembered
    one, the remembered drawing is blended in. Since the comparison is with all that the memory is
    made of, and not with the last frame, slow changes cannot creep past it and leave ghosts.
    Temporal anti-aliasing rejects its history in this way (Karis 2014).

    Agreement is judged on 6x6 pixels at a time, in which grain cancels and motion does not, and
    disagreement spreads to its surroundings, because a network's lines reach beyond what moved. How
    much grain there is shows in the median difference, as long as it is small enough to be grain. A
    new size or scene starts afresh.

    Args:
        strength: 0 leaves every drawing as it is, 1 averages over about 20 frames.

    Raises:
        ValueError: A strength outside of [0, 1].
    """

    def __init__(self, strength: float = 0.8) -> None:
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"strength must be from 0 to 1, not {strength}")
        self.weight = LONGEST * strength
        self._memory: tuple[Tensor, Tensor] | None = None  # of frames and drawings

    def reset(self) -> None:
        """Forgets everything."""
        self._memory = None

    @torch.inference_mode()
    def __call__(self, given: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Steadies the next drawing.

        Args:
            given: The frame that was drawn, uint8 (H, W, 3).
            drawn: The drawing, uint8 (H, W, 3).

        Returns:
            uint8 (H, W, 3).
        """
        if self.weight == 0.0:
            return drawn
        x_1CHW, y_1CHW = _tensor(given), _tensor(drawn)
        memory = self._memory
        if memory is None or memory[0].shape != x_1CHW.shape or memory[1].shape != y_1CHW.shape:
            self._memory = x_1CHW, y_1CHW
            return drawn
        x_before, y_before = _follow(memory, x_1CHW)
        still_11hw = _still(x_1CHW - x_before)
        if still_11hw.mean() < CUT:
            self._memory = x_1CHW, y_1CHW
            return drawn
        weight_11hw = still_11hw.mul_(self.weight)
        x_1CHW.lerp_(x_before, _enlarged(weight_11hw, x_1CHW))
        y_1CHW.lerp_(y_before, _enlarged(weight_11hw, y_1CHW))
        self._memory = x_1CHW, y_1CHW
        return y_1CHW.round().to(torch.uint8)[0].permute(1, 2, 0).numpy()


def _follow(memory: tuple[Tensor, Tensor], x_1CHW: Tensor) -> tuple[Tensor, Tensor]:
    """What is remembered of frame and drawing, moved as the camera has moved."""
    x_before, y_before = memory
    dy, dx = camera_shift(x_before.mean(1, keepdim=True), x_1CHW.mean(1, keepdim=True))
    if dy == dx == 0.0:
        return memory
    larger = y_before.shape[-1] / x_before.shape[-1]  # a model may enlarge
    return (
        shifted(x_before, dy, dx).clamp_(0, 255),
        shifted(y_before, larger * dy, larger * dx).clamp_(0, 255),
    )


def _still(difference_1CHW: Tensor) -> Tensor:
    """1 where a picture stands still, 0 where it moves, (1, 1, h, w) at half its size."""
    net = _blurred(difference_1CHW).abs_().amax(dim=1, keepdim=True)
    # Fine texture that slides cancels like grain; but there is more of it than elsewhere.
    gross = _blurred(difference_1CHW.abs()).amax(dim=1, keepdim=True)
    grain = _grain(gross, 4 * MOST_GRAIN)
    excess = gross - 1.5 * grain
    distance = torch.maximum(net, excess)
    allowed = SURE + 3.0 * _grain(net, MOST_GRAIN)
    near = F.max_pool2d(distance, 5, stride=1, padding=2)
    return (2.0 - near / allowed).clamp_(0.0, 1.0)


def _grain(distance_11hw: Tensor, most: float) -> float:
    """The median; but beyond what can be grain the camera moves, and nothing must be excused."""
    median = float(distance_11hw.median())
    return max(0.0, min(median, 2.0 * most - median))


def _blurred(x_1CHW: Tensor) -> Tensor:
    """Means of 6x6 pixels at half the size."""
    half = F.avg_pool2d(x_1CHW, 2, ceil_mode=True)
    return F.avg_pool2d(half, 3, stride=1, padding=1, count_include_pad=False)


def _enlarged(x_11hw: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x_11hw, size=like.shape[-2:], mode="bilinear", align_corners=False)


def _tensor(pixels: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) as (1, 3, H, W) in levels, in memory as it was."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
