"""What looks at clips for a score.

Shape suffixes: B clips, T frames, C channels, H and W pixels, D features, K classes.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor


class ClipFeatures(Protocol):
    """An extractor.

    Attributes:
        name: as scores carry it.
        protocol: one line that says exactly what is done to a clip.
        frames: of a clip.
        size: side of the frames that it is given; 0 takes any.
        anywhere: its protocol cuts real clips at random places of their films, and not at the
            beginning.
        class_names: of the classes that it can tell; empty where it cannot.
    """

    name: str
    protocol: str
    frames: int
    size: int
    anywhere: bool
    class_names: tuple[str, ...]

    def to(self, device: torch.device | str) -> object:
        """Moves it."""
        ...

    def features(self, x_BTCHW: Tensor) -> Tensor:
        """(B, D) of clips in [0, 1]."""
        ...

    def logits(self, features_BD: Tensor) -> Tensor:
        """(B, K), where there are classes."""
        ...

    def score_name(self, metric: str, *, count: int) -> str:
        """What a score is called that compares so many clips by these features."""
        ...
