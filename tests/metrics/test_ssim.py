from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from multigan.metrics.ssim import ssim


def independent(x: np.ndarray, y: np.ndarray) -> float:
    """One channel, with SciPy's Gaussian, cut off after 5 pixels, and the border left out."""

    def smooth(z: np.ndarray) -> np.ndarray:
        return gaussian_filter(z, 1.5, truncate=5 / 1.5)[5:-5, 5:-5]

    mx, my = smooth(x), smooth(y)
    vx, vy, cov = smooth(x * x) - mx**2, smooth(y * y) - my**2, smooth(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    values = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(values.mean())


def test_equals_an_independent_implementation() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((2, 3, 24, 33))
    y = np.clip(x + 0.2 * rng.standard_normal(x.shape), 0, 1)
    expected = [
        np.mean([independent(*pair) for pair in zip(*both, strict=True)])
        for both in zip(x, y, strict=True)
    ]
    found = ssim(torch.from_numpy(x), torch.from_numpy(y))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)


def test_constant_pictures_have_the_closed_form() -> None:
    x, y = torch.full((1, 3, 16, 16), 0.2), torch.full((1, 3, 16, 16), 0.6)
    expected = (2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4)
    assert float(ssim(x, y)) == pytest.approx(expected, rel=1e-5)


def test_equal_is_one_and_negative_is_below_zero() -> None:
    x = torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    assert float(ssim(x, x)) == pytest.approx(1)
    assert float(ssim(x, 1 - x)) < 0


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match="11 pixels"):
        ssim(torch.zeros(1, 1, 10, 30), torch.zeros(1, 1, 10, 30))
    with pytest.raises(ValueError, match="differ"):
        ssim(torch.zeros(1, 1, 20, 30), torch.zeros(1, 3, 20, 30))
