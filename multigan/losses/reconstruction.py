"""Losses that compare a generated sample with something known: its source, its style, its features.

Users: CycleGAN (cycle, identity), cartoon and style transfer (Gram matrices, total variation,
edges), vocoders and pix2pixHD-like generators (feature matching). All are unweighted scalars in
float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from multigan.losses.precision import full_precision


def cycle_loss(reconstructed: Tensor, *, original: Tensor) -> Tensor:
    """Mean |F(G(x)) - x|: there and back again leaves the image as it was (Zhu et al. 2017, eq. 2).

    Args:
        reconstructed: the original after both generators (B, ...).
        original: of the same shape. The usual weight is lambda = 10.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: shapes differ.
    """
    return _l1(reconstructed, original)


def identity_loss(translated: Tensor, *, original: Tensor) -> Tensor:
    """Mean |G(y) - y| for y already in G's target domain: keeps colours (Zhu et al. 2017, 5.2).

    Args:
        translated: G(y) (B, ...).
        original: y, of the same shape. The usual weight is half of the cycle's.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: shapes differ.
    """
    return _l1(translated, original)


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels, down plus across: small for smooth images.

    Args:
        images: (B, C, H, W), H and W at least 2.

    Returns:
        Scalar, float32; independent of the image size.
    """
    down, across = _differences(full_precision(images))
    return down.abs().mean() + across.abs().mean()


def edge_loss(generated: Tensor, *, source: Tensor) -> Tensor:
    """Mean absolute difference of image gradients: keeps edges in place while colours may change.

    The gradient difference loss of Mathieu et al. 2016 (alpha = 1, mean for sum), on the mean over
    channels, so that a change of hue at equal brightness costs nothing.

    Args:
        generated: (B, C, H, W), H and W at least 2.
        source: of the same shape.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: shapes differ.
    """
    down, across = _differences(full_precision(generated).mean(1, keepdim=True))
    down_source, across_source = _differences(full_precision(source).mean(1, keepdim=True))
    return _l1(down.abs(), down_source.abs()) + _l1(across.abs(), across_source.abs())


def gram_matrix(features: Tensor) -> Tensor:
    """Products of channels summed over positions, divided by C H W (Johnson et al. 2016, 3.2).

    Args:
        features: (B, C, H, W).

    Returns:
        (B, C, C), float32.
    """
    batch, channels, height, width = features.shape
    # Outside autocast: a sum over all positions leaves the range of fp16.
    with torch.autocast(features.device.type, enabled=False):
        flat = full_precision(features).reshape(batch, channels, height * width)
        return flat @ flat.transpose(1, 2) / (channels * height * width)


def style_loss(features_generated: Sequence[Tensor], *, features_style: Sequence[Tensor]) -> Tensor:
    """Squared Frobenius distance of Gram matrices, summed over layers, mean over the batch.

    Johnson et al. 2016, section 3.2. The images may differ in size; no gradient flows to the style.

    Args:
        features_generated: one (B, C, H, W) a layer, of a fixed network.
        features_style: the same layers of the style image, (B, C, H', W') or (1, C, H', W').

    Returns:
        Scalar, float32.

    Raises:
        ValueError: a different number of layers.
    """
    terms = [
        (gram_matrix(generated) - gram_matrix(style.detach())).square().sum((1, 2)).mean()
        for generated, style in zip(features_generated, features_style, strict=True)
    ]
    return torch.stack(terms).sum()


def feature_matching(features_fake: Sequence[Tensor], *, features_real: Sequence[Tensor]) -> Tensor:
    """Mean L1 distance of the discriminator's features, layer by layer (Wang et al. 2018).

    Args:
        features_fake: one tensor a layer, any shapes, in the discriminator's judgement of the
            fakes.
        features_real: the same layers for the reals; no gradient flows to them.

    Returns:
        Scalar, float32: the mean over layers of the mean over elements. The usual weight is 10.

    Raises:
        ValueError: a different number of layers, or layers of different shapes.
    """
    terms = [
        _l1(fake, real.detach()) for fake, real in zip(features_fake, features_real, strict=True)
    ]
    return torch.stack(terms).mean()


def _l1(left: Tensor, right: Tensor) -> Tensor:
    # l1_loss would broadcast unequal shapes with no more than a warning.
    if left.shape != right.shape:
        raise ValueError(f"shapes {tuple(left.shape)} and {tuple(right.shape)} differ")
    return l1_loss(full_precision(left), full_precision(right))


def _differences(images: Tensor) -> tuple[Tensor, Tensor]:
    return images[..., 1:, :] - images[..., :-1, :], images[..., :, 1:] - images[..., :, :-1]
