from __future__ import annotations

import math

import pytest
import torch

from multigan.metrics.psnr import psnr


def test_a_constant_error_has_the_closed_form() -> None:
    pictures = torch.full((2, 3, 5, 7), 0.5)
    references = pictures.clone()
    references[0] += 0.1
    references[1] -= 0.01
    torch.testing.assert_close(
        psnr(pictures, references),
        torch.tensor([20.0, 40.0], dtype=torch.float64),
        atol=1e-4,
        rtol=0,
    )
    assert psnr(255 * pictures, 255 * references, peak=255)[0] == pytest.approx(20, abs=1e-4)


def test_one_wrong_channel_counts_a_third() -> None:
    pictures = torch.zeros(1, 3, 4, 4)
    references = pictures.clone()
    references[:, 1] = 0.1
    assert float(psnr(pictures, references)) == pytest.approx(20 + 10 * math.log10(3), abs=1e-4)


def test_equal_pictures_and_unequal_shapes() -> None:
    assert psnr(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)).isinf().all()
    with pytest.raises(ValueError, match="differ"):
        psnr(torch.zeros(1, 3, 2, 2), torch.zeros(1, 1, 2, 2))
