"""The latent space: drawing from it, staying where noise is at home, and ways through it.

Shape suffixes: B points, Z latents, K classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.errors import PluginError


@dataclass(frozen=True)
class Points:
    """What a generator makes pictures of.

    Attributes:
        latents: (B, Z), on the CPU.
        labels: class numbers (B,), or shares of the classes (B, K); None without classes.
        deviation: of each latent; less than 1 where they were truncated.
    """

    latents: Tensor
    labels: Tensor | None = None
    deviation: float = 1.0

    def each(self) -> tuple[Points, ...]:
        """The points one by one, as blends take them."""
        return tuple(
            Points(
                self.latents[i : i + 1],
                None if self.labels is None else self.labels[i : i + 1],
                self.deviation,
            )
            for i in range(len(self.latents))
        )


def draw_latents(count: int, size: int, *, seed: int) -> Tensor:
    """Standard normal latents (count, size): row i depends on the seed and on i only."""
    # On the CPU and row by row: on every device, and in every number, a seed means the same.
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(size, generator=generator) for _ in range(count)])


def truncated(latents_BZ: Tensor, limit: float | None) -> Tensor:
    """Maps normal numbers, in their order, to normal numbers cut off at +-limit.

    Through the distribution functions, so that the same seed gives the same picture, only tamer.

    Raises:
        PluginError: the limit is not positive.
    """
    if limit is None:
        return latents_BZ
    if not limit > 0:
        raise PluginError(f"truncation={limit}: give a number above 0; 0.5 to 1 is usual")
    inside = math.erf(limit / math.sqrt(2.0))
    return math.sqrt(2.0) * torch.erfinv(
        inside * torch.erf(latents_BZ.double() / math.sqrt(2.0))
    ).to(latents_BZ.dtype)


def truncated_deviation(limit: float | None) -> float:
    """The standard deviation of what `truncated` gives."""
    if limit is None or math.isinf(limit):
        return 1.0
    density = math.exp(-(limit**2) / 2.0) / math.sqrt(2.0 * math.pi)
    variance = 1.0 - 2.0 * limit * density / math.erf(limit / math.sqrt(2.0))
    # Near 0, where the difference above drowns in rounding, the numbers are all but uniform.
    return limit / math.sqrt(3.0) if limit < 1e-3 else math.sqrt(variance)


def slerp(start_Z: Tensor, end_Z: Tensor, share_B: Tensor) -> Tensor:
    """Points (B, Z) on the arc from one vector to another (Shoemake 1985; White 2016)."""
    angle = F.cosine_similarity(start_Z, end_Z, dim=0).clamp(-1.0, 1.0).acos()
    if angle.sin() < 1e-4:  # along one line there is no arc, or there are all
        return torch.lerp(start_Z, end_Z, share_B[:, None])
    before, after = (torch.sin((1 - share_B) * angle), torch.sin(share_B * angle))
    return (before[:, None] * start_Z + after[:, None] * end_Z) / angle.sin()
