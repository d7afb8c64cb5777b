"""How sounds are varied while a classifier learns; all amounts are drawn for each sound."""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.audio.classifier.recipe import ClassifierAugment
from multigan.training.phases import Noise


def varied(x_BT: Tensor, noise: Noise, config: ClassifierAugment) -> Tensor:
    """Sounds played at another speed, later, with a gap and in noise.

    Args:
        x_BT: in [-1, 1].
        noise: where the amounts come from.
        config: how large they may be.
    """
    later, faster, hiss, gap, place = noise.uniform(len(x_BT), 5).unbind(1)
    if config.shift or config.speed:
        x_BT = moved(x_BT, later=config.shift * later, speed=1 + config.speed * (2 * faster - 1))
    if config.mask:
        x_BT = masked(x_BT, place=place, share=config.mask * gap)
    if config.noise:
        # Squared: mostly little noise, sometimes much.
        loudness_B = config.noise * hiss.square() * x_BT.abs().amax(1)
        x_BT = x_BT + loudness_B[:, None] * noise.normal(*x_BT.shape)
    return x_BT


def moved(x_BT: Tensor, *, later: Tensor, speed: Tensor) -> Tensor:
    """Sounds that begin later and are played faster; silence before and after them.

    Args:
        x_BT: sounds.
        later: (B,), share of the length.
        speed: (B,), 1 changes nothing.
    """
    T = x_BT.shape[1]
    time_T = torch.arange(T, device=x_BT.device, dtype=torch.float32)
    source_BT = (time_T - (later * T)[:, None]) * speed[:, None]
    left_BT = source_BT.floor()
    weight_BT = source_BT - left_BT
    inside_BT = (source_BT >= 0) & (source_BT <= T - 1)
    index_BT = left_BT.long().clamp(0, T - 1)
    before_BT = x_BT.gather(1, index_BT)
    after_BT = x_BT.gather(1, (index_BT + 1).clamp(max=T - 1))
    return torch.where(inside_BT, torch.lerp(before_BT, after_BT, weight_BT), 0)


def masked(x_BT: Tensor, *, place: Tensor, share: Tensor) -> Tensor:
    """Sounds in which a stretch is silent.

    Args:
        x_BT: sounds.
        place: (B,), where it begins, as a share of the length.
        share: (B,), how long it is, as a share of the length.
    """
    T = x_BT.shape[1]
    time_T = torch.arange(T, device=x_BT.device) / T
    silent_BT = (time_T >= place[:, None]) & (time_T < (place + share)[:, None])
    return x_BT.masked_fill(silent_BT, 0)
