"""Penalties on gradients, weights and displacement that keep the adversarial game stable.

Conventions, the same for all:

* A penalty is unweighted; the caller multiplies it by the paper's coefficient (lambda or gamma).
* Random numbers are arguments, so that the caller's generator owns them and runs repeat exactly.
* ``discriminator`` is called as ``discriminator(inputs)`` with what was given: a tensor (B, ...) or
  a list of such tensors (several inputs judged together; their gradients count as one vector a
  sample). Bind conditions with a lambda: ``lambda x: discriminator(x, labels)``. Give the plain
  module: compiled ones have no second derivative.
* The score of a sample is the mean over its patches, then over scales, as in the adversarial
  losses. Norms are per sample, so the discriminator must not mix samples (no batch normalisation).
* Computed in float32 with autocast off, since squared gradients leave the range of half precision.
* Lazy regularisation (Karras et al. 2020): a penalty played every k-th step is multiplied by k.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from multigan.losses.precision import full_precision

Inputs = Tensor | Sequence[Tensor]
Discriminator = Callable[..., Tensor | Sequence[Tensor]]


def gradient_penalty(
    discriminator: Discriminator,
    *,
    real: Inputs,
    fake: Inputs,
    alpha: Tensor,
    one_sided: bool = False,
) -> Tensor:
    """WGAN-GP: mean of (||grad D(x)|| - 1)^2 between real and fake (Gulrajani et al. 2017, eq. 3).

    x = alpha * real + (1 - alpha) * fake. The usual weight is lambda = 10.

    Args:
        discriminator: see the top of the file.
        real: real samples (B, ...), or a list of inputs; one-hot texts (B, L, V) are interpolated
            as they are.
        fake: generated samples of the same shapes.
        alpha: B numbers uniform in [0, 1], of shape (B,) or (B, 1, ...).
        one_sided: only norms above 1 are penalised (WGAN-LP, Petzka et al. 2018).

    Returns:
        Scalar, float32.

    Raises:
        ValueError: real and fake differ in shape, or alpha has not one number a sample.
    """
    reals, fakes = _as_list(real), _as_list(fake)
    if [each.shape for each in reals] != [each.shape for each in fakes]:
        raise ValueError("real and fake must have equal shapes: the penalty interpolates them")
    if alpha.numel() != len(reals[0]):
        raise ValueError(f"alpha must hold {len(reals[0])} numbers, one a sample")
    points = [
        torch.lerp(f, r, _per_sample(full_precision(alpha), r).to(r.dtype))
        for r, f in zip(reals, fakes, strict=True)
    ]
    excess = _norms(discriminator, _like(real, points)) - 1
    return (excess.clamp(min=0) if one_sided else excess).square().mean()


def r1_penalty(discriminator: Discriminator, *, real: Inputs) -> Tensor:
    """R1: half the mean of ||grad D(x)||^2 at real samples (Mescheder et al. 2018, eq. 9).

    The half of the paper's gamma / 2 is inside: the loss term is ``gamma * r1_penalty(...)`` with
    the paper's gamma (10 in Mescheder et al.; StyleGAN2 and R3GAN tune it to the resolution).

    Args:
        discriminator: see the top of the file.
        real: real samples (B, ...), or a list of inputs.

    Returns:
        Scalar, float32.
    """
    return 0.5 * _squared_norms(discriminator, real).mean()


def r2_penalty(discriminator: Discriminator, *, fake: Inputs) -> Tensor:
    """R2: half the mean of ||grad D(x)||^2 at generated samples (Mescheder et al. 2018, eq. 10).

    The same convention as ``r1_penalty``; R3GAN (Huang et al. 2024) uses both with one gamma.

    Args:
        discriminator: see the top of the file.
        fake: generated samples (B, ...), or a list of inputs; the generator gets no gradient.

    Returns:
        Scalar, float32.
    """
    return 0.5 * _squared_norms(discriminator, fake).mean()


def dragan_penalty(discriminator: Discriminator, *, real: Inputs, noise: Inputs) -> Tensor:
    """DRAGAN: mean of (||grad D(real + noise)|| - 1)^2 (Kodali et al. 2017).

    It asks for slope 1 around the data only. The usual weight is lambda = 10.

    Args:
        discriminator: see the top of the file.
        real: real samples (B, ...), or a list of inputs.
        noise: of the same shapes, already scaled; the authors use 0.5 * real.std() * uniform(0, 1).

    Returns:
        Scalar, float32.

    Raises:
        ValueError: real and noise differ in shape.
    """
    reals, noises = _as_list(real), _as_list(noise)
    if [each.shape for each in reals] != [each.shape for each in noises]:
        raise ValueError("noise must have the shape of real")
    points = [r + n for r, n in zip(reals, noises, strict=True)]
    return (_norms(discriminator, _like(real, points)) - 1).square().mean()


def path_length_penalty(
    generator: Callable[[Tensor], Tensor],
    *,
    latents: Tensor,
    noise: Tensor,
    mean: Tensor,
    decay: float = 0.01,
) -> tuple[Tensor, Tensor]:
    """StyleGAN2's path length regularisation (Karras et al. 2020, eq. 4).

    Equal steps in w are to change the image by equal amounts, whatever w and the direction.

    The length of a sample is ||J^T y||, J the generator's Jacobian and y = noise / sqrt(H W); the
    penalty is the mean of (length - a)^2, a the running mean of lengths. Usual weight 2, usually
    lazy.

    Args:
        generator: the plain synthesis network, latents -> samples (B, C, ...).
        latents: w (B, D), or (B, layers, D): squared lengths are then averaged over layers.
        noise: standard normal, of the samples' shape.
        mean: running mean of lengths, scalar; start at zero and pass in what the last call
            returned. Keep it in a buffer, and average it over ranks.
        decay: weight of this batch in the running mean.

    Returns:
        The penalty (scalar) and the updated running mean (scalar, detached). As in the reference
        implementation, the penalty is taken against the updated mean.

    Raises:
        ValueError: noise has not the shape of the samples.
    """
    with torch.autocast(latents.device.type, enabled=False), torch.enable_grad():
        # Latents made by a mapping network keep their graph: the penalty trains that network too.
        points = full_precision(latents)
        if not points.requires_grad:
            points = points.detach().requires_grad_()
        samples = generator(points)
        if noise.shape != samples.shape:
            raise ValueError(
                f"noise {tuple(noise.shape)} must have the samples' shape {tuple(samples.shape)}"
            )
        projected = (samples * noise).sum() / math.sqrt(math.prod(samples.shape[2:]))
        (gradient,) = torch.autograd.grad(projected, points, create_graph=True)
        lengths = gradient.flatten(1).norm(dim=1) / math.sqrt(math.prod(latents.shape[1:-1]))
        updated = torch.lerp(mean.to(lengths.dtype), lengths.detach().mean(), decay)
        return (lengths - updated).square().mean(), updated


def path_length_constraint(
    generated: Tensor, *, source: Tensor, beta: float, distance: Literal["l1", "l2"] = "l1"
) -> Tensor:
    """beta * distance(generated, source): an image-to-image generator pays for what it moves.

    The textbook's constraint, unrelated to StyleGAN2's penalty above: it bounds displacement, not
    the Jacobian.

    Args:
        generated: what the generator made of the sources (B, ...).
        source: the real inputs, of the same shape.
        beta: weight; 0 switches it off.
        distance: "l1" is the mean absolute difference, "l2" the mean squared one.

    Returns:
        Scalar, float32, already weighted.

    Raises:
        ValueError: shapes differ or the distance is unknown.
    """
    if generated.shape != source.shape:
        raise ValueError(
            f"generated {tuple(generated.shape)} and source {tuple(source.shape)} differ in shape"
        )
    if distance not in ("l1", "l2"):
        raise ValueError(f"unknown distance '{distance}'; choose l1 or l2")
    moved = full_precision(generated) - full_precision(source)
    return beta * (moved.abs() if distance == "l1" else moved.square()).mean()


def clip_weights_(module: nn.Module, *, limit: float = 0.01) -> None:
    """Clamps every parameter to [-limit, limit] in place (Arjovsky et al. 2017, algorithm 1).

    Called after every critic step of the original WGAN.

    Args:
        module: the critic.
        limit: the paper's c, 0.01.

    Raises:
        ValueError: limit is not positive.
    """
    if limit <= 0:
        raise ValueError(f"limit must be positive, not {limit}")
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.clamp_(-limit, limit)


def double_backward() -> AbstractContextManager[None]:
    """A context in which recurrent networks can be differentiated twice.

    cuDNN's LSTM and GRU have no second derivative, which every penalty here needs: wrap the penalty
    of a recurrent discriminator in this context. PyTorch's own (slower) kernels run inside it. Only
    the forward pass must lie inside; backward may come later. Without CUDA it does nothing.
    """
    if not torch.cuda.is_available():
        return nullcontext()
    context: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=False)
    return context


def _norms(discriminator: Discriminator, inputs: Inputs) -> Tensor:
    # vector_norm has the subgradient 0 at 0, where sqrt of a sum of squares would give NaN.
    norms: Tensor = torch.linalg.vector_norm(_input_gradients(discriminator, inputs), dim=1)
    return norms


def _squared_norms(discriminator: Discriminator, inputs: Inputs) -> Tensor:
    return _input_gradients(discriminator, inputs).square().sum(dim=1)


def _input_gradients(discriminator: Discriminator, inputs: Inputs) -> Tensor:
    """Gradient of each sample's score with respect to all its inputs, (B, total size)."""
    points = [each.detach().requires_grad_() for each in _as_list(inputs)]
    with torch.autocast(points[0].device.type, enabled=False), torch.enable_grad():
        verdicts = discriminator(_like(inputs, points))
        scales = [verdicts] if isinstance(verdicts, Tensor) else list(verdicts)
        scores = [full_precision(scale).reshape(len(scale), -1).mean(1) for scale in scales]
        total = torch.stack(scores).mean(0).sum()
        gradients = torch.autograd.grad(total, points, create_graph=True)
    return torch.cat([each.flatten(1) for each in gradients], dim=1)


def _as_list(inputs: Inputs) -> list[Tensor]:
    given = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    return [full_precision(each) for each in given]


def _like(inputs: Inputs, values: list[Tensor]) -> Inputs:
    """The values in the form that the inputs had: one tensor or a list."""
    return values[0] if isinstance(inputs, Tensor) else values


def _per_sample(numbers: Tensor, values: Tensor) -> Tensor:
    return numbers.reshape(-1, *[1] * (values.dim() - 1))
