"""Reconstruction losses on images small enough to count by hand."""

from __future__ import annotations

import pytest
import torch

from multigan.losses.reconstruction import (
    content_loss,
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
        loss = style_loss([same], grams=[gram_matrix(features)])
        assert loss.item() == pytest.approx(0, abs=1e-10)
    # Features k times as large have k^2 times the Gram matrix, whatever their number and size.
    small, large = torch.ones(2, 2, 2, 2), 5 * torch.ones(1, 3, 6, 4)
    loss = style_loss([2 * small, 3 * large], grams=[gram_matrix(small[:1]), gram_matrix(large)])
    assert loss.item() == pytest.approx(((4 - 1) ** 2 + (9 - 1) ** 2) / 2)
    assert style_loss([0 * large], grams=[gram_matrix(large)]).item() == pytest.approx(1)
    with pytest.raises(ValueError):
        style_loss([small], grams=[gram_matrix(small)] * 2)


def test_content_is_a_relative_error() -> None:
    content = [torch.tensor([3.0, -4.0]).reshape(1, 2, 1, 1), torch.ones(1, 1, 2, 2)]
    moved = [torch.tensor([3.0, 1.0]).reshape(1, 2, 1, 1), torch.ones(1, 1, 2, 2)]
    # 5^2 of 3^2 + 4^2 in the first layer, nothing in the second.
    assert content_loss(moved, features_content=content).item() == pytest.approx(0.5)
    for scale in (0.01, 100.0):
        scaled = [[scale * layer for layer in layers] for layers in (moved, content)]
        assert content_loss(scaled[0], features_content=scaled[1]).item() == pytest.approx(0.5)
    assert content_loss(content, features_content=content).item() == 0
    blank = [torch.zeros_like(layer) for layer in content]
    assert content_loss(blank, features_content=content).item() == pytest.approx(1)
    assert torch.isfinite(content_loss(content, features_content=blank))
    with pytest.raises(ValueError, match="differ"):
        content_loss([content[0]], features_content=[content[1]])


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
        lambda x: style_loss([x], grams=[gram_matrix(y)]),
        lambda x: content_loss([x], features_content=[y]),
        lambda x: feature_matching([x], features_real=[y]),
    ):
        assert torch.autograd.gradcheck(loss, (x,))
