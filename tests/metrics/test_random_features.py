from __future__ import annotations

import pytest
import torch
from torch.nn.functional import avg_pool2d, interpolate

from multigan.metrics.random_features import random_feature_distance, random_features


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 32, 40, generator=torch.Generator().manual_seed(0))


def test_is_the_mean_squared_distance_of_unit_vectors() -> None:
    x, y = pictures(), pictures().flip(0)
    expected = 0.0
    for features_x, features_y in zip(random_features(x), random_features(y), strict=True):
        cosine = torch.cosine_similarity(features_x, features_y, dim=1)
        expected += (2 - 2 * cosine).mean((1, 2)) / 3  # |u - v|^2 = 2 - 2 u.v
    torch.testing.assert_close(random_feature_distance(x, y), expected)


def test_is_nothing_for_equals_symmetric_and_always_the_same() -> None:
    x, y = pictures(), pictures().flip(0)
    assert torch.equal(random_feature_distance(x, x), torch.zeros(2))
    torch.testing.assert_close(random_feature_distance(x, y), random_feature_distance(y, x))
    assert torch.equal(random_feature_distance(x, y), random_feature_distance(x, y))


def test_a_blur_is_further_away_than_noise_of_the_same_error() -> None:
    """What PSNR cannot see: texture that is gone against texture that is a little off."""
    x = pictures()
    blurred = interpolate(avg_pool2d(x, 2), scale_factor=2)
    error = (blurred - x).square().mean().sqrt()
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(1))
    noisy = x + error * noise
    assert (random_feature_distance(blurred, x) > 1.3 * random_feature_distance(noisy, x)).all()


def test_layers_have_the_sizes_that_are_documented() -> None:
    shapes = [tuple(layer.shape) for layer in random_features(pictures())]
    assert shapes == [(2, 32, 16, 20), (2, 64, 8, 10), (2, 128, 4, 5)]
    with pytest.raises(ValueError, match="differ"):
        random_feature_distance(pictures(), pictures()[:1])
