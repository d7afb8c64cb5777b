"""The latents of a picture where no encoder knows them: found by search (AnoGAN, Schlegl 2017).

Many pictures are drawn; from the latents of the few that are nearest to the given one, gradients
lead on. With classes the drawn ones are of all classes, so the search settles the class as well.

Shape suffixes: B pictures, N drawn pictures, S starts, C channels, H and W pixels, Z latents.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CHUNK = 128  # pictures drawn at once


@dataclass(frozen=True)
class Search:
    """How hard to look.

    Attributes:
        drawn: pictures to begin among.
        starts: of them, how many are followed.
        steps: of Adam from each.
        lr: of Adam.
        seed: of what is drawn.
    """

    drawn: int = 512
    starts: int = 4
    steps: int = 100
    lr: float = 0.05
    seed: int = 0


DEFAULT = Search()


def invert(
    generator: nn.Module,
    x_BCHW: Tensor,
    *,
    scores: Callable[[Tensor, Tensor], Tensor],
    latents: int,
    classes: int = 0,
    search: Search = DEFAULT,
) -> tuple[Tensor, Tensor | None]:
    """Finds latents whose pictures score low against the given ones.

    What is found for one picture does not depend on the others.

    Args:
        generator: latents (B, Z) and labels (B,) to pictures, in eval mode.
        x_BCHW: the given pictures in [-1, 1].
        scores: given and made pictures to scores (B,).
        latents: Z.
        classes: that the generator knows; 0 for one without labels.
        search: how hard to look.

    Returns:
        Latents (B, Z), and labels (B,) or None.
    """
    drawing = torch.Generator().manual_seed(search.seed)
    drawn_NZ = torch.randn(search.drawn, latents, generator=drawing).to(x_BCHW.device)
    labels_N = torch.arange(search.drawn, device=x_BCHW.device) % classes if classes else None
    starts = min(search.starts, search.drawn)
    with torch.no_grad():
        made_N = _made(generator, drawn_NZ, labels_N).flatten(1)
        distance_BN = torch.cdist(x_BCHW.flatten(1).float(), made_N.float())
        nearest_B = distance_BN.topk(starts, largest=False).indices.flatten()  # B times S
    given_BCHW = x_BCHW.repeat_interleave(starts, dim=0)
    labels_B = None if labels_N is None else labels_N[nearest_B]
    with torch.enable_grad():
        latents_BZ = drawn_NZ[nearest_B].clone().requires_grad_()
        adam = torch.optim.Adam([latents_BZ], lr=search.lr)
        for _ in range(search.steps):
            loss = scores(given_BCHW, generator(latents_BZ, labels_B)).sum()
            (latents_BZ.grad,) = torch.autograd.grad(loss, latents_BZ)
            adam.step()
    with torch.no_grad():
        reached_BS = scores(given_BCHW, generator(latents_BZ, labels_B)).view(-1, starts)
        best_B = reached_BS.argmin(1) + starts * torch.arange(len(x_BCHW), device=x_BCHW.device)
    return latents_BZ.detach()[best_B], None if labels_B is None else labels_B[best_B]


def _made(generator: nn.Module, latents_NZ: Tensor, labels_N: Tensor | None) -> Tensor:
    parts = []
    for start in range(0, len(latents_NZ), CHUNK):
        some = slice(start, start + CHUNK)
        parts.append(generator(latents_NZ[some], None if labels_N is None else labels_N[some]))
    return torch.cat(parts)
