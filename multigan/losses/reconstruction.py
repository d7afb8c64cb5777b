"""Losses that compare a generated sample with something known: its source, its style, its features.

Users: CycleGAN (cycle, identity), style transfer (Gram matrices, content, total variation),
vocoders and pix2pixHD-like generators (feature matching). All are unweighted scalars in float32.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import l1_loss

from multigan.losses.precision import full_precision

EPS = 1e-12  # what a picture without any feature is divided by


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


def style_loss(features: Sequence[Tensor], *, grams: Sequence[Tensor]) -> Tensor:
    """Relative squared distance of Gram matrices: 0 in the style itself, 1 for a blank picture.

    Gatys et al. 2016, equations 4 and 5. Their layer weights are replaced by the size of the
    style's own matrix, so that a layer of any network counts the same.

    Args:
        features: one (B, C, H, W) a layer, of a fixed network.
        grams: `gram_matrix` of the same layers of the style image, (1, C, C) or (B, C, C); its size
            need not be that of the images.

    Returns:
        Scalar, float32: the mean over layers and batch.

    Raises:
        ValueError: a different number of layers.
    """
    terms = []
    for layer, gram in zip(features, grams, strict=True):
        distance = (gram_matrix(layer) - gram).square().sum((1, 2))
        terms.append((distance / gram.square().sum((1, 2)).clamp_min(EPS)).mean())
    return torch.stack(terms).mean()


def content_loss(features: Sequence[Tensor], *, features_content: Sequence[Tensor]) -> Tensor:
    """Relative squared distance of features: 0 for the photo itself, 1 for a blank picture.

    Gatys et al. 2016, equation 1, divided by the size of the photo's own features.

    Args:
        features: one (B, C, H, W) a layer, of a fixed network.
        features_content: the same layers of the photos, of the same shapes; no gradient flows here.

    Returns:
        Scalar, float32: the mean over layers.

    Raises:
        ValueError: a different number of layers, or layers of different shapes.
    """
    terms = []
    for layer, content in zip(features, features_content, strict=True):
        _same_shape(layer, content)
        target = full_precision(content.detach())
        distance = (full_precision(layer) - target).square().mean()
        terms.append(distance / target.square().mean().clamp_min(EPS))
    return torch.stack(terms).mean()


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
    _same_shape(left, right)
    return l1_loss(full_precision(left), full_precision(right))


def _same_shape(left: Tensor, right: Tensor) -> None:
    # Broadcasting would compare unequal shapes with no more than a warning.
    if left.shape != right.shape:
        raise ValueError(f"shapes {tuple(left.shape)} and {tuple(right.shape)} differ")


def _differences(images: Tensor) -> tuple[Tensor, Tensor]:
    return images[..., 1:, :] - images[..., :-1, :], images[..., :, 1:] - images[..., :, :-1]
