"""The classifier: five convolutions, a mean over the picture, one linear layer.

Shape suffixes: B pictures, C channels, H and W pixels, D features, K classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from multigan.nn.network import Network


class Classifier(Network):
    """Class logits of small pictures, and the features that they are read from.

    Args:
        classes: K.
        channels: C, of the pictures.
        width: channels after the first convolution.
        features: D.
    """

    def __init__(
        self, *, classes: int = 10, channels: int = 1, width: int = 24, features: int = 128
    ) -> None:
        super().__init__()
        self.channels = channels
        self.classes = classes
        self.body = nn.Sequential(
            *_convolution(channels, width),
            *_convolution(width, 2 * width, stride=2),
            *_convolution(2 * width, 2 * width),
            *_convolution(2 * width, 4 * width, stride=2),
            *_convolution(4 * width, features),
        )
        self.head = nn.Linear(features, classes)

    def features(self, x_BCHW: Tensor) -> Tensor:
        """Non-negative features (B, D) of pictures in [-1, 1]."""
        h_BDHW = self.body(x_BCHW)
        return h_BDHW.mean(dim=(2, 3))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Logits (B, K) of pictures in [-1, 1]."""
        return self.head(self.features(x_BCHW))


def _convolution(before: int, after: int, *, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU()]
