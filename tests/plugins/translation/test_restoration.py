"""Damages, colours, generators and pipelines of restoration."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from multigan.config.recipe import make_recipe
from multigan.errors import CheckpointError, DataError, PluginError, RecipeError
from multigan.plugins.translation.opening import open_pipeline
from multigan.plugins.translation.pipeline import TranslationPipeline
from multigan.plugins.translation.restoration import lab
from multigan.plugins.translation.restoration.degradations import (
    fade,
    fill_holes,
    free_form_mask,
    punch,
    shrink,
)
from multigan.plugins.translation.restoration.gan import Restoration
from multigan.plugins.translation.restoration.networks import (
    NETWORKS,
    Colouriser,
    Enlarger,
    Inpainter,
    enlarge,
)
from multigan.plugins.translation.restoration.pipeline import (
    InpaintingPipeline,
    SuperResolutionPipeline,
    masked,
)
from multigan.plugins.translation.restoration.tiles import in_tiles
from multigan.training.phases import Noise, Step

TASKS = ("super-resolution", "inpainting", "colourisation")


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def awake(network: nn.Module) -> nn.Module:
    """With a last layer that does something."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return network.eval()


# -- colours --------------------------------------------------------------------------------------


def test_lab_has_the_published_values() -> None:
    colours = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
    expected = torch.tensor(
        [[53.24, 80.09, 67.20], [87.73, -86.18, 83.18], [32.30, 79.19, -107.86], [100, 0, 0],
         [0, 0, 0]]
    )  # fmt: skip
    found = lab.rgb_to_lab(colours[:, :, None, None]).flatten(1)
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0)


def test_lab_comes_back() -> None:
    rgb = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(lab.lab_to_rgb(lab.rgb_to_lab(rgb)), rgb, atol=1e-5, rtol=0)


def test_lightness_is_kept_where_the_colour_cannot_be_shown() -> None:
    colours = lab.rgb_to_lab(torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)))
    colours[:, 1:] *= 4
    colours[:, 0, 0], colours[:, 0, 1] = 0, 100  # black and white have no colour at all
    shown = lab.lab_to_rgb(colours)
    assert shown.min() >= 0 and shown.max() <= 1
    torch.testing.assert_close(lab.lightness(shown), colours[:, :1], atol=1e-3, rtol=0)
    found, wanted = lab.rgb_to_lab(shown)[:, 1:, 2:], colours[:, 1:, 2:]
    assert torch.cosine_similarity(found, wanted, dim=1).min() > 0.7  # hues stay about the same
    assert (found.norm(dim=1) <= wanted.norm(dim=1) + 1e-3).all()


def test_the_way_back_has_finite_gradients_everywhere() -> None:
    colours = torch.zeros(1, 3, 4, 4)
    colours[:, 0] = torch.linspace(0, 100, 16).view(4, 4)
    colours.requires_grad_()
    lab.lab_to_rgb(colours).sum().backward()
    assert colours.grad is not None and colours.grad.isfinite().all()


# -- damages --------------------------------------------------------------------------------------


def test_shrinking_is_pils_bicubic() -> None:
    rgb = noise(40, 64)
    small = Image.fromarray(rgb).resize((16, 10), Image.Resampling.BICUBIC)
    x = torch.from_numpy(rgb).permute(2, 0, 1) / 127.5 - 1
    found = shrink(x, 4).add(1).mul(127.5).permute(1, 2, 0).numpy()
    assert np.abs(found - np.asarray(small, dtype=float)).max() <= 1


def test_fading_keeps_lightness_and_nothing_else() -> None:
    x = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    grey = fade(x)
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[1], grey[2])
    before, after = (lab.lightness((each[None] + 1) / 2) for each in (x, grey))
    torch.testing.assert_close(before, after, atol=0.3, rtol=0)  # half a level of 255


def test_strokes_differ_repeat_with_the_seed_and_leave_most_of_the_picture() -> None:
    torch.manual_seed(0)
    masks = [free_form_mask(48, 64) for _ in range(50)]
    torch.manual_seed(0)
    assert torch.equal(masks[0], free_form_mask(48, 64))
    shares = torch.stack(masks).mean((1, 2, 3))
    assert shares.min() > 0 and shares.max() < 0.6 and 0.03 < shares.mean() < 0.2
    assert set(masks[0].unique().tolist()) == {0.0, 1.0}


