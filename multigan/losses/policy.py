"""Policy gradient for sequences: rewards to advantages, and advantages to a loss.

REINFORCE (Williams 1992) as SeqGAN (Yu et al. 2017) and its successors use it. Shapes: (B, L), B
sequences of L actions; ``mask`` is true at actions that were taken, false at padding.
"""

from __future__ import annotations

import torch
from torch import Tensor


def policy_loss(nll: Tensor, advantages: Tensor, mask: Tensor, *, scale: float) -> Tensor:
    """-sum of advantage * log pi(action), divided by ``scale``: minimising it raises good actions.

    Args:
        nll: -log pi of the actions taken (B, L), with gradient.
        advantages: (B, L); no gradient flows into them.
        mask: bool (B, L).
        scale: what the sum is divided by, for example the usual number of actions in a batch. The
            mean over each batch's own actions would favour short sequences.

    Raises:
        ValueError: shapes differ.
    """
    if not nll.shape == advantages.shape == mask.shape:
        raise ValueError(
            f"nll {tuple(nll.shape)}, advantages {tuple(advantages.shape)} and mask "
            f"{tuple(mask.shape)} must have one shape"
        )
    return (nll * advantages.detach() * mask).sum() / scale


def discounted_returns(rewards: Tensor, *, discount: float) -> Tensor:
    """sum over s >= t of discount^(s - t) * reward_s, (B, L).

    Args:
        rewards: (B, L), 0 at padding.
        discount: in [0, 1].
    """
    returns = torch.zeros_like(rewards)
    ahead = torch.zeros_like(rewards[:, 0])
    for position in reversed(range(rewards.shape[1])):
        ahead = rewards[:, position] + discount * ahead
        returns[:, position] = ahead
    return returns


def leave_one_out(rewards: Tensor, mask: Tensor) -> Tensor:
    """What the other sequences of the batch got at the same position, (B, L).

    An unbiased baseline, as it does not depend on the action that it is compared with (Kool et al.
    2019). Where no other sequence is as long, it is the reward itself: no advantage.

    Args:
        rewards: (B, L).
        mask: bool (B, L).
    """
    rewards = rewards * mask
    others = mask.sum(0) - mask.long()
    means = (rewards.sum(0) - rewards) / others.clamp(min=1)
    return torch.where(others > 0, means, rewards)
