"""What photo, style and result are compared in: layers of a fixed network, by name.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from multigan.errors import PluginError, suggestion


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


def perceptual_features(name: str, *, weights: str | None = None) -> PerceptualFeatures:
    """Makes the features of a name, frozen.

    Args:
        name: "small" or "vgg19".
        weights: A file, for vgg19; None looks for it in torch hub's cache.

    Raises:
        PluginError: There are no such features, or they take no weights.
        CheckpointError: The weights are missing, damaged, or of another architecture.
    """
    from multigan.plugins.translation.stylize.random_features import RandomFeatures
    from multigan.plugins.translation.stylize.vgg import VGG19

    known = {"small": RandomFeatures, "vgg19": VGG19}
    if name not in known:
        raise PluginError(f"unknown features '{name}'{suggestion(name, known)}")
    if name == "vgg19":
        made: PerceptualFeatures = VGG19(weights)
    elif weights is not None:
        raise PluginError(f"features '{name}' need no file; leave the weights out")
    else:
        made = RandomFeatures()
    return made.eval().requires_grad_(False)
