"""Pictures on their way into a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from multigan.data.transforms import image_transform, to_float, to_uint8


def test_uint8_survives_the_way_there_and_back():
    values = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(to_float(values)), values)
    assert to_float(values)[[0, 255]].tolist() == [-1, 1]


def test_conversion_rounds_and_clamps():
    assert to_uint8(
        torch.tensor([-7.0, 7.0, 0.0, -1 + 1.4 / 127.5, -1 + 1.6 / 127.5])
    ).tolist() == [
        0,
        255,
        128,
        1,
        2,
    ]


@pytest.mark.parametrize("crop", ["random", "centre", "none"])
@pytest.mark.parametrize("shape", [(1, 1), (33, 517), (64, 64), (500, 20)])
def test_pictures_of_any_shape_come_out_at_the_size(crop, shape):
    picture = np.full((*shape, 3), (255, 0, 51), np.uint8)
    result = image_transform(32, crop=crop)(picture)
    assert result.shape == (3, 32, 32) and result.dtype == torch.float32
    torch.testing.assert_close(result[:, 3, 3], torch.tensor([1.0, -1.0, -0.6]))
    assert image_transform((16, 24), crop=crop, resize=40)(picture).shape == (3, 16, 24)


def test_arrays_and_pil_pictures_give_the_same():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    transform = image_transform(32, crop="centre", flip=False)
    assert torch.equal(transform(pixels), transform(Image.fromarray(pixels)))


def test_without_chance_a_picture_of_the_size_is_unchanged():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    result = image_transform(32, crop="centre", flip=False)(pixels)
    assert np.array_equal(to_uint8(result).permute(1, 2, 0).numpy(), pixels)


def test_chance_comes_from_the_global_generator():
    pixels = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    transform = image_transform(32, resize=48, jitter=0.3, rotation=10)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        np.random.seed(len(results))
        results.append(transform(pixels))
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])


def test_flips_happen_half_of_the_time():
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4] = 255
    torch.manual_seed(0)
    flipped = sum(image_transform(8)(pixels)[0, 0, 0].item() < 0 for _ in range(200))
    assert 70 < flipped < 130


def test_wrong_settings():
    with pytest.raises(ValueError, match="crop"):
        image_transform(32, crop="middle")
    with pytest.raises(ValueError, match="smaller"):
        image_transform(32, resize=16)
