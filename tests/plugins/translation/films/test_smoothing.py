"""Steady films: less flicker where nothing moves, no ghosts where something does."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from multigan.plugins.translation.films.camera import camera_shift, shifted
from multigan.plugins.translation.films.smoothing import TemporalSmoothing

SIZE = (96, 128)


def scenery(height: int, width: int, *, seed: int = 0) -> np.ndarray:
    """Smooth random shapes with detail down to three pixels, uint8."""
    generator = torch.Generator().manual_seed(seed)
    layers = torch.zeros(1, 3, height, width)
    for cell in (3, 8, 24):
        coarse = torch.rand(1, 3, height // cell + 2, width // cell + 2, generator=generator)
        layers += F.interpolate(coarse, size=(height, width), mode="bicubic") / 3
    return (layers[0].permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()


def negative(rgb: np.ndarray, rng: np.random.Generator, flicker: float = 6.0) -> np.ndarray:
    """A drawing that flickers: known result plus noise of its own in each frame."""
    noise = rng.normal(0, flicker, rgb.shape)
    return np.clip(255.0 - rgb + noise, 0, 255).round().astype(np.uint8)


def grained(rgb: np.ndarray, rng: np.random.Generator, grain: float) -> np.ndarray:
    return np.clip(rgb + rng.normal(0, grain, rgb.shape), 0, 255).round().astype(np.uint8)


def error(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


@pytest.mark.parametrize("grain", [0, 4, 12])
def test_flicker_is_halved_beside_a_moving_thing_that_leaves_no_ghost(grain: int) -> None:
    rng = np.random.default_rng(0)
    background, thing = scenery(*SIZE), 255 - scenery(24, 24, seed=1)
    smoothing = TemporalSmoothing()
    before = after = None
    flicker = {"before": 0.0, "after": 0.0}
    for number in range(16):
        frame = background.copy()
        left = 8 + 4 * number
        frame[36:60, left : left + 24] = thing
        drawn = negative(grained(frame, rng, grain), rng)
        steady = smoothing(grained(frame, rng, grain), drawn)
        if number > 4 and before is not None and after is not None:
            flicker["before"] += error(drawn[:16], before[:16])  # far from the thing
            flicker["after"] += error(steady[:16], after[:16])
            on_thing = (slice(36, 60), slice(left, left + 24))
            assert error(steady[on_thing], drawn[on_thing]) < 1.0
            # Where it was two frames ago, nothing of it is left: the error is that of the noise.
            behind = (slice(36, 60), slice(left - 8, left - 1))
            truth = 255 - background
            assert error(steady[behind], truth[behind]) < error(drawn[behind], truth[behind]) + 1.0
        before, after = drawn, steady
    assert flicker["after"] < 0.5 * flicker["before"]


def test_fine_texture_that_slides_slowly_is_not_taken_for_grain() -> None:
    rng = np.random.default_rng(0)
    cells = rng.integers(100, 156, (32, 67, 3), dtype=np.uint8)
    wide = cells.repeat(3, axis=0).repeat(3, axis=1)
    smoothing = TemporalSmoothing()
    worst = 0.0
    for number in range(10):
        frame = scenery(*SIZE)
        frame[30:70, 30:90] = wide[30:70, number : number + 60]  # the camera stands still
        drawn = negative(frame, rng, flicker=0)
        worst = max(worst, error(smoothing(frame, drawn)[34:66, 34:86], drawn[34:66, 34:86]))
    assert worst < 2.0


@pytest.mark.parametrize("step", [(0.0, 1.25), (1.0, -3.5)])
def test_flicker_is_halved_under_a_moving_camera(step: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    world = torch.from_numpy(scenery(200, 260)).permute(2, 0, 1)[None].float()
    smoothing = TemporalSmoothing()
    errors = {"before": 0.0, "after": 0.0}
    for number in range(12):
        moved = shifted(world, number * step[0], number * step[1]).clamp(0, 255)
        clean = moved[0, :, 52:148, 66:194].permute(1, 2, 0).round().byte().numpy()
        drawn = negative(clean, rng)
        steady = smoothing(grained(clean, rng, 3), drawn)
        if number > 4:
            inner = (slice(16, -16), slice(24, -24))
            errors["before"] += error(drawn[inner], 255 - clean[inner])
            errors["after"] += error(steady[inner], 255 - clean[inner])
    # Nearer to what a network without flicker would draw: neither noise nor a trail is left.
    assert errors["after"] < 0.6 * errors["before"]


def test_a_cut_starts_afresh_and_so_does_another_size() -> None:
    smoothing = TemporalSmoothing()
    first, second = scenery(*SIZE), scenery(*SIZE, seed=5)
    smoothing(first, 255 - first)
    assert np.array_equal(smoothing(second, 255 - second), 255 - second)
    smaller = second[:80].copy()
    assert np.array_equal(smoothing(smaller, 255 - smaller), 255 - smaller)


def test_a_slow_fade_is_followed() -> None:
    """Each step is below every threshold; compared with the last frame only, it would lag."""
    rng = np.random.default_rng(0)
    frame = scenery(*SIZE) // 2
    smoothing = TemporalSmoothing()
    for number in range(40):
        brighter = frame + np.uint8(3 * number)
        drawn = negative(brighter, rng, flicker=0)
        steady = smoothing(brighter, drawn)
    assert error(steady, drawn) < 6  # compared with the last frame: 9


def test_strength_zero_changes_nothing_and_strength_is_checked() -> None:
    smoothing = TemporalSmoothing(0.0)
    for seed in range(3):
        drawn = scenery(*SIZE, seed=seed)
        assert np.array_equal(smoothing(scenery(*SIZE), drawn), drawn)
    for wrong in (-0.1, 1.5):
        with pytest.raises(ValueError, match="from 0 to 1"):
            TemporalSmoothing(wrong)


def test_drawings_larger_than_their_frames_are_steadied_too() -> None:
    rng = np.random.default_rng(0)
    frame = scenery(*SIZE)
    large = frame.repeat(2, axis=0).repeat(2, axis=1)
    smoothing = TemporalSmoothing()
    steady = [smoothing(frame, negative(large, rng)) for _ in range(8)]
    assert error(steady[-1], steady[-2]) < 3


# -- the camera -----------------------------------------------------------------------------------


def waves(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (torch.sin(y / 5) + torch.cos(x / 7) + torch.sin((x + 2 * y) / 11))[None, None] * 40


@pytest.mark.parametrize("move", [(0.3, -0.6), (2.5, 4.25), (-7.0, 3.0)])
def test_shifting_is_exact_for_what_is_smooth(move: tuple[float, float]) -> None:
    y, x = torch.meshgrid(torch.arange(60.0), torch.arange(80.0), indexing="ij")
    expected = waves(y - move[0], x - move[1])[..., 10:-10, 10:-10]
    found = shifted(waves(y, x), *move)[..., 10:-10, 10:-10]
    assert (found - expected).abs().max() < 0.1


@pytest.mark.parametrize("move", [(0.4, -0.7), (3.0, 2.0), (-12.3, 9.6)])
def test_the_camera_is_found_although_something_moves_by_itself(move: tuple[float, float]) -> None:
    world = torch.from_numpy(scenery(200, 240)).float().mean(-1)[None, None]
    before, after = (x[..., 40:160, 40:200].clone() for x in (world, shifted(world, *move)))
    before[..., 20:50, 20:60], after[..., 25:55, 50:90] = 250, 250
    noise = torch.randn(2, 1, 1, 120, 160, generator=torch.Generator().manual_seed(0)) * 3
    found = camera_shift(before + noise[0], after + noise[1])
    assert found == pytest.approx(move, abs=0.15)


def test_a_still_camera_and_another_scene_are_not_shifted() -> None:
    first, second = (
        torch.from_numpy(scenery(*SIZE, seed=seed)).float().mean(-1)[None, None] for seed in (0, 1)
    )
    assert camera_shift(first, first) == (0.0, 0.0)
    assert camera_shift(torch.zeros_like(first), torch.zeros_like(first)) == (0.0, 0.0)
    tiny = first[..., :10, :10]
    assert camera_shift(tiny, tiny + 1) == (0.0, 0.0)
    assert max(map(abs, camera_shift(first, second))) <= 0.25 * min(SIZE)
