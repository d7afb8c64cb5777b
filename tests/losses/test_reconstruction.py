"""Reconstruction losses on images small enough to count by hand."""

from __future__ import annotations

import pytest
import torch

from multigan.losses.reconstruction import (
    cycle_loss,
    edge_loss,
    feature_matching,
    gram_matrix,
    identity_loss,
    style_loss,
    total_variation,
)


@pytest.mark.parametrize("loss", [cycle_loss, identity_loss])
def test_mean_absolute_differences(loss) -> None:
    original = torch.zeros(2, 1, 1, 2)
    moved = torch.tensor([[1.0, -2.0], [0.0, 5.0]]).reshape(2, 1, 1, 2)
    assert loss(moved, original=original).item() == pytest.approx(2.0)
    assert loss(original, original=original).item() == 0
    assert loss(moved.bfloat16(), original=original.bfloat16()).dtype is torch.float32
    with pytest.raises(ValueError, match="differ"):
        loss(moved, original=original[:1])


def test_total_variation() -> None:
    images = torch.tensor([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]])[None, None]
    assert total_variation(images).item() == pytest.approx(1.5)  # down 0, across (1 + 2) / 2
    assert total_variation(images.mT).item() == pytest.approx(1.5)
    assert total_variation(torch.full((1, 3, 4, 4), 7.0)).item() == 0
    assert total_variation(images.half()).dtype is torch.float32


def test_edges_ignore_brightness_and_hue_but_see_a_lost_edge() -> None:
    source = torch.zeros(1, 3, 4, 4)
    source[..., 2:] = 1.0  # one vertical edge
    recoloured = source * torch.tensor([0.5, 1.5, 1.0])[:, None, None] + 0.3
    assert edge_loss(recoloured, source=source).item() == pytest.approx(0, abs=1e-6)
    assert edge_loss(1 - source, source=source).item() == pytest.approx(0, abs=1e-6)
    assert edge_loss(torch.zeros_like(source), source=source).item() == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="differ"):
        edge_loss(source[..., :3], source=source)


def test_gram_matrix_against_loops() -> None:
    features = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    gram = gram_matrix(features)
    for b in range(2):
        for i in range(3):
            for j in range(3):
                product = (features[b, i] * features[b, j]).sum().item() / (3 * 4 * 5)
                assert gram[b, i, j].item() == pytest.approx(product, rel=1e-5, abs=1e-6)
    large = torch.full((1, 1, 64, 64), 100.0, dtype=torch.float16)
    with torch.autocast("cpu", torch.bfloat16):
        assert gram_matrix(large).item() == 10000  # the sum, 4e7, is beyond fp16


def test_style_ignores_where_things_are_and_how_large_the_picture_is() -> None:
    features = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    shuffled = features.flatten(2)[..., torch.randperm(16)].reshape(1, 3, 4, 4)
    tiled = features.repeat(1, 1, 2, 2)
    for same in (shuffled, tiled):
        assert style_loss([same], features_style=[features]).item() == pytest.approx(0, abs=1e-10)
    # Two channels of value v: each of the four entries of the Gram matrix is v^2 / 2.
    ones = torch.ones(2, 2, 2, 2)
    loss = style_loss([2 * ones, 3 * ones], features_style=[ones, ones])
    assert loss.item() == pytest.approx((4 - 1) ** 2 + (9 - 1) ** 2)
    with pytest.raises(ValueError):
        style_loss([ones], features_style=[ones, ones])


def test_feature_matching() -> None:
    fake = [torch.ones(2, 3, requires_grad=True), torch.ones(2, 1, 8, 8, requires_grad=True)]
    real = [torch.zeros(2, 3, requires_grad=True), 5 * torch.ones(2, 1, 8, 8)]
    loss = feature_matching(fake, features_real=real)
    loss.backward()
    assert loss.item() == pytest.approx((1 + 4) / 2)
    assert fake[0].grad is not None
    assert real[0].grad is None
    with pytest.raises(ValueError):
        feature_matching(fake, features_real=real[:1])


def test_gradients() -> None:
    def features(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(2, 2, 3, 3, generator=generator, dtype=torch.float64)

    x, y = features(0).requires_grad_(), features(1)
    for loss in (
        lambda x: cycle_loss(x, original=y),
        total_variation,
        lambda x: edge_loss(x, source=y),
        lambda x: style_loss([x], features_style=[y]),
        lambda x: feature_matching([x], features_real=[y]),
    ):
        assert torch.autograd.gradcheck(loss, (x,))
