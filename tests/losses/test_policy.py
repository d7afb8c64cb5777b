import pytest
import torch

from multigan.losses.policy import discounted_returns, leave_one_out, policy_loss

ALL = torch.ones(2, 3, dtype=torch.bool)


def test_the_loss_raises_good_actions_and_lowers_bad_ones():
    logits = torch.zeros(1, 2, 3, requires_grad=True)
    actions = torch.tensor([[0, 1]])
    nll = -logits.log_softmax(2).gather(2, actions[:, :, None])[:, :, 0]
    advantages = torch.tensor([[2.0, -1.0]], requires_grad=True)
    loss = policy_loss(nll, advantages, ALL[:1, :2], scale=4.0)
    torch.testing.assert_close(loss, torch.tensor(3.0).log() * (2 - 1) / 4)
    (gradient,) = torch.autograd.grad(loss, logits)
    # d(-log softmax) = softmax - one_hot, here 1/3 - one_hot, times advantage / scale
    expected = torch.tensor([[[-2, 1, 1], [-1, 2, -1]]]) / 3 * torch.tensor([2.0, 1.0])[:, None] / 4
    torch.testing.assert_close(gradient, expected)


def test_padding_has_no_gradient_and_shapes_must_agree():
    nll = torch.ones(2, 3, requires_grad=True)
    mask = torch.tensor([[True, False, False], [True, True, False]])
    policy_loss(nll, torch.full((2, 3), 5.0), mask, scale=1).backward()
    assert (nll.grad == 5.0 * mask).all()
    with pytest.raises(ValueError, match="one shape"):
        policy_loss(nll, torch.ones(2, 1), mask, scale=1)


def test_returns_are_the_discounted_sums():
    torch.manual_seed(0)
    rewards = torch.randn(4, 6)
    for discount in (0.0, 0.23, 1.0):
        expected = torch.zeros(4, 6)
        for t in range(6):
            for s in range(t, 6):
                expected[:, t] += discount ** (s - t) * rewards[:, s]
        torch.testing.assert_close(discounted_returns(rewards, discount=discount), expected)


def test_leave_one_out_is_the_mean_of_the_others():
    rewards = torch.tensor([[1.0, 2.0, 9.0], [3.0, 9.0, 9.0], [5.0, 4.0, 7.0]])
    mask = torch.tensor([[True, True, False], [True, False, False], [True, True, True]])
    baseline = leave_one_out(rewards, mask)
    assert baseline[:, 0].tolist() == [4.0, 3.0, 2.0]
    assert baseline[0, 1] == 4.0 and baseline[2, 1] == 2.0
    assert baseline[2, 2] == 7.0  # nobody to compare with: no advantage
    assert ((rewards - baseline) * mask)[2, 2] == 0


def test_a_baseline_leaves_the_expected_gradient_as_it_is():
    """With and without, over all pairs of actions: equal expectation, lower variance."""
    logits = torch.tensor([0.3, -0.2], requires_grad=True)
    values = torch.tensor([10.0, 11.0])
    pairs = torch.cartesian_prod(torch.arange(2), torch.arange(2))
    gradients = {"none": [], "loo": []}
    for pair in pairs:
        rewards, mask = values[pair][:, None], torch.ones(2, 1, dtype=torch.bool)
        for name, advantages in (
            ("none", rewards),
            ("loo", rewards - leave_one_out(rewards, mask)),
        ):
            nll = -logits.log_softmax(0)[pair][:, None]
            loss = policy_loss(nll, advantages, mask, scale=2)
            gradients[name].append(torch.autograd.grad(loss, logits)[0])
    chances = logits.softmax(0).detach()[pairs].prod(1)
    means = {name: (chances[:, None] * torch.stack(g)).sum(0) for name, g in gradients.items()}
    torch.testing.assert_close(means["none"], means["loo"])
    spread = {
        name: (chances[:, None] * torch.stack(g).square()).sum() for name, g in gradients.items()
    }
    assert spread["loo"] < spread["none"] / 20
