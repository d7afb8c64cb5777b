import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from multigan.data.vocabulary import EOS, PAD
from multigan.plugins.text.relaxation import SCHEDULES, gumbel_noise, relaxed_rows, temperature


def test_rows_are_exactly_one_hot():
    torch.manual_seed(0)
    logits, gumbel = 30 * torch.randn(3, 4, 7), gumbel_noise(torch.rand(3, 4, 7))
    tokens = (logits + gumbel).argmax(2)
    tokens[0, 2:] = PAD
    rows = relaxed_rows(logits, gumbel, tokens, temperature=0.7)
    assert ((rows == 0) | (rows == 1)).all()
    assert (rows.argmax(2) == tokens).all() and (rows.sum(2) == 1).all()


def test_gradient_is_that_of_the_soft_rows():
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 5, requires_grad=True)
    gumbel, weights = gumbel_noise(torch.rand(2, 3, 5)), torch.randn(2, 3, 5)
    tokens = (logits + gumbel).argmax(2)
    rows = relaxed_rows(logits, gumbel, tokens, temperature=0.5)
    (hard,) = torch.autograd.grad((rows * weights).sum(), logits)
    soft = ((logits + gumbel) / 0.5).softmax(2)
    (expected,) = torch.autograd.grad((soft * weights).sum(), logits)
    torch.testing.assert_close(hard, expected)
    assert hard.abs().max() > 0


def test_blocked_tokens_give_finite_gradients():
    logits = torch.tensor([[[float("-inf"), 1.0, EOS]]], requires_grad=True)
    gumbel = gumbel_noise(torch.tensor([[[0.0, 0.5, 0.999]]]))
    rows = relaxed_rows(logits, gumbel, (logits + gumbel).argmax(2), temperature=0.1)
    (gradient,) = torch.autograd.grad((rows * torch.randn(3)).sum(), logits)
    assert gradient.isfinite().all() and gradient[0, 0, 0] == 0


def test_gumbel_noise_is_finite_and_has_the_right_moments():
    ends = gumbel_noise(torch.tensor([0.0, 1.0 - 2**-24, 1.0]))
    assert ends.isfinite().all() and (ends.diff() > 0).all()
    torch.manual_seed(0)
    noise = gumbel_noise(torch.rand(200_000))
    assert noise.mean() == pytest.approx(0.5772, abs=0.01)
    assert noise.var() == pytest.approx(torch.pi**2 / 6, rel=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("last", [1e-3, 1e3])
def test_half_precision_stays_finite_at_extreme_temperatures(dtype, last):
    torch.manual_seed(0)
    features, weight = 40 * torch.randn(4, 6, 8), torch.randn(9, 8, requires_grad=True)
    bias = torch.zeros(9).index_fill(0, torch.tensor([PAD]), float("-inf"))
    uniforms = torch.rand(4, 6, 9).to(dtype)
    uniforms[0], uniforms[1] = 0.0, 1.0  # what rounding to half precision can make of a uniform
    gumbel = gumbel_noise(uniforms)
    with torch.autocast("cpu", dtype=dtype):
        logits = F.linear(features, weight, bias)
        assert logits.dtype is dtype
        rows = relaxed_rows(logits, gumbel, (logits + gumbel).argmax(2), temperature=last)
        verdicts = rows @ torch.randn(9, 3)
    verdicts.float().square().sum().backward()
    assert rows.isfinite().all() and (rows.sum(2) == 1).all()
    assert weight.grad.isfinite().all()
    # A quotient in half precision would not have fitted.
    assert (logits / 1e-3).isinf()[..., 1:].any() == (dtype is torch.float16)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize(("start", "end"), [(1.0, 0.01), (1.0, 1e-3), (0.2, 3.0), (0.7, 0.7)])
def test_schedules_go_from_start_to_end_without_turning(schedule, start, end):
    values = [temperature(schedule, start=start, end=end, fraction=i / 500) for i in range(501)]
    assert values[0] == pytest.approx(start, rel=1e-12)
    assert values[-1] == pytest.approx(start if schedule == "none" else end, rel=1e-12)
    steps = [after - before for before, after in pairwise(values)]
    assert all(abs(step) < 1e-12 or (step > 0) == (end > start) for step in steps)
    if schedule != "none" and start != end:
        assert all(step != 0 for step in steps)


def test_schedules_are_curves_of_the_inverse_temperature():
    def inverse(schedule, fraction):
        return 1 / temperature(schedule, start=1.0, end=1 / 101, fraction=fraction)

    assert inverse("none", 0.5) == 1
    assert inverse("linear", 0.5) == pytest.approx(51)
    assert inverse("exponential", 0.5) == pytest.approx(math.sqrt(101))
    assert inverse("sigmoid", 0.5) == pytest.approx(51)
    assert inverse("quadratic", 0.5) == pytest.approx(26)
    assert inverse("sqrt", 0.25) == pytest.approx(51)
    assert inverse("logarithmic", 0.5) == pytest.approx(1 + 100 * math.log(2501) / math.log(5001))

    def logistic(x):
        return 1 / (1 + math.exp(10 - 20 * x))

    share = (logistic(0.3) - logistic(0)) / (logistic(1) - logistic(0))
    assert inverse("sigmoid", 0.3) == pytest.approx(1 + 100 * share)


def test_exponential_is_a_straight_line_between_the_logarithms():
    for start, end, fraction in ((1.0, 0.25, 0.3), (0.7, 2.0, 0.9), (1.0, 0.001, 0.01)):
        value = temperature("exponential", start=start, end=end, fraction=fraction)
        assert math.log(value) == pytest.approx(
            (1 - fraction) * math.log(start) + fraction * math.log(end)
        )


def test_impossible_schedules_are_refused():
    with pytest.raises(ValueError, match="choose one of none, linear"):
        temperature("cosine", start=1.0, end=0.1, fraction=0.5)
    for numbers in (
        {"start": 0.0, "end": 1.0, "fraction": 0.5},
        {"start": 1.0, "end": -1.0, "fraction": 0.5},
        {"start": 1.0, "end": 0.1, "fraction": 1.5},
        {"start": 1.0, "end": float("nan"), "fraction": 0.5},
    ):
        with pytest.raises(ValueError, match="give positive temperatures"):
            temperature("linear", **numbers)
