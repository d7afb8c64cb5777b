from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from multigan.config.sections import OptimizerConfig, TrainConfig
from multigan.errors import CheckpointError
from multigan.training.engine import Engine
from multigan.training.optim import Group
from multigan.training.phases import Phase, Stage


def nothing(batch: Any, step: Any) -> dict[str, torch.Tensor]:
    return {}


def make(
    *, steps: int = 10, every: tuple[int, ...] = (1,), repeat: int = 1, precision: str = "fp32",
    **config: Any,
) -> tuple[Group, nn.Linear]:  # fmt: skip
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    phases = tuple(Phase(f"p{k}", "g", nothing, repeat=repeat, every=k) for k in every)
    engine = Engine(TrainConfig(device="cpu", precision=precision))  # type: ignore[arg-type]
    group = Group(
        "g", {"net": network}, OptimizerConfig(**config), stages=[Stage("s", steps, phases)],
        engine=engine,
    )  # fmt: skip
    return group, network


def update(group: Group, network: nn.Linear, gradient: float = 1.0) -> float:
    """One update with a gradient that is the same for every weight; returns its norm."""
    group.backward(gradient * sum(parameter.sum() for parameter in network.parameters()))
    return float(group.step())


@pytest.mark.parametrize(
    ("schedule", "hold", "expected"),
    [
        ("constant", 0.0, lambda done: 1.0),
        ("linear", 0.0, lambda done: 1.0 - done),
        ("linear", 0.5, lambda done: 1.0 if done < 0.5 else 2.0 * (1.0 - done)),
        ("cosine", 0.0, lambda done: math.cos(math.pi * done / 2) ** 2),
        (
            "cosine",
            0.2,
            lambda done: 1.0 if done < 0.2 else math.cos(math.pi * (done - 0.2) / 1.6) ** 2,
        ),
    ],
)
def test_schedules_are_their_closed_forms(schedule: str, hold: float, expected: Any) -> None:
    _moves_as(expected, schedule=schedule, hold=hold)


def test_schedules_may_end_above_zero() -> None:
    _moves_as(lambda done: 0.25**done, schedule="exponential", end=0.25)
    _moves_as(lambda done: 0.4 + 0.6 * (1.0 - done), schedule="linear", end=0.4)
    with pytest.raises(ValueError, match="which share is left"):
        OptimizerConfig(schedule="exponential")


def _moves_as(expected: Any, **config: Any) -> None:
    group, network = make(steps=20, lr=0.1, name="sgd", **config)
    for done in range(20):
        before = network.weight.detach().clone()
        update(group, network)
        moved = before - network.weight.detach()
        torch.testing.assert_close(moved, torch.full((2, 3), 0.1 * expected(done / 20)))


def test_warmup_rises_to_the_schedule() -> None:
    group, _ = make(steps=10, warmup=4, schedule="linear")
    assert [group.schedule(i) for i in range(4)] == pytest.approx(
        [0.25, 0.5 * 0.9, 0.75 * 0.8, 0.7]
    )


@pytest.mark.parametrize(("every", "repeat"), [(1, 1), (1, 3), (4, 1), (4, 2), (7, 1)])
def test_total_counts_every_update(every: int, repeat: int) -> None:
    """The trainer plays a phase at steps 0, k, 2k ... of a stage."""
    group, _ = make(steps=10, every=(every,), repeat=repeat)
    assert group.total == repeat * len([step for step in range(10) if step % every == 0])


def test_clipping_bounds_the_update_and_reports_the_norm_before() -> None:
    group, network = make(name="sgd", lr=1.0, clip=0.5)
    before = torch.cat([p.detach().flatten() for p in network.parameters()])
    norm = update(group, network, 3.0)
    after = torch.cat([p.detach().flatten() for p in network.parameters()])
    assert norm == pytest.approx(3.0 * math.sqrt(8))
    assert float((after - before).norm()) == pytest.approx(0.5, rel=1e-4)


def test_lazy_regularisation_corrects_the_time_constants() -> None:
    group, _ = make(every=(1, 16), lr=0.002, betas=(0.0, 0.99))
    c = 16 / 17
    options = group.optimizer.param_groups[0]
    assert group.base_lr == pytest.approx(0.002 * c)
    assert options["betas"] == pytest.approx((0.0, 0.99**c))


