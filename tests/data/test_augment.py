"""DiffAugment against loops written independently, and its gradients."""

from __future__ import annotations

import pytest
import torch

from multigan.data.augment import (
    POLICIES,
    colour,
    cutout,
    diff_augment,
    diff_augment_clips,
    translation,
)


class Uniform:
    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def uniform(self, *shape: int) -> torch.Tensor:
        return torch.rand(shape, generator=self.generator)


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_colour_of_each_picture():
    x, u = pictures(3, 3, 5, 4), Uniform().uniform(3, 3)
    for picture, (brightness, saturation, contrast), result in zip(x, u, colour(x, u), strict=True):
        expected = picture + brightness - 0.5
        grey = (expected[0] + expected[1] + expected[2]) / 3
        expected = torch.stack([grey + 2 * saturation * (c - grey) for c in expected])
        expected = expected.mean() + (0.5 + contrast) * (expected - expected.mean())
        torch.testing.assert_close(result, expected)


def test_the_middle_of_the_colour_range_changes_nothing():
    x = pictures(2, 3, 4, 4)
    torch.testing.assert_close(colour(x, torch.full((2, 3), 0.5)), x)


def test_translation_moves_whole_pixels_and_zeros_come_in():
    x, u = pictures(6, 2, 16, 24), Uniform().uniform(6, 2)
    result = translation(x, u)
    for i in range(6):
        down, right = int(u[i, 0] * 5) - 2, int(u[i, 1] * 7) - 3
        for y in range(16):
            for z in range(24):
                inside = 0 <= y - down < 16 and 0 <= z - right < 24
                expected = x[i, :, y - down, z - right] if inside else torch.zeros(2)
                assert torch.equal(result[i, :, y, z], expected)


def test_extreme_draws_of_translation_stay_in_range():
    x = torch.ones(2, 1, 8, 8)
    result = translation(x, torch.tensor([[0.0, 0.0], [0.999999, 0.999999]]))
    assert result.sum((1, 2, 3)).tolist() == [49, 49]
    assert result[0, 0, 7].sum() == 0 and result[1, 0, 0].sum() == 0


@pytest.mark.parametrize("size", [8, 9, 10])
def test_cutout_covers_half_the_side_around_its_centre(size):
    u = Uniform().uniform(50, 2)
    result = cutout(torch.ones(50, 1, size, size), u)
    side = int(size / 2 + 0.5)
    for i in range(50):
        top, left = (int(u[i, k] * (size + (side + 1) % 2)) - side // 2 for k in (0, 1))
        expected = torch.ones(size, size)
        expected[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 0
        assert torch.equal(result[i, 0], expected)


@pytest.mark.parametrize("policy", [POLICIES, ("colour",), ("translation",), ("cutout",), ()])
def test_gradients_flow(policy):
    x = pictures(2, 3, 6, 6).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: diff_augment(y, Uniform(3), policy=policy), x)
    x32 = pictures(4, 3, 8, 8).requires_grad_()
    diff_augment(x32, Uniform(), policy=policy).sum().backward()
    assert x32.grad is not None and x32.grad.abs().sum() > 0


def test_the_same_noise_does_the_same_and_pictures_differ_from_each_other():
    x = pictures(1, 3, 16, 16).repeat(4, 1, 1, 1)
    first, second = diff_augment(x, Uniform(5)), diff_augment(x, Uniform(5))
    assert torch.equal(first, second)
    assert not torch.equal(first, diff_augment(x, Uniform(6)))
    assert not torch.equal(first[0], first[1])


def test_the_policy_does_not_change_how_much_noise_is_drawn():
    after = []
    for policy in (POLICIES, ("cutout",)):
        noise = Uniform()
        diff_augment(pictures(2, 3, 8, 8), noise, policy=policy)
        after.append(noise.uniform(3))
    assert torch.equal(*after)


def test_half_precision_keeps_its_type():
    assert diff_augment(pictures(2, 3, 8, 8).bfloat16(), Uniform()).dtype == torch.bfloat16


def test_unknown_policies_are_refused():
    with pytest.raises(ValueError, match="rotate"):
        diff_augment(pictures(1, 3, 4, 4), Uniform(), policy=("rotate",))


def test_all_frames_of_a_clip_are_augmented_alike() -> None:
    still = pictures(2, 3, 8, 8)[:, None].expand(2, 4, 3, 8, 8)
    seen = diff_augment_clips(still, Uniform(3))
    assert torch.equal(seen, seen[:, :1].expand_as(seen))
    assert not torch.equal(seen[:, 0], still[:, 0])
    assert not torch.equal(seen[0] - still[0], seen[1] - still[1])
