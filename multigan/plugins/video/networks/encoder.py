"""From a frame to the content of its clip.

Shape suffixes: B frames, C channels, H and W pixels, Z content.
"""

from __future__ import annotations

from torch import Tensor, nn

from multigan.nn.network import Network
from multigan.plugins.video.networks.parts import BASE, halvings, widths


class ContentEncoder(Network):
    """What a frame says about the content, as a normal distribution (Kingma and Welling 2014).

    Args:
        size: side of the frame.
        content: Z.
        width: channels after the first halving.
        widest: most channels anywhere.
    """

    def __init__(
        self, *, size: int = 64, content: int = 50, width: int = 64, widest: int = 512
    ) -> None:
        super().__init__()
        channels = (3, *reversed(widths(size, width=width, widest=widest)))
        self.layers = halvings(*channels)
        self.head = nn.Linear(channels[-1] * BASE**2, 2 * content)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and logarithm of the variance, (B, Z) each."""
        mean_BZ, log_variance_BZ = self.head(self.layers(x_BCHW).flatten(1)).chunk(2, dim=1)
        return mean_BZ, log_variance_BZ.clamp(-10, 10)