def test_the_diffusion_fill_is_nearly_harmonic_and_leaves_the_rest_alone() -> None:
    """A plane is harmonic: its hole is filled with the plane."""
    down, across = torch.meshgrid(
        torch.linspace(-1, 1, 45), torch.linspace(-1, 1, 70), indexing="ij"
    )
    plane = (0.4 * down + 0.5 * across).expand(3, -1, -1)
    hole = torch.zeros(1, 45, 70)
    hole[:, 15:30, 20:40] = 1
    broken = torch.where(hole > 0, torch.tensor(float("inf")), plane).nan_to_num(posinf=9.0)
    filled = fill_holes(broken, hole)
    assert torch.equal(filled[3:], hole)
    known = hole.expand(3, -1, -1) == 0
    assert torch.equal(filled[:3][known], plane[known])
    assert (filled[:3] - plane).abs().max() < 0.06
    torch.manual_seed(0)
    flat = punch(torch.full((3, 33, 47), 0.3))
    torch.testing.assert_close(flat[:3], torch.full((3, 33, 47), 0.3))


# -- generators -----------------------------------------------------------------------------------


def test_fresh_generators_are_their_baselines() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 16, 24, generator=generator) * 2 - 1
    torch.testing.assert_close(Enlarger(scale=2, width=4, blocks=1)(x), enlarge(x, 2))
    hole = (torch.rand(2, 1, 16, 24, generator=generator) < 0.3).float()
    given = torch.cat([x, hole], dim=1)
    torch.testing.assert_close(Inpainter(width=8, blocks=1)(given), x)
    grey = torch.stack([fade(each) for each in x])
    torch.testing.assert_close(Colouriser(width=8, blocks=1)(x), grey, atol=0.005, rtol=0)


