"""Steady films: a style drawn frame by frame flickers, because grain tips lines over and back."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

LONGEST = 0.95  # the most that memory may weigh, at strength 1: about 20 frames
SURE = 4.0  # levels out of 255 by which still surroundings may differ, beyond their grain
MOST_GRAIN = 4.0  # levels of blurred difference up to which it can be grain and not a moving camera
CUT = 0.25  # where less of the picture than this is as it was, it is another scene


class TemporalSmoothing:
    """Averages drawings over time where the scene stands still, and nowhere else.

    It remembers two running averages with the same weights: of what was given and of what was
    drawn. Where a new frame agrees with the remembered one, the remembered drawing is blended in.
    Since the comparison is with all that the memory is made of, and not with the last frame, slow
    changes cannot creep past it and leave ghosts. (In the spirit of temporal anti-aliasing, which
    rejects its history likewise: Karis 2014; and of temporal noise filters in video coding.)

    Agreement is judged on differences averaged over 6x6 pixels, in which grain cancels and motion
    does not, and which spread to their surroundings, because a network's lines reach beyond what
    moved. How much grain there is shows in the median difference, as long as it is small enough to
    be grain. A new size or scene starts afresh.

    Args:
        strength: 0 leaves every drawing as it is, 1 averages over about 20 frames.

    Raises:
        ValueError: A strength outside of [0, 1].
    """

    def __init__(self, strength: float = 0.8) -> None:
        if not 0.0 <= strength <= 1.0:
            raise ValueError(f"strength must be from 0 to 1, not {strength}")
        self.weight = LONGEST * strength
        self._given: Tensor | None = None
        self._drawn: Tensor | None = None

    def reset(self) -> None:
        """Forgets everything."""
        self._given = self._drawn = None

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
        if self._given is None or self._drawn is None or self._given.shape != x_1CHW.shape:
            self._given, self._drawn = x_1CHW, y_1CHW
            return drawn
        still_11HW = _still(x_1CHW - self._given)
        if still_11HW.mean() < CUT:
            self._given, self._drawn = x_1CHW, y_1CHW
            return drawn
        weight_11HW = still_11HW.mul_(self.weight)
        self._given = x_1CHW.lerp_(self._given, weight_11HW)
        self._drawn = y_1CHW.lerp_(self._drawn, weight_11HW)
        return self._drawn.round().to(torch.uint8)[0].permute(1, 2, 0).numpy()


def _still(difference_1CHW: Tensor) -> Tensor:
    """1 where a picture stands still, 0 where it moves, (1, 1, H, W)."""
    height, width = difference_1CHW.shape[-2:]
    half = F.avg_pool2d(difference_1CHW, 2, ceil_mode=True)
    blurred = F.avg_pool2d(half, 3, stride=1, padding=1, count_include_pad=False)
    distance = blurred.abs_().amax(dim=1, keepdim=True)
    grain = float(distance.median())
    # Beyond what grain can be, the camera moves: then a large median must not excuse anything.
    allowed = SURE + 3.0 * max(0.0, min(grain, 2.0 * MOST_GRAIN - grain))
    near = F.max_pool2d(distance, 5, stride=1, padding=2)
    still = (2.0 - near / allowed).clamp_(0.0, 1.0)
    return F.interpolate(still, size=(height, width), mode="bilinear", align_corners=False)


def _tensor(pixels: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) as (1, 3, H, W) in levels, in memory as it was."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
