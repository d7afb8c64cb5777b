"""The graph of a frozen network, kept or expressly not."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from multigan.nn.graph import graph_of


def test_a_frozen_network_can_be_gone_back_through_later() -> None:
    generator = nn.Linear(2, 3).requires_grad_(False)
    with graph_of(generator):
        fake = generator(torch.ones(1, 2))
    assert not any(parameter.requires_grad for parameter in generator.parameters())
    generator.requires_grad_(True)  # its own phase begins
    fake.sum().backward()
    assert generator.weight.grad is not None
    torch.testing.assert_close(generator.weight.grad, torch.ones(3, 2))


def test_nothing_is_recorded_where_it_is_not_wanted() -> None:
    generator = nn.Linear(2, 3)
    with graph_of(generator, wanted=False):
        assert not generator(torch.ones(1, 2)).requires_grad


def test_networks_are_frozen_again_after_a_mistake() -> None:
    networks = nn.Linear(2, 3).requires_grad_(False), nn.Linear(3, 1).requires_grad_(False)
    with pytest.raises(RuntimeError), graph_of(*networks):
        networks[0](torch.ones(1, 5))
    assert not any(p.requires_grad for network in networks for p in network.parameters())
