"""Adaptive augmentation: its maps, its probability, and that it leaves nothing behind at p = 0."""

from __future__ import annotations

import math

import pytest
import torch

from multigan.plugins.image.adversarial.ada import (
    AdaptiveAugment,
    geometry,
    moved,
    recoloured,
)
from multigan.training.phases import Noise


def chosen(which: int, count: int = 7) -> torch.Tensor:
    act = torch.zeros(1, count, dtype=torch.bool)
    act[0, which] = True
    return act


def amounts(value: float, count: int = 7) -> torch.Tensor:
    return torch.full((1, count), value)


PICTURE = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_nothing_happens_at_probability_0():
    torch.testing.assert_close(AdaptiveAugment()(PICTURE, Noise(0)), PICTURE, atol=1e-5, rtol=0)


def test_mirror_and_quarter_turns_move_whole_pixels():
    mirrored = moved(PICTURE, geometry(chosen(0), amounts(0.2)))
    torch.testing.assert_close(mirrored, PICTURE.flip(3), atol=1e-5, rtol=0)
    for turns, amount in enumerate((0.1, 0.3, 0.6, 0.9)):
        turned = moved(PICTURE, geometry(chosen(1), amounts(amount)))
        expected = torch.rot90(PICTURE, turns, (2, 3))
        torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)


def test_shift_by_a_pixel_reflects_at_the_edge():
    # Amount 0.75 shifts by 0.25 * 0.5 of half a side: half a pixel of 8.
    x = torch.arange(8.0).expand(1, 1, 8, 8).contiguous()
    out = moved(x, geometry(chosen(5), amounts(0.75)))
    expected = torch.tensor([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.0])
    torch.testing.assert_close(out[0, 0, 3], expected, atol=1e-5, rtol=0)


def test_scale_keeps_the_angle_and_stretch_the_area():
    scaled = geometry(chosen(2), amounts(0.9))[0, :, :2]
    assert scaled[0, 0] == scaled[1, 1] > 1
    stretched = geometry(chosen(4), amounts(0.9))[0, :, :2]
    assert torch.linalg.det(stretched).item() == pytest.approx(1.0, rel=1e-5)
    assert stretched[0, 0] != pytest.approx(stretched[1, 1].item())


def test_colours():
    act = lambda which: chosen(which, 4)  # noqa: E731
    brighter = recoloured(PICTURE, act(0), amounts(0.8413447, 4))  # one deviation of 0.2
    torch.testing.assert_close(brighter, PICTURE + 0.2, atol=1e-4, rtol=0)
    stronger = recoloured(PICTURE, act(1), amounts(0.8413447, 4))  # one deviation of half an octave
    torch.testing.assert_close(stronger, PICTURE * math.sqrt(2), atol=1e-3, rtol=0)
    # A third of a full turn about the grey axis exchanges the channels in a cycle.
    turned = recoloured(PICTURE, act(2), amounts(0.5 + 1 / 3, 4))
    torch.testing.assert_close(turned, PICTURE.roll(1, dims=1), atol=1e-5, rtol=0)
    grey = PICTURE.mean(1, keepdim=True)
    richer = recoloured(PICTURE, act(3), amounts(0.8413447, 4))
    torch.testing.assert_close(richer, grey + 2 * (PICTURE - grey), atol=1e-3, rtol=0)


def test_transparency_is_moved_but_not_coloured():
    augment = AdaptiveAugment()
    augment.p.fill_(1.0)
    x = torch.cat([PICTURE, torch.full((1, 1, 8, 8), 0.4)], dim=1).expand(16, -1, -1, -1)
    out = augment(x, Noise(0))
    torch.testing.assert_close(out[:, 3], torch.full((16, 8, 8), 0.4))
    assert not torch.allclose(out[:, :3], x[:, :3])
    assert augment(x[:, :1], Noise(0)).shape == (16, 1, 8, 8)


def test_gradients_pass_through():
    augment = AdaptiveAugment()
    augment.p.fill_(0.8)
    x = PICTURE.double().float().expand(4, -1, -1, -1).clone().requires_grad_(True)
    augment(x, Noise(0)).square().sum().backward()
    assert x.grad.isfinite().all() and (x.grad.abs().amax((1, 2, 3)) > 0).all()


def test_p_acts_on_the_share_of_pictures():
    augment = AdaptiveAugment()
    augment.p.fill_(0.05)
    x = PICTURE.expand(400, -1, -1, -1)
    changed = ((augment(x, Noise(0)) - x).abs().amax((1, 2, 3)) > 1e-3).float().mean().item()
    # Two of eleven changes are the identity for half and a quarter of their amounts.
    untouched = 0.95**9 * (1 - 0.05 / 2) * (1 - 0.05 * 3 / 4)
    assert changed == pytest.approx(1 - untouched, abs=0.07)


def test_p_follows_the_discriminator():
    """By 4 batches of 8 pictures in 320, towards the target from both sides, within its bounds."""
    augment = AdaptiveAugment(target=0.5, images=320, every=4)
    sure, unsure = torch.ones(8, 1), torch.tensor([[1.0], [-1.0]] * 4)
    history = []
    for logits in [sure] * 8 + [unsure] * 4:
        augment.update(logits)
        history.append(round(float(augment.p), 4))
    assert history == [0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.1]
    for _ in range(80):
        augment.update(sure)
    assert float(augment.p) == pytest.approx(0.9)
    for _ in range(80):
        augment.update(unsure)
    assert float(augment.p) == 0.0
    # A mix that is exactly on target moves nothing.
    on_target = torch.tensor([[1.0], [1.0], [1.0], [-1.0]] * 2)
    augment.p.fill_(0.3)
    for _ in range(8):
        augment.update(on_target)
    assert float(augment.p) == pytest.approx(0.3)


def test_probability_is_remembered():
    augment, again = AdaptiveAugment(), AdaptiveAugment()
    augment.update(torch.ones(8, 1))
    again.load_state_dict(augment.state_dict())
    assert float(again.signs) == 1.0 and int(again.batches) == 1
