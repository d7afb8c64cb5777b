import math

import numpy as np
import pytest
import torch

from multigan.metrics.frechet import FeatureStatistics, frechet_distance


def normal(N, D, *, seed, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(D, D, generator=generator) * torch.logspace(0, -3, D)
    return torch.randn(N, D, generator=generator) @ mixed + offset


def statistics(features, *, batch=64):
    gathered = FeatureStatistics()
    for part in features.split(batch):
        gathered.update(part)
    return gathered


def distance(a, b):
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


def spd(D, seed):
    a = torch.randn(D, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return a @ a.T


def test_statistics_are_numpys_whatever_the_batches():
    features = normal(500, 12, seed=0)
    for batch in (1, 7, 500):
        gathered = statistics(features, batch=batch)
        assert gathered.count == 500
        np.testing.assert_allclose(gathered.mean, features.double().mean(0), rtol=1e-12)
        expected = np.cov(features.double().numpy(), rowvar=False)
        np.testing.assert_allclose(gathered.covariance, expected, rtol=1e-9, atol=1e-15)


def test_merging_equals_seeing_everything():
    features = normal(300, 8, seed=1)
    parts = [statistics(part) for part in (features[:50], features[50:51], features[51:])]
    merged = FeatureStatistics()
    for part in (FeatureStatistics(), *parts, FeatureStatistics()):
        merged.merge(part)
    whole = statistics(features)
    torch.testing.assert_close(merged.mean, whole.mean, rtol=1e-12, atol=0)
    torch.testing.assert_close(merged.covariance, whole.covariance, rtol=1e-10, atol=1e-16)
    assert parts[0].count == 50  # what is merged stays as it is


def test_a_large_common_offset_costs_no_digits():
    """Sums of squares would lose all digits of a variance of 1e-4 beside 1e12."""
    features = normal(400, 6, seed=2).double() * 1e-2
    shifted = statistics(features + 1e6)
    torch.testing.assert_close(
        shifted.covariance, statistics(features).covariance, rtol=1e-5, atol=1e-13
    )


@pytest.mark.parametrize("D", [1, 5, 40])
def test_equals_scipys_matrix_root(D):
    linalg = pytest.importorskip("scipy.linalg")
    mean1, mean2, cov1, cov2 = torch.randn(D), torch.randn(D), spd(D, 3), spd(D, 4)
    root = np.real(linalg.sqrtm((cov1 @ cov2).numpy()))
    expected = float((mean1 - mean2).double().square().sum() + cov1.trace() + cov2.trace())
    expected -= 2 * np.trace(root)
    assert frechet_distance(mean1, cov1, mean2, cov2) == pytest.approx(expected, rel=1e-6)


def test_equals_the_eigenvalues_of_the_product():
    """torchmetrics' formula: the root's trace is the sum of the roots of the eigenvalues."""
    a, b = statistics(normal(2000, 64, seed=5)), statistics(normal(2000, 64, seed=6, offset=0.3))
    roots = torch.linalg.eigvals(a.covariance @ b.covariance).sqrt().real.sum()
    expected = (a.mean - b.mean).square().sum() + (a.covariance + b.covariance).trace() - 2 * roots
    assert distance(a, b) == pytest.approx(float(expected), rel=1e-6)


def test_closed_forms():
    zero, one = torch.zeros(3), torch.ones(3)
    s, t = torch.tensor([1.0, 4.0, 9.0]), torch.tensor([4.0, 1.0, 0.0])
    # Diagonal covariances: squared differences of the standard deviations, 1 + 1 + 9.
    assert frechet_distance(zero, s.diag(), zero, t.diag()) == pytest.approx(11)
    assert frechet_distance(zero, s.diag(), 2 * one, s.diag()) == pytest.approx(12)
    assert frechet_distance(zero, torch.zeros(3, 3), one, torch.zeros(3, 3)) == pytest.approx(3)


def test_fewer_samples_than_features():
    """Both covariances are singular; their factors, and so the answer, are known."""
    x, y = normal(20, 300, seed=7), normal(30, 300, seed=8)
    a, b = statistics(x), statistics(y)
    left, right = (
        ((z.double() - z.double().mean(0)) / math.sqrt(len(z) - 1)).T.numpy() for z in (x, y)
    )
    shared = np.linalg.svd(left.T @ right, compute_uv=False).sum()
    expected = float((a.mean - b.mean).square().sum())
    expected += (left**2).sum() + (right**2).sum() - 2 * shared
    assert distance(a, b) == pytest.approx(expected, rel=1e-9)
    assert distance(a, b) == pytest.approx(distance(b, a), rel=1e-9)
    assert distance(a, a) <= 1e-9 * float(a.covariance.trace())


def test_refuses_what_has_no_value():
    gathered = FeatureStatistics()
    with pytest.raises(ValueError, match="at least 1"):
        gathered.mean  # noqa: B018
    gathered.update(torch.zeros(0, 4))
    gathered.update(torch.zeros(1, 3))
    with pytest.raises(ValueError, match="at least 2"):
        gathered.covariance  # noqa: B018
    with pytest.raises(ValueError, match="but 3 before"):
        gathered.update(torch.zeros(1, 4))
    with pytest.raises(ValueError, match="NaN"):
        gathered.update(torch.tensor([[0.0, math.nan, 0.0]]))
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        gathered.update(torch.zeros(3))
    with pytest.raises(ValueError, match="must match"):
        frechet_distance(torch.zeros(2), torch.eye(2), torch.zeros(3), torch.eye(3))
    with pytest.raises(ValueError, match="finite"):
        frechet_distance(torch.zeros(2), torch.eye(2) * math.inf, torch.zeros(2), torch.eye(2))
