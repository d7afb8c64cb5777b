"""Phase shuffle against numpy's reflecting pad."""

from __future__ import annotations

import numpy as np
import torch

from multigan.plugins.audio.networks.phase_shuffle import phase_shuffle


def test_each_sound_is_shifted_by_itself_and_reflected():
    x_BCT = torch.randn(5, 3, 11)
    shifts = [-2, -1, 0, 1, 2]
    found = phase_shuffle(x_BCT, torch.tensor(shifts))
    for x_CT, y_CT, shift in zip(x_BCT.numpy(), found.numpy(), shifts, strict=True):
        padded = np.pad(x_CT, ((0, 0), (2, 2)), mode="reflect")
        np.testing.assert_array_equal(y_CT, padded[:, 2 - shift : 13 - shift])


def test_it_can_be_differentiated_twice():
    x_BCT = torch.randn(3, 2, 6, dtype=torch.float64, requires_grad=True)
    shifts_B = torch.tensor([2, -1, 0])

    def cubed(x):
        return phase_shuffle(x, shifts_B) ** 3

    assert torch.autograd.gradcheck(cubed, x_BCT)
    assert torch.autograd.gradgradcheck(cubed, x_BCT)
