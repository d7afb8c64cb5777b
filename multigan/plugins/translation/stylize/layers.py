"""What all perceptual features share: a picture in, some layers of a fixed network out.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Layers:
    """Layers (B, C, H, W), each with sizes of its own.

    Attributes:
        style: Their Gram matrices are the style.
        content: They tell what is where.
    """

    style: list[Tensor]
    content: list[Tensor]


class PerceptualFeatures(nn.Module, ABC):
    """A fixed network that looks at RGB pictures in [-1, 1].

    Attributes:
        smallest: Shortest side, in pixels, of pictures that it can look at.
    """

    smallest: int

    @abstractmethod
    def forward(self, x_BCHW: Tensor) -> Layers:
        """The layers of pictures."""
