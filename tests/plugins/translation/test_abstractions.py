from __future__ import annotations

import pytest
import torch

from multigan.plugins.translation.drawing.abstractions import ABSTRACTIONS
from multigan.plugins.translation.drawing.abstractions.cartoon import (
    cartoon,
    enliven,
    finish,
    outlines,
    step_lightness,
)
from multigan.plugins.translation.drawing.abstractions.lines import (
    average_along,
    edge_response,
    edge_tangents,
)
from multigan.plugins.translation.drawing.abstractions.oil import relief, sharpen_across
from multigan.plugins.translation.drawing.abstractions.oklab import oklab_to_rgb, rgb_to_oklab
from multigan.plugins.translation.drawing.abstractions.pixel_art import thin_outlines
from multigan.plugins.translation.drawing.abstractions.smoothing import (
    bilateral,
    flatten,
    gaussian_blur,
)
from multigan.plugins.translation.drawing.abstractions.watercolour import watercolour


def two_areas(size: int = 48) -> torch.Tensor:
    """Left half dark blue, right half light orange."""
    picture = torch.empty(1, 3, size, size)
    picture[..., : size // 2] = torch.tensor([0.1, 0.2, 0.5]).view(1, 3, 1, 1)
    picture[..., size // 2 :] = torch.tensor([0.9, 0.7, 0.4]).view(1, 3, 1, 1)
    return picture


def test_oklab_has_the_published_values() -> None:
    # White, and the primaries in the table of Ottosson's article and of CSS Color 4.
    colours = torch.tensor([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1]]).view(4, 3, 1, 1)
    expected = torch.tensor(
        [
            [1.0, 0.0, 0.0],
            [0.62796, 0.22486, 0.12585],
            [0.86644, -0.23389, 0.17950],
            [0.45201, -0.03246, -0.31153],
        ]
    )
    torch.testing.assert_close(
        rgb_to_oklab(colours).view(4, 3), expected, atol=2e-4, rtol=0, check_stride=False
    )


def test_oklab_comes_back() -> None:
    rgb = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(oklab_to_rgb(rgb_to_oklab(rgb)), rgb, atol=1e-4, rtol=0)


def test_blur_of_a_point_is_the_gaussian() -> None:
    point = torch.zeros(1, 1, 31, 31)
    point[..., 15, 15] = 1
    blurred = gaussian_blur(point, 2.0)[0, 0]
    place = torch.arange(-15, 16).float()
    gaussian = torch.exp(-(place**2) / 8)
    gaussian[place.abs() > 6] = 0
    gaussian /= gaussian.sum()
    torch.testing.assert_close(blurred, torch.outer(gaussian, gaussian))


def test_bilateral_averages_equals_and_keeps_edges_of_equal_lightness_apart() -> None:
    noise = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    colour = torch.zeros(1, 3, 40, 40)
    colour[:, 1, :, 20:] = 0.3  # no difference in the first channel
    smooth = bilateral(colour + 0.01 * noise, guide=colour, sigma=0.05)
    torch.testing.assert_close(smooth[:, 1, :, :20].mean(), torch.tensor(0.0), atol=2e-3, rtol=0)
    torch.testing.assert_close(smooth[:, 1, :, 20:].mean(), torch.tensor(0.3), atol=2e-3, rtol=0)
    assert (smooth - colour).std() < 0.5 * 0.01
    # With a constant guide it is the plain spline average.
    plain = bilateral(noise, guide=torch.zeros_like(noise), sigma=0.05)
    taps = torch.tensor([1.0, 4, 6, 4, 1]) / 16
    kernel = torch.outer(taps, taps).expand(3, 1, 5, 5)
    wide = torch.nn.functional.pad(noise, (2, 2, 2, 2), mode="replicate")
    torch.testing.assert_close(plain, torch.conv2d(wide, kernel, groups=3))


def test_flatten_removes_noise_and_leaves_a_step_where_it_is() -> None:
    step = torch.zeros(1, 1, 40, 56)
    step[..., 30:] = 0.5
    noise = 0.01 * torch.randn(step.shape, generator=torch.Generator().manual_seed(2))
    flat = flatten(step + noise, strength=0.01)
    assert flat.shape == step.shape
    assert (flat[..., :30].std() < 1e-3) and (flat[..., 30:].std() < 1e-3)
    assert (flat - step).abs().max() < 0.02


def test_tangents_run_along_an_edge_in_any_direction() -> None:
    rows, columns = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    for degrees in (0.0, 30.0, 90.0, 135.0):
        angle = torch.deg2rad(torch.tensor(degrees))
        normal = torch.stack([angle.cos(), angle.sin()])
        distance = normal[0] * (columns - 20) + normal[1] * (rows - 20)
        tangents = edge_tangents(torch.sigmoid(distance)[None, None], smoothness=1.5)
        across = (tangents[0, :, 20, 20] * normal).sum()
        assert abs(float(across)) < 0.05


def test_an_edge_answers_negatively_on_its_dark_side_only() -> None:
    step = torch.zeros(1, 1, 32, 32)
    step[..., 16:] = 1
    tangents = edge_tangents(gaussian_blur(step, 0.8), smoothness=1.8)
    response = edge_response(step, tangents=tangents, width=1.0, length=3.0)[0, 0, 16]
    assert response[14:16].max() < -0.05 and response[16:18].min() > 0.05
    assert response[:8].abs().max() < 1e-3
    constant = edge_response(torch.ones(1, 1, 32, 32), tangents=tangents, width=1.0, length=3.0)
    torch.testing.assert_close(constant, torch.zeros_like(constant), atol=1e-5, rtol=0)


def test_ink_lies_at_the_border_and_nowhere_else() -> None:
    ink = outlines(rgb_to_oklab(two_areas()))[0, 0]
    assert ink[24, 22:24].max() > 0.8
    assert ink[:, :16].max() < 0.01 and ink[:, 32:].max() < 0.01


def test_the_drawing_is_flat_outlined_livelier_and_repeatable() -> None:
    noise = torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(3))
    photo = (two_areas() + 0.02 * noise).clamp(0, 1)
    drawn = cartoon(photo)
    assert drawn.shape == photo.shape and drawn.min() >= 0 and drawn.max() <= 1
    assert torch.equal(drawn, cartoon(photo))
    area_photo, area_drawn = photo[..., 8:40, 32:44], drawn[..., 8:40, 32:44]
    assert area_drawn.std((2, 3)).max() < 0.3 * area_photo.std((2, 3)).min()
    saturation = [
        area.mean((2, 3)).amax() - area.mean((2, 3)).amin() for area in (area_photo, area_drawn)
    ]
    assert saturation[1] > saturation[0]
    assert drawn[0, :, 24, 23].mean() < 0.6 * photo[0, :, 24, 8].mean()


