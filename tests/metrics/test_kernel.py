import pytest
import torch

from multigan.metrics.kernel import kernel_distance, squared_mmd


def draw(N, D=5, *, seed=0, offset=0.0):
    return torch.randn(N, D, generator=torch.Generator().manual_seed(seed)) + offset


def pairs_one_by_one(xs, ys):
    """Gretton et al. 2012, eq. 3, as it is written."""

    def k(a, b):
        return (sum(p * q for p, q in zip(a, b, strict=True)) / len(a) + 1) ** 3

    xs, ys = xs.double().tolist(), ys.double().tolist()
    N, M = len(xs), len(ys)
    within_x = sum(k(xs[i], xs[j]) for i in range(N) for j in range(N) if i != j)
    within_y = sum(k(ys[i], ys[j]) for i in range(M) for j in range(M) if i != j)
    across = sum(k(x, y) for x in xs for y in ys)
    return within_x / (N * (N - 1)) + within_y / (M * (M - 1)) - 2 * across / (N * M)


def test_equals_the_sum_over_pairs():
    x, y = draw(9), draw(14, seed=1, offset=0.5)
    assert float(squared_mmd(x, y)) == pytest.approx(pairs_one_by_one(x, y), rel=1e-12)


def test_closed_form():
    # k(1,1) = 8 and k(-1,-1) = 8 within, k(1,-1) = 0 across.
    assert float(squared_mmd(torch.ones(3, 1), -torch.ones(4, 1))) == pytest.approx(16)


def test_unbiased_where_both_sets_are_alike():
    """A biased estimate of these small sets would be near 0.2 times the kernel's spread."""
    values = torch.stack(
        [squared_mmd(draw(20, seed=i), draw(20, seed=9000 + i)) for i in range(900)]
    )
    assert abs(float(values.mean())) < 4 * float(values.std()) / 30
    assert float(values.min()) < 0  # an unbiased estimate of 0 has to be


def test_subsets_are_averaged():
    x, y = draw(40), draw(30, seed=1, offset=0.4)
    given = torch.Generator().manual_seed(3)
    mean, std = kernel_distance(x, y, generator=given, subsets=7, subset_size=12)
    given.manual_seed(3)
    values = []
    for _ in range(7):
        i = torch.randperm(40, generator=given)[:12]
        j = torch.randperm(30, generator=given)[:12]
        values.append(pairs_one_by_one(x[i], y[j]))
    values = torch.tensor(values, dtype=torch.float64)
    assert mean == pytest.approx(float(values.mean()), rel=1e-12)
    assert std == pytest.approx(float(values.std(correction=0)), rel=1e-9)


def test_small_sets_are_used_whole():
    x, y = draw(10), draw(10, seed=1)
    mean, std = kernel_distance(x, y, generator=torch.Generator(), subsets=3)
    assert mean == pytest.approx(float(squared_mmd(x, y)), rel=1e-9)
    assert std == pytest.approx(0, abs=1e-12)


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="at least two"):
        squared_mmd(draw(1), draw(5))
    with pytest.raises(ValueError, match="same D"):
        squared_mmd(draw(4), draw(5, D=6))
