"""Large pictures through networks that normalise over the whole picture.

Cut into tiles, each tile would be normalised by itself: seams, and other colours in every tile. So
the statistics are taken beforehand from the whole picture made smaller, and every tile is then
computed with them: no seams, and colours close to those of the picture computed at once. Counting
the statistics on the tiles themselves is no better way: what a layer sees while the layers before
it still have other statistics than it will have in the end is so far off that repeating it
diverges, and layer by layer it takes as many passes as there are layers.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn


def with_statistics_of(generator: nn.Module, x_1CHW: Tensor) -> nn.Module:
    """A copy of a network in which every norm uses the statistics that it has on this picture.

    It shares the weights with the original, which is left alone, so that several pictures may be
    translated at the same time.

    Args:
        generator: With ``nn.InstanceNorm2d`` or ``nn.GroupNorm``.
        x_1CHW: One picture.
    """
    shared = {id(tensor): tensor for tensor in (*generator.parameters(), *generator.buffers())}
    copied = copy.deepcopy(generator, shared)
    for parent in list(copied.modules()):
        for name, child in parent.named_children():
            if is_over_picture(child):
                setattr(parent, name, _PictureNorm(child))
    copied(x_1CHW)
    return copied


def is_over_picture(module: nn.Module) -> bool:
    """Whether this layer's result at one place depends on the whole picture."""
    if isinstance(module, nn.InstanceNorm2d):
        return not module.track_running_stats
    return isinstance(module, nn.GroupNorm)


class _PictureNorm(nn.Module):
    """Instance or group norm that keeps the statistics of the first picture it sees.

    Args:
        norm: The layer in whose place it stands.
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm
        self.scale_1C11: Tensor | None = None
        self.shift_1C11: Tensor | None = None

    def forward(self, x_BCHW: Tensor) -> Tensor:
        if self.scale_1C11 is None or self.shift_1C11 is None:
            self.scale_1C11, self.shift_1C11 = self._fitted(x_BCHW)
        return torch.addcmul(self.shift_1C11, x_BCHW, self.scale_1C11)

    def _fitted(self, x_1CHW: Tensor) -> tuple[Tensor, Tensor]:
        """The norm as a scale and a shift for each channel."""
        norm: Any = self.norm
        channels = x_1CHW.shape[1]
        groups = norm.num_groups if isinstance(norm, nn.GroupNorm) else channels
        values_GN = x_1CHW.float().reshape(groups, -1)
        variance_G, mean_G = torch.var_mean(values_GN, dim=1, correction=0)
        scale_C = (variance_G + norm.eps).rsqrt().repeat_interleave(channels // groups)
        mean_C = mean_G.repeat_interleave(channels // groups)
        if norm.weight is not None:
            scale_C = scale_C * norm.weight
        shift_C = -mean_C * scale_C
        if norm.bias is not None:
            shift_C = shift_C + norm.bias
        shape = (1, -1, 1, 1)
        return scale_C.to(x_1CHW.dtype).view(shape), shift_C.to(x_1CHW.dtype).view(shape)
