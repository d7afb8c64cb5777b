"""How much what should stay the same changes within a clip."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from multigan.metrics.content_distance import colour_shares, content_distance


def test_content_distance_is_the_mean_over_pairs():
    features = torch.tensor([[[0.0, 0.0], [3.0, 4.0], [0.0, 0.0]], [[1.0, 1.0]] * 3])
    torch.testing.assert_close(content_distance(features), torch.tensor([10 / 3, 0.0]))
    with pytest.raises(ValueError, match="T >= 2"):
        content_distance(features[:, :1])


def test_colours_know_nothing_of_places():
    clip = torch.rand(2, 3, 3, 8, 8)
    shares = colour_shares(clip)
    torch.testing.assert_close(shares.sum(2), torch.ones(2, 3))
    assert torch.equal(shares, colour_shares(clip.flip(3).roll(2, dims=4)))
    counts = np.zeros(64)
    for r, g, b in clip[1, 2].flatten(1).T.tolist():
        counts[int(r * 4) * 16 + int(g * 4) * 4 + int(b * 4)] += 1
    np.testing.assert_allclose(shares[1, 2].numpy(), counts / 64, atol=1e-6)
