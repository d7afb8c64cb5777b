import math

import pytest
import torch

from multigan.metrics import prdc as module
from multigan.metrics.prdc import prdc


def draw(N, D=3, *, seed=0, offset=0.0):
    return torch.randn(N, D, generator=torch.Generator().manual_seed(seed)) + offset


def one_by_one(fakes, reals, k):
    """The definitions of both papers in plain Python."""
    fakes, reals = fakes.tolist(), reals.tolist()

    def radius(i, points):
        others = [math.dist(points[i], p) for j, p in enumerate(points) if j != i]
        return sorted(others)[k - 1]

    real_radii = [radius(i, reals) for i in range(len(reals))]
    fake_radii = [radius(j, fakes) for j in range(len(fakes))]
    inside = [
        [math.dist(real, fake) <= r for real, r in zip(reals, real_radii, strict=True)]
        for fake in fakes
    ]
    recalled = [
        any(math.dist(real, fake) <= r for fake, r in zip(fakes, fake_radii, strict=True))
        for real in reals
    ]
    return (
        sum(any(row) for row in inside) / len(fakes),
        sum(recalled) / len(reals),
        sum(sum(row) for row in inside) / k / len(fakes),
        sum(any(column) for column in zip(*inside, strict=True)) / len(reals),
    )


def numbers(found):
    return found.precision, found.recall, found.density, found.coverage


@pytest.mark.parametrize("k", [1, 3, 5])
def test_equals_the_definitions(k, monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 7)  # several chunks, the last one shorter
    fakes, reals = draw(40, offset=0.7), draw(53, seed=1)
    expected = one_by_one(fakes, reals, k)
    assert min(expected) > 0 and max(expected[:2]) < 1  # all four say something here
    assert numbers(prdc(fakes, reals, neighbours=k)) == pytest.approx(expected, abs=1e-12)


def test_alike_sets_have_the_expected_values():
    """Naeem et al. 2020, section 3.2: E[density] = 1 and E[coverage] in closed form."""
    N, k = 1500, 5
    found = prdc(draw(N), draw(N, seed=1), neighbours=k)
    missed = math.prod((N - i) / (2 * N - i) for i in range(1, k + 1))
    assert found.coverage == pytest.approx(1 - missed, abs=0.02)
    assert found.density == pytest.approx(1, abs=0.06)


def test_dropped_modes_cost_recall_and_noise_costs_precision():
    modes = torch.cat([draw(100, seed=2), draw(100, seed=3, offset=50)])
    half = prdc(draw(100, seed=4), modes)
    assert half.recall < 0.52 and half.coverage < 0.52 and half.precision > 0.8
    noisy = prdc(torch.cat([draw(100, seed=4), draw(100, seed=5, offset=-99)]), modes)
    assert noisy.precision < 0.52


def test_copies_are_found_at_distance_zero():
    """With k duplicates of each the balls have no radius; far from the origin rounding is large."""
    points = draw(30, D=40, offset=1000).repeat(4, 1)
    ((_, squared),) = module._chunks(points.double(), points.double())
    assert (squared.diagonal(30) == 0).all() and squared[0, 1] > 10
    assert numbers(prdc(points, points, neighbours=3)) == pytest.approx((1, 1, 4 / 3, 1))


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="more samples"):
        prdc(draw(5), draw(50))
    with pytest.raises(ValueError, match="same D"):
        prdc(draw(9), draw(9, D=4))
