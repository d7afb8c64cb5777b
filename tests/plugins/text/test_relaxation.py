import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from multigan.data.vocabulary import PAD
from multigan.plugins.text.relaxation import (
    SCHEDULES,
    SoftWords,
    noisy_logits,
    soft_rows,
    temperature,
)


def gumbel(*shape):
    return -torch.log(-torch.log(torch.rand(*shape).double())).float()


@pytest.mark.parametrize("everywhere", [True, False])
def test_products_are_exactly_those_of_one_hot_rows(everywhere):
    torch.manual_seed(0)
    tokens = torch.tensor([[4, 1, PAD], [2, 6, 5]])
    where = None if everywhere else tokens != PAD
    soft = torch.rand(6 if everywhere else 5, 7, requires_grad=True)
    weight = torch.randn(7, 3)
    product = SoftWords(tokens, soft, where) @ weight
    assert torch.equal(product, weight[tokens])
    ahead = torch.randn(2, 3, 3)
    (gradient,) = torch.autograd.grad((product * ahead).sum(), soft)
    expected = (ahead.flatten(0, 1) if everywhere else ahead[where]) @ weight.T
    torch.testing.assert_close(gradient, expected)


def test_gradient_is_that_of_the_soft_rows():
    torch.manual_seed(0)
    logits = torch.randn(6, 5, requires_grad=True)
    noise, weights = gumbel(6, 5), torch.randn(6, 5)
    noisy = (logits + noise).detach()
    found = torch.autograd.grad((soft_rows(logits, noisy, temperature=0.5) * weights).sum(), logits)
    soft = ((logits + noise) / 0.5).softmax(1)
    expected = torch.autograd.grad((soft * weights).sum(), logits)
    torch.testing.assert_close(found, expected)


def test_noise_after_the_word_is_distributed_as_noise_before_it():
    """Draw the noise first, or the word first and then its noise: the same joint distribution."""
    torch.manual_seed(0)
    count, logits = 100_000, torch.tensor([0.0, 1.5, -1.0])
    before = logits + gumbel(count, 3)
    words = logits.softmax(0).multinomial(count, replacement=True)
    after = noisy_logits(logits.expand(count, 3), words, torch.rand(count, 3))
    assert torch.equal(after.argmax(1), words)
    marks = torch.linspace(0.02, 0.98, 25)
    for word in range(3):
        first, second = before[before.argmax(1) == word], after[words == word]
        assert abs(len(first) - len(second)) < 5 * len(first) ** 0.5
        for column in range(3):
            expected = first[:, column].quantile(marks)
            found = (second[:, column, None] < expected).float().mean(0)
            torch.testing.assert_close(found, marks, atol=6 * len(first) ** -0.5, rtol=0)
    # Two words of one draw depend on each other as they should.
    correlations = [torch.corrcoef(each.T)[0, 1].item() for each in (before, after)]
    assert correlations[1] == pytest.approx(correlations[0], abs=0.01)


def test_extreme_uniforms_and_blocked_words_stay_finite():
    logits = torch.tensor([[float("-inf"), 1.0, -200.0, 0.0]]).expand(3, 4).clone().requires_grad_()
    uniforms = torch.tensor([[0.0] * 4, [1.0] * 4, [0.0, 1.0, 0.0, 0.5]])
    words = torch.tensor([1, 3, 1])
    noisy = noisy_logits(logits, words, uniforms)
    assert (noisy[:, 0] == float("-inf")).all() and not noisy.isnan().any()
    assert torch.equal(noisy.argmax(1), words)
    rows = soft_rows(logits, noisy, temperature=0.1)
    (gradient,) = torch.autograd.grad((rows * torch.randn(4)).sum(), logits)
    assert gradient.isfinite().all() and (gradient[:, 0] == 0).all() and rows.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("last", [1e-3, 1e3])
def test_half_precision_stays_finite_at_extreme_temperatures(dtype, last):
    torch.manual_seed(0)
    features, weight = 40 * torch.randn(24, 8), torch.randn(9, 8, requires_grad=True)
    bias = torch.zeros(9).index_fill(0, torch.tensor([PAD]), float("-inf"))
    with torch.autocast("cpu", dtype=dtype):
        logits = F.linear(features, weight, bias)
        assert logits.dtype is dtype
        words = logits.argmax(1)
        noisy = noisy_logits(logits, words, torch.rand(24, 9).to(dtype))
        soft = soft_rows(logits, noisy, temperature=last)
        verdicts = SoftWords(words[None], soft) @ torch.randn(9, 3)
    verdicts.float().square().sum().backward()
    assert soft.isfinite().all() and weight.grad.isfinite().all()
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
