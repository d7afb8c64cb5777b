"""Differentiable augmentation of spectrograms, for small data (after Zhao et al. 2020).

Everything that is judged is moved in time and has bands and frames blanked, real sounds and fakes
alike, so that a discriminator cannot know a few real sounds by heart. Sounds are not made higher or
lower: that would change who speaks, and with it what the generator learns.

Shape suffixes: B sounds, M mel bands, T frames.
"""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.training.phases import Noise


def augment(x_B1MT: Tensor, noise: Noise, *, shift: float = 0.0, mask: float = 0.0) -> Tensor:
    """Varies each spectrogram in its own way.

    Args:
        x_B1MT: each band normalised to mean 0.
        noise: draws three numbers a sound.
        shift: longest shift in time, as a share of the frames; the outermost frames are repeated.
        mask: share of the bands that is blanked, in one block anywhere, and share of the frames.

    Returns:
        Spectrograms of the same shape.
    """
    # All are drawn whatever is done, so that changing one does not change the draws of others.
    u_B3 = noise.uniform(len(x_B1MT), 3)
    if shift:
        x_B1MT = shifted(x_B1MT, u_B3[:, 0], most=round(shift * x_B1MT.shape[3]))
    if mask:
        x_B1MT = masked(x_B1MT, u_B3[:, 1:], share=mask)
    return x_B1MT


def shifted(x_B1MT: Tensor, u_B: Tensor, *, most: int) -> Tensor:
    """Moves each one by whole frames, -most to most; 0.5 does not move it."""
    T = x_B1MT.shape[3]
    by_B = torch.floor(u_B * (2 * most + 1)).long() - most
    place_BT = (torch.arange(T, device=u_B.device) - by_B[:, None]).clamp(0, T - 1)
    return x_B1MT.gather(3, place_BT[:, None, None].expand_as(x_B1MT))


def masked(x_B1MT: Tensor, u_B2: Tensor, *, share: float) -> Tensor:
    """Sets a block of bands and a block of frames to 0, the mean."""
    keep = []
    for axis, u_B in ((2, u_B2[:, 0]), (3, u_B2[:, 1])):
        size = x_B1MT.shape[axis]
        wide = round(share * size)
        start_B = torch.floor(u_B * (size - wide + 1))
        place_BS = torch.arange(size, device=u_B.device) - start_B[:, None]
        keep.append((place_BS < 0) | (place_BS >= wide))
    return x_B1MT * (keep[0][:, None, :, None] & keep[1][:, None, None, :]).to(x_B1MT.dtype)
