"""Historical averages against plain lists of everything that happened."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from multigan.losses.history import GradientHistory, ParameterHistory, historical_averaging


def test_pure_function_sums_squares_and_leaves_the_mean_alone() -> None:
    theta = [
        torch.tensor([1.0, 2.0], requires_grad=True),
        torch.tensor([[3.0]], requires_grad=True),
    ]
    means = [torch.tensor([0.0, 4.0], requires_grad=True), torch.tensor([[1.0]])]
    penalty = historical_averaging(theta, means=means)
    penalty.backward()
    assert penalty.item() == pytest.approx(1 + 4 + 4)
    assert theta[0].grad is not None and theta[0].grad.tolist() == [2.0, -4.0]
    assert means[0].grad is None
    with pytest.raises(ValueError):
        historical_averaging(theta, means=means[:1])


def test_parameter_history_equals_the_mean_of_a_list() -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 2).double()
    history, past = ParameterHistory(network.parameters()), []
    assert history.penalty(network.parameters()).item() == 0
    for _ in range(5):
        past.append([p.detach().clone() for p in network.parameters()])
        history.update_(network.parameters())
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += torch.randn_like(parameter)
        naive = sum(
            (p - torch.stack(each).mean(0)).square().sum()
            for p, each in zip(network.parameters(), zip(*past, strict=True), strict=True)
        )
        assert history.penalty(network.parameters()).item() == pytest.approx(naive.item())


def test_parameter_history_gradient() -> None:
    theta = torch.tensor([1.0, -2.0], dtype=torch.float64)
    history = ParameterHistory([theta])
    history.update_([theta])
    history.update_([3 * theta])
    present = torch.tensor([0.5, 0.7], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: history.penalty([p]), (present,))
    history.penalty([present]).backward()
    assert torch.allclose(present.grad, 2 * (present.detach() - 2 * theta))


def test_half_precision_parameters_are_averaged_in_float32() -> None:
    theta = torch.tensor([1.0], dtype=torch.bfloat16)
    history = ParameterHistory([theta])
    for _ in range(300):  # in bfloat16 a mean with steps of 1/300 would stop moving
        history.update_([theta])
    for _ in range(300):
        history.update_([theta * 0])
    assert history.mean.item() == pytest.approx(0.5, abs=1e-4)
    assert history.penalty([theta]).dtype is torch.float32


@pytest.mark.parametrize("length", [1, 3])
def test_gradient_history_equals_the_mean_of_the_last_k(length: int) -> None:
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    history, past = GradientHistory(network.parameters(), length=length), []
    for _ in range(8):
        gradients = [torch.randn_like(p) for p in network.parameters()]
        past.append(gradients)
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            parameter.grad = gradient.clone()
        history.average_(network.parameters())
        for index, parameter in enumerate(network.parameters()):
            naive = torch.stack([each[index] for each in past[-length:]]).mean(0)
            assert torch.allclose(parameter.grad, naive, atol=1e-6)


def test_missing_gradients_count_as_zero() -> None:
    used, unused = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(1))
    history = GradientHistory([used, unused], length=2)
    used.grad, unused.grad = torch.tensor([2.0, 4.0]), torch.tensor([6.0])
    history.average_([used, unused])
    used.grad, unused.grad = torch.tensor([0.0, 0.0]), None
    history.average_([used, unused])
    assert used.grad.tolist() == [1.0, 2.0]
    assert unused.grad.tolist() == [3.0]
    with pytest.raises(ValueError, match="at least 1"):
        GradientHistory([used], length=0)


def test_histories_continue_from_a_checkpoint() -> None:
    torch.manual_seed(0)
    steps = [torch.randn(4) for _ in range(7)]

    def run(first: int, last: int, parameters, gradients) -> torch.Tensor:
        weight = nn.Parameter(torch.zeros(4))
        for step in steps[first:last]:
            weight.grad = step.clone()
            gradients.average_([weight])
            parameters.update_([step])
        return torch.cat([weight.grad, parameters.mean])

    def fresh() -> tuple[ParameterHistory, GradientHistory]:
        return ParameterHistory([steps[0]]), GradientHistory([steps[0]], length=3)

    whole = run(0, 7, *fresh())
    before, after = fresh(), fresh()
    run(0, 4, *before)
    for old, new in zip(before, after, strict=True):
        new.load_state_dict(old.state_dict())
    assert torch.equal(run(4, 7, *after), whole)
