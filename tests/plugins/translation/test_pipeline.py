"""Translating pictures: sizes, tiles, inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import multigan
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pretrained import save_model
from multigan.plugins.translation.networks import CompactGenerator, ResnetGenerator
from multigan.plugins.translation.pipeline import TranslationPipeline

FACTS = {"multiple": 4, "minimum": 16, "directions": {"ab": "generator"}}


class Negative(nn.Module):
    """Known result: colours are inverted, and the sizes that it is given are written down."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def forward(self, x_BCHW: Tensor) -> Tensor:
        height, width = x_BCHW.shape[-2:]
        assert height % 4 == 0 and width % 4 == 0 and min(height, width) >= 16
        self.sizes.append((height, width))
        return -x_BCHW


def negative(halo: int | None = 8) -> TranslationPipeline:
    return TranslationPipeline({"generator": Negative()}, {**FACTS, "halo": halo})


def compact() -> TranslationPipeline:
    torch.manual_seed(0)
    generator = CompactGenerator(width=8, blocks=1)
    return TranslationPipeline({"generator": generator}, {**FACTS, "halo": generator.reach})


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (33, 517), (517, 33), (16, 16), (3, 200), (100, 101)])
@pytest.mark.parametrize("tile", [64, 768])
def test_any_size_comes_back_inverted_in_the_same_size(size, tile):
    rgb = noise(*size)
    assert np.array_equal(negative().translate_array(rgb, tile=tile), 255 - rgb)


def test_a_network_with_global_statistics_is_never_tiled():
    pipe = negative(halo=None)
    pipe.translate_array(noise(200, 300), tile=64)
    assert pipe.components["generator"].sizes == [(200, 300)]


def test_tiles_bound_what_the_network_sees_at_once():
    pipe = negative(halo=8)
    pipe.translate_array(noise(200, 300), tile=64)
    assert max(max(size) for size in pipe.components["generator"].sizes) <= 64 + 2 * 8
    assert len(pipe.components["generator"].sizes) == 4 * 5


def test_tiled_equals_untiled_for_a_network_of_bounded_reach():
    pipe = compact()
    rgb = noise(150, 211)
    whole = pipe.translate_array(rgb, tile=768)
    tiled = pipe.translate_array(rgb, tile=64)
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 1


def test_too_small_a_halo_would_be_seen():
    """Shows that the test above can fail."""
    pipe = compact()
    pipe.halo = 0
    rgb = noise(150, 211)
    whole, tiled = pipe.translate_array(rgb, tile=768), pipe.translate_array(rgb, tile=64)
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() > 1


def test_all_kinds_of_inputs_give_the_same_picture(tmp_path):
    rgb = noise(20, 30)
    Image.fromarray(rgb).save(tmp_path / "x.png")
    tensor = torch.from_numpy(rgb).permute(2, 0, 1) / 255
    inputs = [tmp_path / "x.png", str(tmp_path / "x.png"), Image.fromarray(rgb), rgb, tensor]
    result = negative()(inputs)
    assert len(result.images) == 5
    for image in result.images:
        assert np.array_equal(np.asarray(image), 255 - rgb)
    batch = negative()(torch.stack([tensor, tensor]))
    assert len(batch.images) == 2


def test_alpha_and_orientation_survive(tmp_path):
    rgba = noise(20, 30, 4)
    image = negative()(Image.fromarray(rgba)).images[0]
    assert image.mode == "RGBA"
    assert np.array_equal(np.asarray(image)[..., 3], rgba[..., 3])
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise(20, 30)).save(tmp_path / "turned.png", exif=exif)
    turned = negative()(tmp_path / "turned.png").images[0]
    assert turned.size == (30, 20)
    assert np.array_equal(np.asarray(turned), 255 - noise(20, 30))


def test_what_is_no_picture_is_refused():
    with pytest.raises(DataError, match="float"):
        negative()(torch.zeros(2, 5, 5))
    with pytest.raises(DataError, match="dict"):
        negative()({"not": "a picture"})  # type: ignore[arg-type]


def test_unknown_direction_names_the_known_ones():
    with pytest.raises(PluginError, match="choose one of: ab"):
        negative()(noise(20, 20), direction="ba")


def test_damaged_facts_are_refused():
    with pytest.raises(CheckpointError, match="facts"):
        TranslationPipeline({"generator": Negative()}, {**FACTS, "halo": 8, "multiple": "x"})
    with pytest.raises(CheckpointError, match="facts"):
        TranslationPipeline({}, {**FACTS, "halo": 8})


def test_a_saved_model_is_loaded_by_pipeline(tmp_path):
    torch.manual_seed(0)
    generator = ResnetGenerator(width=4, blocks=1)
    facts = {**FACTS, "halo": None, "directions": {"ab": "generator"}}
    save_model(
        tmp_path / "m",
        facts,
        {"generator": generator},
        plugin="translation",
        method="cyclegan",
        card="# m",
    )
    pipe = multigan.pipeline(tmp_path / "m")
    assert isinstance(pipe, TranslationPipeline)
    assert isinstance(pipe.components["generator"], ResnetGenerator)
    rgb = noise(32, 32)
    x = torch.from_numpy(rgb).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        drawn = generator.eval()(x)[0].permute(1, 2, 0)
    expected = ((drawn + 1) * 127.5).round().clamp(0, 255).numpy()
    found = np.asarray(pipe(rgb).images[0]).astype(float)
    assert np.abs(found - expected).max() <= 1
    assert pipe.to("cpu").device == torch.device("cpu")
    pipe.save(tmp_path / "again")
    assert Path(tmp_path / "again" / "generator" / "model.safetensors").is_file()


def test_large_pictures_are_drawn_at_the_side_that_the_style_is_made_for():
    pipe = TranslationPipeline({"generator": Negative()}, {**FACTS, "halo": 8, "side": 40})
    smooth = np.full((100, 160, 3), 60, dtype=np.uint8)
    picture = pipe(smooth).images[0]
    assert picture.size == (160, 100)
    assert pipe.components["generator"].sizes == [(40, 64)]
    assert np.array_equal(np.asarray(picture), 255 - smooth)
    pipe(smooth, side=0)
    assert pipe.components["generator"].sizes[-1] == (100, 160)
    small = noise(30, 300)
    assert np.array_equal(np.asarray(pipe(small).images[0]), 255 - small)


def test_pixel_art_has_whole_blocks_of_few_colours_at_any_size() -> None:
    facts = {**FACTS, "halo": 8, "side": 24, "blocks": True, "colours": 5}
    pipe = TranslationPipeline({"generator": Negative()}, facts)
    rgb = noise(101, 163)
    drawn = np.asarray(pipe(rgb).images[0])
    assert drawn.shape == rgb.shape
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) <= 5
    # 101 / 24 is nearest to 4: every block of 4 by 4, counted from the corner, is of one colour.
    whole = drawn[:100, :160].reshape(25, 4, 40, 4, 3)
    assert (whole == whole[:, :1, :, :1]).all()
    assert len({pixel.tobytes() for pixel in drawn[:100:4, 0]}) > 1
    # The network saw a picture of one pixel a block (its sizes are padded to multiples of 4).
    assert pipe.components["generator"].sizes == [(28, 44)]  # type: ignore[comparison-overlap]
    small = noise(20, 22)
    assert np.asarray(pipe(small).images[0]).shape == small.shape