def test_grey_stays_grey_and_tones_keep_their_order() -> None:
    lightness = torch.linspace(0, 1, 64).view(1, 1, 1, 64)
    grey = torch.cat([lightness, torch.zeros(1, 2, 1, 64)], dim=1)
    drawn = enliven(step_lightness(grey))
    assert drawn[:, 1:].abs().max() < 1e-6
    assert (drawn[0, 0, 0].diff() > -1e-6).all()
    assert drawn[:, 0].min() >= 0 and drawn[:, 0].max() <= 1.0 + 1e-6


def test_the_finish_brightens_without_burning_out_and_sharpens() -> None:
    ramp = torch.linspace(0.35, 1, 64).expand(1, 3, 8, 64)
    finished = finish(ramp)[0, 0, 4]
    assert (finished[:40] > ramp[0, 0, 4, :40]).all()
    assert (finished.diff() > -1e-4).all() and finished.max() < 1
    pale = torch.tensor([0.80, 0.88, 0.96]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    assert rgb_to_oklab(finish(pale))[0, 2].max() < -0.02  # still blue
    step = torch.full((1, 3, 8, 32), 0.3)
    step[..., 16:] = 0.5
    sharp = finish(step)[0, 0, 4]
    assert sharp[15] < sharp[4] - 0.01 and sharp[16] > sharp[28] + 0.01


@pytest.mark.parametrize("name", ABSTRACTIONS)
def test_any_size_is_drawn_in_range_and_always_the_same(name: str) -> None:
    for height, width in ((1, 1), (3, 50), (17, 5)):
        photo = torch.rand(1, 3, height, width)
        drawn = ABSTRACTIONS[name](photo)
        assert drawn.shape == (1, 3, height, width) and drawn.isfinite().all()
        assert drawn.min() >= 0 and drawn.max() <= 1
        assert torch.equal(drawn, ABSTRACTIONS[name](photo))


def test_an_average_along_a_field_keeps_what_varies_across_it_and_levels_the_rest() -> None:
    rows, columns = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    along = torch.zeros(1, 2, 48, 48)
    along[:, 0] = 1  # everywhere to the right
    stripes = torch.sin(rows)[None, None]  # they change downwards only
    torch.testing.assert_close(average_along(stripes, along, 4.0), stripes, atol=1e-4, rtol=0)
    waves = torch.sin(columns)[None, None]
    # A Gaussian of deviation 4 leaves exp(-8) of a wave of one radian a pixel, up to its cut tails.
    assert average_along(waves, along, 4.0)[..., 12:36].abs().max() < 0.06


def test_a_shock_makes_a_soft_edge_steep_and_moves_neither_side() -> None:
    ramp = torch.sigmoid((torch.arange(48.0) - 23.5) / 2).expand(1, 3, 48, 48)
    tangents = edge_tangents(ramp, smoothness=1.5)
    sharp = ramp
    for _ in range(6):
        sharp = sharpen_across(sharp, tangents)
    assert sharp[0, 0, 24].diff().max() > 2 * ramp[0, 0, 24].diff().max()
    torch.testing.assert_close(sharp[..., :8], ramp[..., :8], atol=0.01, rtol=0)
    torch.testing.assert_close(sharp[..., 40:], ramp[..., 40:], atol=0.01, rtol=0)


def test_strokes_have_relief_where_a_photo_is_nearly_even() -> None:
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(4))
    faint, strong = (0.5 + strength * noise for strength in (0.004, 0.02))
    paint = torch.arange(64.0).expand(1, 3, 64, 64) / 64  # its edges run downwards
    ridges = relief(strong, paint)[0, 0, 16:48, 16:48]
    assert ridges.abs().max() <= 1
    assert ridges.diff(dim=0).abs().mean() < 0.5 * ridges.diff(dim=1).abs().mean()
    # Five times less texture has nearly the same relief; none at all has none.
    assert relief(faint, paint).std() > 0.6 * relief(strong, paint).std()
    assert relief(torch.full_like(noise, 0.5), paint).abs().max() < 1e-3


def test_washes_are_lighter_than_the_photo_and_darker_at_their_borders() -> None:
    photo = two_areas(64)
    before, after = rgb_to_oklab(photo)[:, :1], rgb_to_oklab(watercolour(photo))[:, :1]
    middle = (..., slice(24, 40), slice(8, 20))
    assert after[middle].mean() > before[middle].mean() + 0.05
    # On the light side, where no pencil runs, pigment has gathered near the border.
    assert after[..., 32, 33] < after[..., 32, 48] - 0.01
    white = watercolour(torch.ones(1, 3, 32, 32))
    assert white.min() > 0.93


def test_pixel_art_has_lines_of_one_pixel() -> None:
    ink = thin_outlines(rgb_to_oklab(two_areas()))[0, 0, 24]
    assert ink[22:24].max() > 0.5 and (ink > 0.5).sum() <= 2
