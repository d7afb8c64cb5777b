"""Every objective against a formula in numpy, and at points where its value is known."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
import torch

from multigan.config import objectives as names
from multigan.losses.adversarial import (
    OBJECTIVES,
    LabelSmoothing,
    discriminator_loss,
    generator_loss,
)

Array = np.ndarray
LABELLED = ["minimax", "non-saturating", "least-squares"]
UNLABELLED = [name for name in OBJECTIVES if name not in LABELLED]


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def log_d_game(r: Array, f: Array) -> float:
    return float(-np.mean(np.log(sigmoid(r))) - np.mean(np.log(1 - sigmoid(f))))


DISCRIMINATOR: dict[str, Callable[[Array, Array], float]] = {
    "minimax": log_d_game,
    "non-saturating": log_d_game,
    "least-squares": lambda r, f: np.mean((r - 1) ** 2) / 2 + np.mean(f**2) / 2,
    "wasserstein": lambda r, f: -np.mean(r) + np.mean(f),
    "hinge": lambda r, f: -np.mean(np.minimum(0, r - 1)) - np.mean(np.minimum(0, -f - 1)),
    "relativistic": lambda r, f: (
        -np.mean([np.log(sigmoid(a - b)) for a, b in zip(r, f, strict=True)])
    ),
    "relativistic-average": lambda r, f: (
        -np.mean(np.log(sigmoid(r - np.mean(f)))) - np.mean(np.log(1 - sigmoid(f - np.mean(r))))
    ),
}
GENERATOR: dict[str, Callable[[Array, Array], float]] = {
    "minimax": lambda r, f: np.mean(np.log(1 - sigmoid(f))),
    "non-saturating": lambda r, f: -np.mean(np.log(sigmoid(f))),
    "least-squares": lambda r, f: np.mean((f - 1) ** 2) / 2,
    "wasserstein": lambda r, f: -np.mean(f),
    "hinge": lambda r, f: -np.mean(f),
    "relativistic": lambda r, f: (
        -np.mean([np.log(sigmoid(b - a)) for a, b in zip(r, f, strict=True)])
    ),
    "relativistic-average": lambda r, f: (
        -np.mean(np.log(sigmoid(f - np.mean(r)))) - np.mean(np.log(1 - sigmoid(r - np.mean(f))))
    ),
}


def some_logits(
    *shape: int, dtype: torch.dtype = torch.float64
) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    real = 2 * torch.randn(shape, generator=generator, dtype=torch.float64) + 0.5
    fake = 2 * torch.randn(shape, generator=generator, dtype=torch.float64) - 0.3
    return real.to(dtype), fake.to(dtype)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("shape", [(6,), (6, 1), (3, 1, 4, 5)])
def test_losses_equal_the_formula(name: str, shape: tuple[int, ...]) -> None:
    real, fake = some_logits(*shape)
    r, f = real.numpy().ravel(), fake.numpy().ravel()
    assert discriminator_loss(name, real, fake).item() == pytest.approx(DISCRIMINATOR[name](r, f))
    assert generator_loss(name, fake, real).item() == pytest.approx(GENERATOR[name](r, f))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_several_scales_count_equally_whatever_their_size(name: str) -> None:
    scales = [some_logits(3, 1, 4, 4), some_logits(3, 1, 2, 2), some_logits(3)]
    reals, fakes = [r for r, _ in scales], [f for _, f in scales]
    d = np.mean([discriminator_loss(name, r, f).item() for r, f in scales])
    g = np.mean([generator_loss(name, f, r).item() for r, f in scales])
    assert discriminator_loss(name, reals, tuple(fakes)).item() == pytest.approx(d)
    assert generator_loss(name, fakes, reals).item() == pytest.approx(g)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("minimax", math.log(4), -math.log(2)),
        ("non-saturating", math.log(4), math.log(2)),
        ("least-squares", 0.5, 0.5),
        ("wasserstein", 0.0, 0.0),
        ("hinge", 2.0, 0.0),
        ("relativistic", math.log(2), math.log(2)),
        ("relativistic-average", math.log(4), math.log(4)),
    ],
)
def test_values_where_the_discriminator_knows_nothing(
    name: str, discriminator: float, generator: float
) -> None:
    zero = torch.zeros(5, 1)
    assert discriminator_loss(name, zero, zero).item() == pytest.approx(discriminator)
    assert generator_loss(name, zero, zero).item() == pytest.approx(generator)


def test_goodfellows_optimum() -> None:
    # With densities p and q on three points the best D is p / (p + q); its loss is log 4 - 2 JSD.
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.3, 0.6])
    counts_p, counts_q = (p * 10).astype(int).tolist(), (q * 10).astype(int).tolist()
    best = torch.from_numpy(np.log(p / q))
    points = torch.arange(3)
    real = best[points.repeat_interleave(torch.tensor(counts_p))]
    fake = best[points.repeat_interleave(torch.tensor(counts_q))]
    middle = (p + q) / 2
    jsd = (np.sum(p * np.log(p / middle)) + np.sum(q * np.log(q / middle))) / 2
    assert discriminator_loss("minimax", real, fake).item() == pytest.approx(np.log(4) - 2 * jsd)


def test_least_squares_optimum_is_half_where_data_overlap() -> None:
    logits = torch.zeros(4, requires_grad=True)
    for value, sign in [(0.4, -1), (0.5, 0), (0.6, 1)]:
        same = logits + value
        (gradient,) = torch.autograd.grad(discriminator_loss("least-squares", same, same), logits)
        assert gradient.sum().sign().item() == pytest.approx(sign, abs=1e-6)


def test_saturation_is_what_tells_minimax_from_non_saturating() -> None:
    fake = torch.full((4,), -12.0, requires_grad=True)  # the discriminator wins
    (fading,) = torch.autograd.grad(generator_loss("minimax", fake), fake)
    (strong,) = torch.autograd.grad(generator_loss("non-saturating", fake), fake)
    assert -1e-5 < fading.sum().item() < 0
    assert strong.sum().item() == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_players_pull_in_opposite_directions(name: str) -> None:
    real, fake = (logits.clamp(-0.9, 0.9).requires_grad_() for logits in some_logits(8))
    up_d, down_d = torch.autograd.grad(discriminator_loss(name, real, fake), (real, fake))
    (up_g,) = torch.autograd.grad(generator_loss(name, fake, real), fake)
    if name != "least-squares":  # least squares pulls towards 0 and 1, not without end
        assert (down_d > 0).all()
    assert (up_d < 0).all()
    assert (up_g < 0).all()


def test_relativistic_losses_see_differences_only() -> None:
    real, fake = some_logits(6)
    for name in ("relativistic", "relativistic-average", "wasserstein"):
        shifted = discriminator_loss(name, real + 3, fake + 3).item()
        assert shifted == pytest.approx(discriminator_loss(name, real, fake).item())
        swapped = discriminator_loss(name, fake, real).item()
        if name != "wasserstein":
            assert generator_loss(name, fake, real).item() == pytest.approx(swapped)


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize(
    ("smoothing", "t_real", "t_fake"), [("one-sided", 0.9, 0.0), ("two-sided", 0.9, 0.1)]
)
def test_label_smoothing(
    name: str, smoothing: LabelSmoothing, t_real: float, t_fake: float
) -> None:
    real, fake = some_logits(6)
    r, f = real.numpy(), fake.numpy()
    if name == "least-squares":
        expected = np.mean((r - t_real) ** 2) / 2 + np.mean((f - t_fake) ** 2) / 2
    else:
        expected = sum(
            -np.mean(t * np.log(sigmoid(x)) + (1 - t) * np.log(1 - sigmoid(x)))
            for x, t in ((r, t_real), (f, t_fake))
        )
    assert discriminator_loss(name, real, fake, smoothing=smoothing).item() == pytest.approx(
        expected
    )


@pytest.mark.parametrize("name", UNLABELLED)
def test_smoothing_without_labels_is_refused_with_advice(name: str) -> None:
    real, fake = some_logits(6)
    with pytest.raises(ValueError, match=r"set the smoothing to 'none'.*least-squares"):
        discriminator_loss(name, real, fake, smoothing="one-sided")
    with pytest.raises(ValueError, match="one-sided"):
        discriminator_loss("minimax", real, fake, smoothing="both")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_huge_logits_stay_finite(name: str, size: float) -> None:
    real = torch.full((4,), size, requires_grad=True)
    fake = torch.full((4,), -size, requires_grad=True)
    for loss in (discriminator_loss(name, real, fake), generator_loss(name, fake, real)):
        gradients = torch.autograd.grad(loss, (real, fake), allow_unused=True)
        assert loss.isfinite()
        assert all(g.isfinite().all() for g in gradients if g is not None)
    if name == "minimax" and size < 0:  # wrong by 1e4 on both sides: linear, not clipped
        assert discriminator_loss(name, real, fake).item() == pytest.approx(2e4)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_logits_are_judged_in_float32(name: str, dtype: torch.dtype) -> None:
    real, fake = some_logits(64, dtype=dtype)
    d, g = discriminator_loss(name, real, fake), generator_loss(name, fake, real)
    assert d.dtype is g.dtype is torch.float32
    r, f = real.double().numpy(), fake.double().numpy()
    assert d.item() == pytest.approx(DISCRIMINATOR[name](r, f), rel=1e-5, abs=1e-6)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(discriminator_loss(name, real, fake), d)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients(name: str) -> None:
    real, fake = (logits.requires_grad_() for logits in some_logits(3, 1, 2, 2))
    assert torch.autograd.gradcheck(lambda r, f: discriminator_loss(name, r, f), (real, fake))
    assert torch.autograd.gradcheck(lambda f: generator_loss(name, f, real.detach()), (fake,))


def test_unknown_names_are_answered_with_a_suggestion() -> None:
    real, fake = some_logits(2)
    with pytest.raises(ValueError, match="did you mean 'wasserstein'"):
        discriminator_loss("waserstein", real, fake)
    with pytest.raises(ValueError, match="choose one of minimax, non-saturating"):
        generator_loss("xyz", fake)


@pytest.mark.parametrize("name", ["relativistic", "relativistic-average"])
def test_relativistic_generators_ask_for_real_logits(name: str) -> None:
    assert OBJECTIVES[name].needs_real
    with pytest.raises(ValueError, match="pass logits_real"):
        generator_loss(name, torch.zeros(3))


def test_pairs_of_unequal_shape_are_refused() -> None:
    # (4,) with (4, 1) would broadcast to 16 pairs.
    with pytest.raises(ValueError, match="equal shape"):
        discriminator_loss("relativistic", torch.zeros(4), torch.zeros(4, 1))
    with pytest.raises(ValueError, match="2 scales"):
        discriminator_loss("hinge", [torch.zeros(4)] * 2, torch.zeros(4))
    with pytest.raises(ValueError, match="empty"):
        generator_loss("hinge", [])


def test_batches_may_differ_in_size_where_nothing_is_paired() -> None:
    real, fake = torch.full((2,), 3.0), torch.full((5,), 1.0)
    assert discriminator_loss("wasserstein", real, fake).item() == pytest.approx(-2)


def test_the_table_without_torch_agrees() -> None:
    assert list(OBJECTIVES) == list(names.OBJECTIVES)
    assert get_args(names.ObjectiveName) == tuple(OBJECTIVES)
    assert get_args(names.LabelSmoothing) == get_args(LabelSmoothing)
    assert [name for name, each in OBJECTIVES.items() if each.has_labels] == LABELLED


def test_the_names_need_no_torch() -> None:
    code = "import sys, multigan.config.objectives; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
