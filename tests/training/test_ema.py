from __future__ import annotations

import pytest
import torch
from torch import nn

from multigan.config.sections import EMAConfig
from multigan.training.ema import EMA


def fill(network: nn.Module, value: float) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(value)


def test_closed_form_without_warmup() -> None:
    """From 0 towards a constant 1: after n updates it is 1 - decay^n."""
    network = nn.Linear(2, 2)
    fill(network, 0.0)
    ema = EMA({"net": network}, EMAConfig(decay=0.9, warmup=False))
    fill(network, 1.0)
    for step in range(5):
        ema.update(step)
    torch.testing.assert_close(ema.networks["net"].weight, torch.full((2, 2), 1 - 0.9**5))


def test_closed_form_with_warmup() -> None:
    network = nn.Linear(2, 2)
    fill(network, 0.0)
    ema = EMA({"net": network}, EMAConfig(decay=0.5, warmup=True))
    fill(network, 1.0)
    left = 1.0
    for step in range(12):
        ema.update(step)
        left *= min(0.5, (1 + step) / (10 + step))
    torch.testing.assert_close(ema.networks["net"].weight, torch.full((2, 2), 1 - left))


def test_buffers_are_copied_and_averages_are_for_use_only() -> None:
    network = nn.BatchNorm1d(3)
    ema = EMA({"net": network}, EMAConfig(decay=0.99))
    network(torch.randn(8, 3) + 5)
    ema.update(0)
    average = ema.networks["net"]
    assert torch.equal(average.running_mean, network.running_mean)
    assert int(average.num_batches_tracked) == 1
    assert not average.training
    assert not any(parameter.requires_grad for parameter in average.parameters())
    network(torch.randn(8, 3))
    assert not torch.equal(average.running_mean, network.running_mean)


def test_a_network_that_settles_is_its_average_from_then_on() -> None:
    networks = {"rests": nn.Linear(2, 2), "moves": nn.Linear(2, 2)}
    ema = EMA(networks, EMAConfig(decay=0.9, warmup=False))
    for network in networks.values():
        fill(network, 3.0)
    ema.update(0)
    kept = ema.networks["rests"].weight.clone()
    ema.settle(["rests", "unknown"])
    assert torch.equal(networks["rests"].weight, kept)
    assert torch.equal(networks["moves"].weight, torch.full((2, 2), 3.0))
    ema.update(1)
    assert torch.equal(ema.networks["rests"].weight, kept)


def test_decay_zero_switches_it_off() -> None:
    ema = EMA({"net": nn.Linear(1, 1)}, EMAConfig(decay=0.0))
    ema.update(0)
    assert len(ema.networks) == 0


@pytest.mark.parametrize("decay", [-0.1, 1.1])
def test_impossible_decay(decay: float) -> None:
    with pytest.raises(ValueError, match="decay"):
        EMAConfig(decay=decay)
