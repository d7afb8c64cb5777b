"""How unusual a picture is: how much of it a generator of normal pictures fails to repeat.

What an encoder is trained to make small for normal pictures is what unusual ones are known by
(f-AnoGAN, Schlegl et al. 2019, equations 4 and 5): the mean squared difference of the pixels, plus
kappa times that of the features that the discriminator judges by. One function serves both.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from multigan.losses.precision import full_precision


def anomaly_scores(
    x_BCHW: Tensor,
    made_BCHW: Tensor,
    *,
    features: Callable[[Tensor], Tensor] | None = None,
    kappa: float = 1.0,
) -> Tensor:
    """Scores (B,) of pictures in [-1, 1], from what the generator made of them.

    Args:
        x_BCHW: the pictures.
        made_BCHW: the nearest that the generator can do, of the same shape.
        features: of a discriminator, each picture by itself; None compares pixels alone.
        kappa: weight of the features.

    Raises:
        ValueError: the shapes differ.
    """
    scores_B = residuals(x_BCHW, made_BCHW)
    if features is not None and kappa:
        scores_B = scores_B + kappa * residuals(features(x_BCHW), features(made_BCHW))
    return scores_B


def residuals(a: Tensor, b: Tensor) -> Tensor:
    """Mean squared difference (B,) of pictures or features (B, ...).

    Raises:
        ValueError: the shapes differ.
    """
    if a.shape != b.shape:
        raise ValueError(f"{tuple(a.shape)} and {tuple(b.shape)} must be equal shapes")
    return (full_precision(a) - full_precision(b)).square().flatten(1).mean(1)
