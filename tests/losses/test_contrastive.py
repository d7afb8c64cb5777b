from __future__ import annotations

import math

import pytest
import torch

from multigan.losses.contrastive import patch_nce


def test_orthogonal_patches_have_the_closed_form() -> None:
    """Cosine 1 with the own key and 0 with the others; lengths do not matter."""
    queries = 3 * torch.eye(5)[None].repeat(2, 1, 1)
    expected = math.log(1 + 4 * math.exp(-1 / 0.5))
    loss = patch_nce(queries, keys=7 * torch.eye(5)[None].repeat(2, 1, 1), temperature=0.5)
    assert float(loss) == pytest.approx(expected, rel=1e-6)
    exchanged = patch_nce(
        queries, keys=torch.eye(5).roll(1, 0)[None].repeat(2, 1, 1), temperature=0.5
    )
    assert float(exchanged) == pytest.approx(expected + 1 / 0.5, rel=1e-6)


def test_equal_patches_say_nothing() -> None:
    same = torch.ones(3, 8, 4)
    assert float(patch_nce(same, keys=same)) == pytest.approx(math.log(8), rel=1e-6)


def test_negatives_come_from_the_same_picture_only() -> None:
    generator = torch.Generator().manual_seed(0)
    queries, keys = (torch.randn(2, 6, 4, generator=generator) for _ in range(2))
    alone = [patch_nce(queries[i : i + 1], keys=keys[i : i + 1]) for i in range(2)]
    torch.testing.assert_close(patch_nce(queries, keys=keys), torch.stack(alone).mean())


def test_the_gradient_goes_to_the_queries_and_is_right() -> None:
    generator = torch.Generator().manual_seed(0)
    queries, keys = (
        torch.randn(2, 4, 3, dtype=torch.float64, generator=generator).requires_grad_()
        for _ in range(2)
    )
    patch_nce(queries, keys=keys).backward()
    assert keys.grad is None and queries.grad is not None
    fixed = keys.detach()
    assert torch.autograd.gradcheck(lambda q: patch_nce(q, keys=fixed, temperature=0.5), queries)


def test_half_precision_is_computed_in_full() -> None:
    x = torch.randn(1, 4, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = patch_nce(x, keys=x)
    torch.testing.assert_close(loss, patch_nce(x.float(), keys=x.float()))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="B, P, D"):
        patch_nce(torch.zeros(4, 3), keys=torch.zeros(4, 3))
    with pytest.raises(ValueError, match="B, P, D"):
        patch_nce(torch.zeros(1, 4, 3), keys=torch.zeros(1, 5, 3))