def test_the_inpainter_changes_holes_only() -> None:
    given = torch.rand(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    given[:, 3] = (given[:, 3] > 0.5).float()
    drawn = awake(Inpainter(width=8, blocks=2))(given)
    changed = (drawn - given[:, :3]).abs().amax(1) > 0
    assert torch.equal(changed, given[:, 3] > 0)


def test_the_colouriser_sees_no_colour_and_keeps_the_lightness() -> None:
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    network = awake(Colouriser(width=8, blocks=2))
    drawn = network(2 * x - 1)
    torch.testing.assert_close(drawn, network(2 * lab.grey(x) - 1), atol=2e-3, rtol=0)
    torch.testing.assert_close(lab.lightness((drawn + 1) / 2), lab.lightness(x), atol=1e-2, rtol=0)
    assert lab.rgb_to_lab((drawn + 1) / 2)[:, 1:].abs().max() > 5  # it did paint


@pytest.mark.parametrize(
    ("network", "channels"),
    [
        (Enlarger(scale=3, width=4, blocks=2), 3),
        (Inpainter(width=4, blocks=2), 4),
        (Colouriser(width=4, blocks=2), 3),
    ],
)
def test_no_pixel_sees_further_than_the_reach(network: nn.Module, channels: int) -> None:
    network, place = awake(network), 64
    scale, reach = getattr(network, "scale", 1), int(network.reach)  # type: ignore[arg-type]
    x = torch.rand(1, channels, 128, 128).requires_grad_()
    out = network(x)[0, :, scale * place, scale * place].sum()
    (gradient,) = torch.autograd.grad(out, x)
    seen = gradient[0].abs().sum(0).nonzero()
    assert reach - 16 < (seen - place).abs().max() <= reach


@pytest.mark.parametrize("size", [(1, 1), (37, 53), (64, 20)])
def test_tiles_equal_the_whole(size: tuple[int, int]) -> None:
    enlarger, inpainter = awake(Enlarger(width=4, blocks=1)), awake(Inpainter(width=4, blocks=1))
    x = torch.rand(4, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        halo, scale = int(enlarger.reach), int(enlarger.scale)  # type: ignore[arg-type]
        tiled = in_tiles(enlarger, x[:3], tile=16, halo=halo, scale=scale)
        torch.testing.assert_close(tiled, enlarger(x[None, :3])[0], atol=1e-5, rtol=0)
        halo = int(inpainter.reach)  # type: ignore[arg-type]
        tiled, whole = (
            in_tiles(inpainter, x, tile=tile, halo=halo, multiple=4) for tile in (16, 400)
        )
    torch.testing.assert_close(tiled, whole, atol=1e-5, rtol=0)
    assert tiled.shape == (3, *size)


# -- training -------------------------------------------------------------------------------------


def make(task: str, **sections: dict) -> Restoration:
    torch.manual_seed(0)
    values = {
        "plugin": "translation", "method": "restoration", "task": task,
        "data": {"size": 32, "builtin_size": 12},
        "model": {"width": 8, "blocks": 1, "discriminator_width": 4, "discriminator_layers": 1},
        "evaluate": {"pictures": 3},
    }  # fmt: skip
    return Restoration(make_recipe({**values, **sections}))  # type: ignore[arg-type]


@pytest.mark.parametrize("task", TASKS)
def test_every_task_regresses_plays_and_scores_beside_its_baseline(task: str) -> None:
    gan = make(task, loss={"r1": 1.0, "self_regularisation": 0.1})
    items = [gan.dataset()[i] for i in range(2)]
    batch = {name: torch.stack([item[name] for item in items]) for name in items[0]}
    assert batch["input"].shape[2] == (8 if task == "super-resolution" else 32)
    step = Step(0, 10, Noise(0))
    regression, adversarial = gan.stages()
    assert set(regression.phases[0].loss(batch, step)) == {
        "reconstruction",
        "self-regularisation",
    }
    for phase in adversarial.phases:
        for name, value in phase.loss(batch, step).items():
            assert value.isfinite(), (phase.name, name)
    scores = gan.evaluate(gan.networks.eval(), Noise(0))
    for name in ("psnr", "ssim", "random-feature-distance"):  # untrained, it is the baseline
        assert scores[name] == pytest.approx(scores[f"{name}-baseline"], rel=1e-3, abs=1e-4)
    preview = gan.preview(gan.networks, Noise(0))
    assert preview.images is not None and preview.images.shape[1:] == (3, 32, 32)


def test_held_out_pictures_have_the_same_holes_every_time() -> None:
    gan = make("inpainting")
    first = gan.held_out.shown(2)
    torch.rand(5)
    assert torch.equal(first["input"], gan.held_out.shown(2)["input"])
    assert not torch.equal(gan.dataset()[0]["input"][3], gan.dataset()[0]["input"][3])


def test_a_folder_named_validation_is_what_is_scored(tmp_path) -> None:
    for name, level in (("train", 10), ("validation", 200)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 40), (level,) * 3).save(tmp_path / name / "1.png")
    gan = make("colourisation", data={"size": 32, "source": str(tmp_path)})
    levels = [part.shown(1)["target"].add(1).mul(127.5).mean().round() for part in
              (gan.data, gan.held_out)]  # fmt: skip
    assert levels == [10, 200]


def test_sizes_that_do_not_fit_are_told() -> None:
    with pytest.raises(RecipeError, match="multiple of 4"):
        make("inpainting", data={"size": 30})
    with pytest.raises(RecipeError, match="smaller than"):
        make("inpainting", data={"size": 32, "resize": 16})


# -- pipelines ------------------------------------------------------------------------------------


def pipe(task: str, network: nn.Module) -> TranslationPipeline:
    enlarges = task == "super-resolution"
    facts = {
        "multiple": 1 if enlarges else 4, "minimum": 4, "halo": int(network.reach),  # type: ignore[arg-type]
        "directions": {"restore": "generator"}, "task": task, "scale": 3 if enlarges else 1,
    }  # fmt: skip
    return open_pipeline({"generator": network}, facts)


def test_enlarging_gives_every_part_its_size() -> None:
    enlarger = pipe("super-resolution", awake(Enlarger(scale=3, width=4, blocks=1)))
    assert isinstance(enlarger, SuperResolutionPipeline)
    rgba = noise(25, 40, 4)
    rgba[..., 3] = 128
    whole, tiled = (enlarger(rgba, tile=tile).images[0] for tile in (768, 30))
    assert whole.size == (120, 75) and whole.mode == "RGBA"
    assert (np.asarray(whole)[..., 3] == 128).all()
    assert np.abs(np.asarray(whole).astype(int) - np.asarray(tiled)).max() <= 1
    with pytest.raises(PluginError, match="leave --side out"):
        enlarger(rgba, side=20)
    with pytest.raises(CheckpointError, match="scale"):
        SuperResolutionPipeline(enlarger.components, {**enlarger.facts, "scale": 0})


def test_a_turned_photo_is_enlarged_and_stays_turned(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(10, 16)).save(tmp_path / "x.png", exif=exif)
    enlarger = pipe("super-resolution", Enlarger(scale=3, width=4, blocks=1))
    assert enlarger(tmp_path / "x.png").images[0].size == (48, 30)


def inpainter() -> InpaintingPipeline:
    made = pipe("inpainting", awake(Inpainter(width=8, blocks=1)))
    assert isinstance(made, InpaintingPipeline)
    return made


@pytest.mark.parametrize("side", [None, 30])
def test_outside_of_the_mask_nothing_changes(side: int | None) -> None:
    rgb = noise(50, 70)
    hole = np.zeros((50, 70), dtype=bool)
    hole[10:20, 30:45] = True
    image = inpainter()(rgb, mask=hole, side=side).images[0]
    assert image.mode == "RGB"
    changed = (np.asarray(image) != rgb).any(axis=2)
    assert not changed[~hole].any() and changed[hole].mean() > 0.9


def test_what_a_hole_contains_does_not_matter() -> None:
    rgb, hole = noise(40, 40), np.zeros((40, 40), dtype=bool)
    hole[5:15, 5:30] = True
    black = np.where(hole[..., None], 0, rgb).astype(np.uint8)
    for side in (None, 24):
        results = [np.asarray(inpainter()(x, mask=hole, side=side).images[0]) for x in (rgb, black)]
        assert np.array_equal(*results)


def test_masks_of_every_kind_fill_the_same(tmp_path) -> None:
    rgb, hole = noise(30, 40), np.zeros((30, 40), dtype=bool)
    hole[3:9, 8:20] = True
    white = (255 * hole).astype(np.uint8)
    Image.fromarray(white).save(tmp_path / "mask.png")
    pictures = [
        inpainter()(rgb, mask=mask).images[0]
        for mask in (hole, white, tmp_path / "mask.png", Image.fromarray(white))
    ]
    pictures.append(inpainter()(np.dstack([rgb, 255 - white])).images[0])
    for picture in pictures:
        assert np.array_equal(np.asarray(picture), np.asarray(pictures[0]))


def test_transparency_outside_of_the_hole_stays() -> None:
    rgba = noise(30, 40, 4)
    rgba[..., 3] = 200
    rgba[5:10, 5:10, 3] = 0
    alpha = np.asarray(inpainter()(rgba).images[0])[..., 3]
    assert (alpha[5:10, 5:10] == 255).all() and (alpha == 200).sum() == 30 * 40 - 25


def test_masks_that_make_no_sense_are_refused() -> None:
    rgb = noise(20, 30)
    for mask, words in (
        (np.ones((30, 20), dtype=bool), "20x30 pixels and the picture 30x20"),
        (np.zeros((20, 30), dtype=bool), "no white"),
        (np.ones((20, 30), dtype=bool), "leave something"),
    ):
        with pytest.raises(DataError, match=words):
            inpainter()(rgb, mask=mask)
    with pytest.raises(DataError, match="of one picture"):
        inpainter()([rgb, rgb], mask=np.eye(20, 30, dtype=bool))
    with pytest.raises(DataError, match="what to fill"):
        inpainter()(rgb)
    assert masked(rgb, np.eye(20, 30, dtype=bool)).alpha is not None


def test_colourising_is_plain_translation_and_keeps_the_lightness() -> None:
    colouriser = pipe("colourisation", awake(Colouriser(width=8, blocks=1)))
    assert type(colouriser) is TranslationPipeline
    grey = np.repeat(noise(33, 50, 1), 3, axis=2)
    drawn = np.asarray(colouriser(grey).images[0])
    before, after = (
        lab.lightness(torch.from_numpy(x.copy()).permute(2, 0, 1)[None] / 255)
        for x in (grey, drawn)
    )
    assert (before - after).abs().max() < 0.5  # rounding to levels
    assert np.ptp(drawn, axis=2).max() > 5


def test_networks_remember_how_they_were_built() -> None:
    for network_class in NETWORKS.values():
        network = network_class(width=8, blocks=1)
        again = network_class(**network.config)
        assert [t.shape for t in again.parameters()] == [t.shape for t in network.parameters()]
