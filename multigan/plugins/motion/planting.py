"""Feet that stand, stand still: the root is moved as the standing foot demands.

A generator says how the root moves and how the legs do, and both are a little off, so that feet
slide where they should stand. It also says when they stand. While a foot does, the root's step over
the ground is taken from that foot's step in the other direction; in between it is the generator's.

Shape suffixes: T frames, N joints of the feet.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from multigan.plugins.motion.skeleton import Motion

FADE_IN = 6  # frames after given ones, over which planting takes over


def planted(motion: Motion, contacts_TN: Tensor, *, before: int = 0) -> Motion:
    """The motion with another path of the root, on which standing feet move less.

    Args:
        motion: in metres, y up.
        contacts_TN: from 0 to 1, whether the joints of the feet stand.
        before: leading frames that are given and stay as they are.

    Returns:
        It with new places of the root; heights and rotations are those of before.
    """
    feet = motion.positions()[:, list(motion.skeleton.feet)]
    step = motion.root.diff(dim=0)[:, [0, 2]]
    slide = feet.diff(dim=0)[..., [0, 2]]
    # A step is a standing foot's if it stands at both ends of it; feet that are surer weigh more.
    stands = torch.minimum(contacts_TN[1:], contacts_TN[:-1]).clamp(0, 1).to(slide)
    weight = stands.square()
    mean = (weight[..., None] * slide).sum(1) / weight.sum(1, keepdim=True).clamp(min=1e-6)
    share = stands.amax(1)
    if before:
        ramp = (torch.arange(len(step)) - (before - 2)) / FADE_IN
        share = share * ramp.clamp(0, 1).to(share)
    x, z = torch.cat([motion.root[:1, [0, 2]], step - share[:, None] * mean]).cumsum(0).unbind(1)
    return replace(motion, root=torch.stack([x, motion.root[:, 1], z], dim=-1))
