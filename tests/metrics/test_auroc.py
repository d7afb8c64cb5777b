"""The area under the curve against counting pairs."""

from __future__ import annotations

import pytest
import torch

from multigan.metrics.auroc import auroc


def test_equals_a_count_of_pairs_with_ties() -> None:
    generator = torch.Generator().manual_seed(0)
    low = torch.randint(0, 12, (37,), generator=generator).float()
    high = torch.randint(4, 16, (23,), generator=generator).float()
    pairs = [(a, b) for a in low.tolist() for b in high.tolist()]
    count = sum(1.0 if b > a else 0.5 if b == a else 0.0 for a, b in pairs)
    assert auroc(low, high) == pytest.approx(count / len(pairs), abs=1e-12)
    assert auroc(low, high) + auroc(high, low) == pytest.approx(1.0)


def test_extremes() -> None:
    low, high = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])
    assert (auroc(low, high), auroc(high, low), auroc(low, low)) == (1.0, 0.0, 0.5)


@pytest.mark.parametrize("bad", [[], [float("nan")]])
def test_what_has_no_rank_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError):
        auroc(torch.tensor([1.0]), torch.tensor(bad))
