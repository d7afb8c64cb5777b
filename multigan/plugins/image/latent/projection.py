"""From a picture back to latents: the point whose picture is nearest to a given one.

The search begins at what the model's encoder says, or at the nearest of many random pictures, and
goes on by gradient descent in the pixels (Zhu et al. 2016). Far from the sphere of radius sqrt(Z),
around which normal latents lie, a generator has never been trained; a pull keeps the search there.
A distance in features beside the pixels (random convolutions) brought digits no nearer.

Once the latents are fitted, nearly every class can draw nearly every picture. So the class is told
before: by whose random pictures are nearest.

Shape suffixes: B pictures, N random pictures, T tries, K classes, C channels, H and W pixels,
Z latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from multigan.plugins.image.latent.space import Points, draw_latents

TRIES = 4  # starts of each picture, of which the one that ends nearest counts
NEIGHBOURS = 3  # random pictures of a class that speak for it
RATE = 0.2  # of Adam; falls to a tenth along a cosine
PULL = 1 / 64  # weight of the squared distance from the sphere, on which |z| varies by 0.7
CHUNK = 64  # pictures generated at once


@dataclass(frozen=True)
class Projection:
    """Where pictures were found.

    Attributes:
        points: B of them.
        distances: (B,), root mean square difference of the pixels, which lie in [0, 1].
        starts: (B,), the same where the search began.
        explained: (B,), share of the picture's variance about its mean colour that was found: 1 is
            all of it, 0 no more than one plain colour would.
    """

    points: Points
    distances: Tensor
    starts: Tensor
    explained: Tensor


def project(
    generator: nn.Module,
    images_BCHW: Tensor,
    *,
    latents: int,
    classes: int = 0,
    labels_B: Tensor | None = None,
    encoder: nn.Module | None = None,
    starts: int = 2000,
    steps: int = 200,
    seed: int = 0,
) -> Projection:
    """Finds latents whose pictures are like given ones; each picture by itself.

    Args:
        generator: in eval mode, its parameters frozen.
        images_BCHW: in [-1, 1], on the generator's device.
        latents: Z.
        classes: K, of a generator with labels.
        labels_B: the classes, if they are known; else the likeliest.
        encoder: pictures to latents (B, Z), if there is one.
        starts: random pictures to begin among; at least a few of each class are taken.
        steps: of the descent; 0 leaves the start as it is.
        seed: of the random pictures.
    """
    x_BCHW = images_BCHW.detach().clone()
    own_B = None if labels_B is None else labels_B.to(x_BCHW.device)
    if encoder is None or (classes and own_B is None):
        drawn = max(starts, TRIES * max(classes, 1))
        pool_NZ = draw_latents(drawn, latents, seed=seed).to(x_BCHW.device)
        z_BTZ, own_B = _nearest(generator, x_BCHW, own_B, pool_NZ, classes)
    if encoder is not None:
        with torch.no_grad():
            z_BTZ = encoder(x_BCHW)[:, None]
    found: list[Tensor] = []
    before: list[Tensor] = []
    after: list[Tensor] = []
    for some in torch.arange(len(x_BCHW)).split(CHUNK // TRIES):
        labels_b = None if own_B is None else own_B[some]
        ended = _descend(generator, x_BCHW[some], z_BTZ[some], labels_b, steps)
        for column, values in zip((found, before, after), ended, strict=True):
            column.append(values.cpu())
    after_B = torch.cat(after)
    # What the best of plain colours would leave.
    plain_B = _difference(x_BCHW.mean(dim=(2, 3), keepdim=True), x_BCHW).cpu()
    explained_B = 1.0 - (after_B / plain_B.clamp(min=1e-6)).square()
    points = Points(torch.cat(found), None if own_B is None else own_B.cpu())
    return Projection(points, after_B, torch.cat(before), explained_B)


@torch.no_grad()
def _nearest(
    generator: nn.Module,
    x_BCHW: Tensor,
    labels_B: Tensor | None,
    pool_NZ: Tensor,
    classes: int,
) -> tuple[Tensor, Tensor | None]:
    """The nearest random pictures of each one's class: latents (B, T, Z), and the classes."""
    numbers_N = torch.arange(len(pool_NZ), device=pool_NZ.device)
    labels_N = numbers_N % classes if classes else None
    parts = []
    for some in numbers_N.split(CHUNK):
        made_nCHW = generator(pool_NZ[some], None if labels_N is None else labels_N[some])
        parts.append(torch.cdist(x_BCHW.flatten(1), made_nCHW.flatten(1)))
    distances_BN = torch.cat(parts, dim=1)
    if labels_N is not None:
        if labels_B is None:
            near_BK = [
                distances_BN[:, labels_N == label].topk(NEIGHBOURS, largest=False).values.mean(1)
                for label in range(classes)
            ]
            labels_B = torch.stack(near_BK, dim=1).argmin(1)
        distances_BN = distances_BN.masked_fill(labels_N != labels_B[:, None], math.inf)
    return pool_NZ[distances_BN.topk(TRIES, largest=False).indices], labels_B


def _descend(
    generator: nn.Module, x_BCHW: Tensor, z_BTZ: Tensor, labels_B: Tensor | None, steps: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Adam from every start.

    Returns:
        The latents (B, Z) that ended nearest; distances (B,) of the nearest start, and of these.
    """
    B, T, Z = z_BTZ.shape
    target_NCHW = x_BCHW.repeat_interleave(T, dim=0)
    labels_N = None if labels_B is None else labels_B.repeat_interleave(T)

    def differences(z_NZ: Tensor) -> Tensor:
        with torch.no_grad():
            return _difference(generator(z_NZ, labels_N), target_NCHW).view(B, T)

    z_NZ = z_BTZ.reshape(-1, Z).detach().clone()
    before_BT = differences(z_NZ)
    with torch.enable_grad():
        z_NZ.requires_grad_()
        optimizer = torch.optim.Adam([z_NZ], lr=RATE, betas=(0.9, 0.99))
        for step in range(steps):
            falling = 0.55 + 0.45 * math.cos(math.pi * step / steps)
            optimizer.param_groups[0]["lr"] = RATE * falling
            error_N = (generator(z_NZ, labels_N) - target_NCHW).square().flatten(1).mean(1)
            astray_N = z_NZ.norm(dim=1) - math.sqrt(Z)
            optimizer.zero_grad()
            # A sum: no picture's gradient depends on how many others there are.
            (error_N + PULL * astray_N.square()).sum().backward()
            optimizer.step()
    # The pull may lead a good start away from its picture: then the start is the better end.
    ended_BSZ = torch.cat([z_BTZ, z_NZ.detach().view(B, T, Z)], dim=1)
    distances_BS = torch.cat([before_BT, differences(z_NZ.detach())], dim=1)
    nearest_B = distances_BS.argmin(1)
    each_B = torch.arange(B, device=nearest_B.device)
    return ended_BSZ[each_B, nearest_B], before_BT.amin(1), distances_BS[each_B, nearest_B]


def _difference(made_BCHW: Tensor, given_BCHW: Tensor) -> Tensor:
    """Root mean square difference (B,) of pictures in [-1, 1], on the scale from 0 to 1."""
    difference_BCHW = made_BCHW.float().clamp(-1, 1) - given_BCHW
    return difference_BCHW.square().flatten(1).mean(1).sqrt() / 2