def test_a_slow_group_without_a_lazy_penalty_is_not_corrected() -> None:
    group, _ = make(every=(5,), lr=0.002)
    assert group.base_lr == 0.002


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize("bad", [float("inf"), float("nan")])
def test_a_broken_gradient_is_skipped(
    name: str, momentum: float, precision: str, bad: float
) -> None:
    """Broken at the first update and in the middle: as if these batches had not been there."""
    options = {"name": name, "lr": 0.1, "momentum": momentum, "precision": precision}
    clean, clean_network = make(**options)
    group, network = make(**options)
    junk = torch.full((64,), float("nan"))  # uninitialised memory is likely to be this
    del junk
    for gradient in (bad, 1.0, bad, 2.0):
        norm = update(group, network, gradient)
        if math.isfinite(gradient):
            update(clean, clean_network, gradient)
        else:
            assert not math.isfinite(norm)
    torch.testing.assert_close(network.weight, clean_network.weight, rtol=1e-3, atol=1e-4)


def test_a_broken_gradient_does_not_stay_in_the_mean_of_gradients() -> None:
    group, network = make(name="sgd", lr=0.1, average_gradients=3)
    for gradient in (1.0, float("nan"), 1.0, 1.0):
        update(group, network, gradient)
    assert network.weight.isfinite().all()


def test_each_group_has_its_scaler() -> None:
    """One group's overflow halves its own scale and leaves the other's alone."""
    first, network = make(precision="fp16")
    second, other = make(precision="fp16")
    update(first, network, float("inf"))
    update(second, other, 1.0)
    assert first.scaler.get_scale() == 2.0**11
    assert second.scaler.get_scale() == 2.0**12


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_restore_continues_exactly(name: str) -> None:
    options = {"name": name, "precision": "fp16", "momentum": 0.9}
    options |= {"schedule": "cosine", "warmup": 3}
    group, network = make(**options)
    for gradient in (1.0, float("inf"), 0.5):
        update(group, network, gradient)
    copy, copied = make(**options)
    copied.load_state_dict(network.state_dict())
    copy.restore({key: value.clone() for key, value in group.tensors().items()}, group.facts())
    assert copy.scaler.state_dict() == group.scaler.state_dict()
    for gradient in (0.3, 0.7):
        update(group, network, gradient)
        update(copy, copied, gradient)
    assert torch.equal(network.weight, copied.weight)


def test_restored_moments_lie_in_memory_as_their_parameters() -> None:
    """Fused optimisers ignore strides; moments in another layout would go to other weights."""

    def conv() -> tuple[Group, nn.Conv2d]:
        torch.manual_seed(0)
        network = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
        stages = [Stage("s", 9, (Phase("p", "g", nothing),))]
        engine = Engine(TrainConfig(device="cpu"))
        return Group("g", {"n": network}, OptimizerConfig(lr=0.1), stages=stages, engine=engine), (
            network
        )

    def play(group: Group, network: nn.Conv2d, times: int) -> None:
        for number in range(times):
            weights = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(number))
            group.backward((network.weight * weights).sum())
            group.step()

    group, network = conv()
    play(group, network, 3)
    copy, copied = conv()
    copied.load_state_dict(network.state_dict())
    stored = {key: value.contiguous().clone() for key, value in group.tensors().items()}
    copy.restore(stored, group.facts())
    play(group, network, 3)
    play(copy, copied, 3)
    assert torch.equal(network.weight, copied.weight)


def test_restore_refuses_other_networks_and_other_optimisers() -> None:
    group, network = make()
    update(group, network)
    with pytest.raises(CheckpointError, match="is adam, the recipe's is sgd"):
        make(name="sgd")[0].restore(group.tensors(), group.facts())
    with pytest.raises(CheckpointError, match="do not have"):
        make()[0].restore({"net.other|step": torch.zeros(())}, group.facts())


def test_weights_are_clamped() -> None:
    group, network = make(name="sgd", lr=5.0, clip_weights=0.01)
    update(group, network)
    assert float(network.weight.detach().abs().max()) <= 0.01


def test_channels_last_is_for_pictures_and_leaves_films_alone() -> None:
    engine = Engine(TrainConfig(channels_last=True, device="cpu"))
    networks = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv3d(3, 4, 3), nn.Linear(3, 4)])
    before = [parameter.detach().clone() for parameter in networks.parameters()]
    engine.place(networks)
    assert networks[0].weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[union-attr, operator]
    assert networks[1].weight.is_contiguous()  # type: ignore[union-attr, operator]
    for parameter, value in zip(networks.parameters(), before, strict=True):
        assert torch.equal(parameter, value)
