"""Directions of linear generators, which singular vectors give exactly, and of a real network."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from multigan.errors import PluginError
from multigan.plugins.image.latent.directions import (
    early_activations,
    find_directions,
    principal_directions,
)
from multigan.plugins.image.latent.space import Points
from multigan.plugins.image.networks.dcgan import DCGANGenerator
from multigan.plugins.image.networks.mlp import MLPGenerator

N, Z, FEATURES = 300, 6, 40


def white(seed=0):
    """Latents (N, Z) with mean exactly 0 and covariance exactly the identity."""
    x = torch.randn(N, Z, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (torch.linalg.qr(x - x.mean(0)).Q * N**0.5).float()


def linear(seed=1):
    """A matrix (FEATURES, Z) with known singular values, and its right singular vectors."""
    generator = torch.Generator().manual_seed(seed)
    left = torch.linalg.qr(torch.randn(FEATURES, Z, generator=generator)).Q
    right = torch.linalg.qr(torch.randn(Z, Z, generator=generator)).Q
    values = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0, 0.5])
    return left * values @ right.T, right.T, values


def assert_same_lines(found, expected, atol=1e-4):
    torch.testing.assert_close(
        (found * expected).sum(1).abs(), torch.ones(len(found)), atol=atol, rtol=0
    )


def test_a_linear_generator_has_its_right_singular_vectors_as_directions():
    matrix, right, values = linear()
    latents = white()
    found = principal_directions(latents, latents @ matrix.T + 7, count=Z)
    assert_same_lines(found.vectors, right)
    torch.testing.assert_close(found.shares, values**2 / (values**2).sum(), atol=1e-5, rtol=1e-4)
    largest = found.vectors.abs().argmax(1)
    assert (found.vectors[torch.arange(Z), largest] > 0).all()


def test_what_differs_between_classes_is_no_direction():
    matrix, right, _ = linear()
    labels = torch.arange(N) % 2
    latents = white()
    latents -= torch.stack([latents[labels == k].mean(0) for k in (0, 1)])[labels]
    apart = 100 * torch.randn(2, FEATURES, generator=torch.Generator().manual_seed(3))
    features = latents @ matrix.T + apart[labels]
    found = principal_directions(latents, features, count=2, groups_N=labels)
    assert_same_lines(found.vectors, right[:2], atol=0.02)
    assert principal_directions(latents, features, count=2).shares[0] > 0.9  # without the classes


def test_seeds_decide_and_the_global_generator_is_left_alone():
    latents = torch.randn(N, Z)
    features = torch.randn(N, FEATURES)
    state = torch.get_rng_state()
    first, second = (principal_directions(latents, features, count=3, seed=5) for _ in range(2))
    assert torch.equal(first.vectors, second.vectors)
    assert torch.equal(state, torch.get_rng_state())
    torch.testing.assert_close(first.vectors @ first.vectors.T, torch.eye(3), atol=1e-5, rtol=0)


def test_early_activations_are_what_the_second_layer_reads():
    latents, labels = torch.randn(4, 5), torch.tensor([0, 1, 1, 0])
    dcgan = DCGANGenerator(
        size=16, channels=1, latents=5, width=4, classes=2, labels="concatenate"
    ).eval()
    one_hot = F.one_hot(labels, 2) * 2**0.5
    stem = dcgan.stem(torch.cat([latents, one_hot], 1)[:, :, None, None])
    expected = dcgan.norms[0](stem).relu().flatten(1)
    torch.testing.assert_close(early_activations(dcgan, latents, labels), expected)
    mlp = MLPGenerator(size=8, latents=5, width=7)
    torch.testing.assert_close(early_activations(mlp, latents), mlp.model[0](latents).relu())
    assert mlp(latents).shape == (4, 1, 8, 8)  # no hook is left behind


class Linear(nn.Module):
    def __init__(self, matrix):
        super().__init__()
        self.layer = nn.Linear(Z, FEATURES)
        with torch.no_grad():
            self.layer.weight.copy_(matrix)

    def forward(self, latents, labels=None):
        return self.layer(latents).view(-1, 1, 5, 8)


@pytest.mark.parametrize("features", ["early", "pixels"])
def test_of_a_generator_of_one_layer_both_features_are_its_pictures(features):
    matrix, right, _ = linear()
    found = find_directions(Linear(matrix), Points(white()), features=features)
    assert_same_lines(found.vectors, right)


def test_impossible_demands_are_told():
    latents = torch.randn(N, Z)
    with pytest.raises(ValueError, match="1 to 6"):
        principal_directions(latents, torch.randn(N, FEATURES), count=7)
    with pytest.raises(ValueError, match="features of 2"):
        principal_directions(latents, torch.randn(2, FEATURES), count=1)
    with pytest.raises(PluginError, match="early or pixels"):
        find_directions(Linear(linear()[0]), Points(latents), features="late")
