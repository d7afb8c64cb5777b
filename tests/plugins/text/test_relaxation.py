import pytest
import torch

from multigan.data.vocabulary import EOS, PAD
from multigan.plugins.text.relaxation import annealed, gumbel_noise, relaxed_rows


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


def test_temperature_falls_geometrically():
    assert annealed(1.0, 0.25, 0.0) == 1.0
    assert annealed(1.0, 0.25, 0.5) == pytest.approx(0.5)
    assert annealed(1.0, 0.25, 1.0) == pytest.approx(0.25)
    assert annealed(0.7, 0.7, 0.3) == pytest.approx(0.7)
