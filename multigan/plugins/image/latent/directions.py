"""Directions of the latent space, the most visible first (GANSpace, Haerkoenen et al. 2020).

Latents that are drawn from a normal distribution are alike in all directions; what a generator
makes of them is not. So the principal components are those of an early layer's activations, and
least squares carry them back to the latents (section 3.2 of the paper, "BigGAN").

Shape suffixes: N samples, Z latents, F features, D directions, C channels, H and W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from multigan.errors import PluginError
from multigan.plugins.image.latent.space import Points

Features = Literal["early", "pixels"]

MOST = 64  # directions; the later ones change little
CHUNK = 64  # samples at once
OVERSAMPLING = 10  # more components than are wanted; Halko et al. 2011, section 4.2
POWERS = 4  # rounds of subspace iteration


@dataclass(frozen=True)
class Directions:
    """Orthonormal directions, sorted by how much of the features' variance they explain.

    Attributes:
        vectors: (D, Z), of length 1: a step of 1 is a standard deviation of normal latents.
        shares: (D,) of the features' variance, falling.
    """

    vectors: Tensor
    shares: Tensor


@torch.no_grad()
def find_directions(
    generator: nn.Module,
    points: Points,
    *,
    features: Features = "early",
    device: torch.device | None = None,
    seed: int = 0,
) -> Directions:
    """Directions of a generator, up to 64, those that change its pictures most first.

    Args:
        generator: latents and labels to pictures, in eval mode.
        points: normal samples, some thousands, of all classes.
        features: whose principal components: "early", the activations behind the first layer, or
            "pixels". Pixels hear the loudest effect, such as the brightness of a background, and
            little else; the paper's early layers tell more apart.
        device: the generator's.
        seed: of the randomised decomposition.

    Raises:
        PluginError: other features.
    """
    if features not in ("early", "pixels"):
        raise PluginError(f"features='{features}': choose early or pixels")
    parts = []
    for some in torch.arange(len(points.latents)).split(CHUNK):
        z_bZ = points.latents[some].to(device)
        labels_b = None if points.labels is None else points.labels[some].to(device)
        if features == "early":
            parts.append(early_activations(generator, z_bZ, labels_b).cpu())
        else:
            parts.append(generator(z_bZ, labels_b).float().flatten(1).cpu())
    seen_NF = torch.cat(parts)
    count = min(MOST, points.latents.shape[1], seen_NF.shape[1])
    return principal_directions(
        points.latents, seen_NF, count=count, groups_N=points.labels, seed=seed
    )


def principal_directions(
    latents_NZ: Tensor,
    features_NF: Tensor,
    *,
    count: int,
    groups_N: Tensor | None = None,
    seed: int = 0,
) -> Directions:
    """Directions of the latents along the principal components of what was made of them.

    The k-th component of the features is a number for each sample. The latents are regressed on
    these numbers, and the coefficients made orthonormal in their order (Gram and Schmidt). Each
    direction points to where its largest entry is positive.

    Args:
        latents_NZ: standard normal.
        features_NF: what the generator made of each: activations, pixels, or the latents.
        count: D, at most Z, F and N - 1.
        groups_N: class numbers: what differs between classes is no direction, so that all sums
            are within them.
        seed: of the randomised decomposition (Halko et al. 2011).

    Raises:
        ValueError: numbers of samples differ, or there are not so many directions.
    """
    if len(latents_NZ) != len(features_NF):
        raise ValueError(f"{len(latents_NZ)} latents, but features of {len(features_NF)}")
    most = min(latents_NZ.shape[1], features_NF.shape[1], len(latents_NZ) - 1)
    if not 1 <= count <= most:
        raise ValueError(f"count={count}: there are 1 to {most} directions")
    z_NZ, x_NF = _centred(latents_NZ, groups_N), _centred(features_NF, groups_N)
    with torch.random.fork_rng(devices=[]):  # it draws from the global generator
        torch.manual_seed(seed)
        wanted = min(count + OVERSAMPLING, *x_NF.shape)
        u_ND, deviations_D, _ = torch.svd_lowrank(x_NF, q=wanted, niter=POWERS)
    # The columns of u are orthonormal, so that these are the coefficients of least squares.
    vectors_ZD = torch.linalg.qr(z_NZ.T @ u_ND[:, :count]).Q
    largest_1D = vectors_ZD.abs().argmax(0, keepdim=True)
    vectors_ZD = vectors_ZD * vectors_ZD.gather(0, largest_1D).sign()
    shares_D = deviations_D[:count].square() / x_NF.square().sum()
    return Directions(vectors_ZD.T.contiguous(), shares_D)


@torch.no_grad()
def early_activations(
    generator: nn.Module, latents_NZ: Tensor, labels_N: Tensor | None = None
) -> Tensor:
    """What the second layer with weights reads (N, F): all that the first one has made of latents.

    Of the layers only the first is computed. A generator of one layer gives its pictures.
    """
    layers = [m for m in generator.modules() if isinstance(m, nn.Linear | nn.modules.conv._ConvNd)]
    called: list[nn.Module] = []

    def look(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        called.append(layer)
        if len(called) == 2:
            raise _Seen(inputs[0])

    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    try:
        features: Tensor = generator(latents_NZ, labels_N)
    except _Seen as stopped:
        features = stopped.activations
    finally:
        for hook in hooks:
            hook.remove()
    return features.float().flatten(1)


class _Seen(Exception):
    """Ends a forward pass of which no more is needed."""

    def __init__(self, activations: Tensor) -> None:
        self.activations = activations


def _centred(values_NF: Tensor, groups_N: Tensor | None) -> Tensor:
    """Without the mean, or, with groups, without the mean of each one's own group."""
    if groups_N is None:
        return values_NF - values_NF.mean(0)
    centred_NF = values_NF.clone()
    for group in groups_N.unique():
        inside = groups_N == group
        centred_NF[inside] -= values_NF[inside].mean(0)
    return centred_NF
