import math

import pytest
import torch

from multigan.metrics.inception_score import InceptionScore, inception_score


def probabilities(N, K=6, *, seed=0):
    return torch.randn(N, K, generator=torch.Generator().manual_seed(seed)).mul(2).softmax(1)


def as_published(p, splits):
    """The loop of Salimans et al.'s code: KL of every row against the mean of its part."""
    scores = []
    for s in range(splits):
        part = p[s * len(p) // splits : (s + 1) * len(p) // splits].double().tolist()
        marginal = [sum(column) / len(part) for column in zip(*part, strict=True)]
        kl = [sum(a * math.log(a / b) for a, b in zip(row, marginal, strict=True)) for row in part]
        scores.append(math.exp(sum(kl) / len(kl)))
    mean = sum(scores) / splits
    return mean, math.sqrt(sum((score - mean) ** 2 for score in scores) / splits)


@pytest.mark.parametrize("splits", [1, 3, 10])
def test_equals_the_published_loop(splits):
    p = probabilities(101)
    assert inception_score(p, splits=splits) == pytest.approx(as_published(p, splits), rel=1e-6)


def test_closed_forms():
    # Sure of K classes in equal parts: K. Never sure, or always of one class: 1.
    assert inception_score(torch.eye(7).repeat(3, 1), splits=3) == pytest.approx((7, 0))
    assert inception_score(torch.full((8, 4), 0.25), splits=2) == pytest.approx((1, 0))
    assert inception_score(torch.eye(4)[[2] * 9], splits=1) == pytest.approx((1, 0))


def test_batches_and_dealt_out_parts():
    p = probabilities(90)
    split = torch.randperm(90, generator=torch.Generator().manual_seed(1)) % 3
    streamed = InceptionScore(splits=3)
    for start in range(0, 90, 16):
        streamed.update(p[start : start + 16], split=split[start : start + 16])
    sorted_by_part = torch.cat([p[split == s] for s in range(3)])
    assert streamed.compute() == pytest.approx(inception_score(sorted_by_part, splits=3), rel=1e-9)


def test_refuses_what_has_no_value():
    with pytest.raises(ValueError, match="fewer splits"):
        inception_score(probabilities(4), splits=5)
    with pytest.raises(ValueError, match="rows must be probabilities"):
        inception_score(torch.randn(8, 3), splits=2)
    with pytest.raises(ValueError, match="positive"):
        InceptionScore(splits=0)
    with pytest.raises(ValueError, match="a part for each"):
        InceptionScore().update(probabilities(4), split=torch.zeros(3, dtype=torch.long))
