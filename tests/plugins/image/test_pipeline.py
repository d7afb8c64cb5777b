"""Pictures out of a generator: seeds, labels, truncation, arcs, files."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch
from PIL import Image

from multigan.errors import CheckpointError, DataError, PluginError
from multigan.plugins.image.latent.space import draw_latents, slerp, truncated
from multigan.plugins.image.networks.dcgan import DCGANGenerator
from multigan.plugins.image.pipeline import ImagePipeline, grid_of


def pipe(*, classes=(), colours="rgb", channels=3):
    torch.manual_seed(0)
    generator = DCGANGenerator(
        size=8, channels=channels, latents=5, width=4, classes=len(classes),
        labels="concatenate" if classes else "none",
    )  # fmt: skip
    with torch.no_grad():  # fresh weights draw almost grey pictures
        for parameter in generator.parameters():
            parameter.mul_(5)
    return ImagePipeline({"generator": generator}, {"classes": list(classes), "colours": colours})


def test_a_seed_means_the_same_pictures_in_any_number():
    made = pipe()
    few, many, others = made(3, seed=1), made(70, seed=1), made(3, seed=2)
    torch.testing.assert_close(few.tensor, many.tensor[:3])
    assert not torch.allclose(few.tensor, others.tensor)
    assert few.tensor.min() >= 0 and few.tensor.max() <= 1
    pixels = torch.from_numpy(np.array(few.images[0])).permute(2, 0, 1) / 255
    torch.testing.assert_close(pixels, few.tensor[0], atol=0.5 / 255 + 1e-6, rtol=0)


def test_labels_by_name_number_list_or_in_turn():
    made = pipe(classes=("cat", "dog", "7"))
    assert made(4).labels == ("cat", "dog", "7", "cat")
    assert made(2, labels="7").labels == ("7", "7")
    assert made(2, labels=1).labels == ("dog", "dog")
    assert made(2, labels=["dog", 0]).labels == ("dog", "cat")
    cat, dog = made(1, labels="cat").tensor, made(1, labels="dog").tensor
    assert not torch.allclose(cat, dog)
    with pytest.raises(PluginError, match="no class 'dgo'; did you mean 'dog'"):
        made(1, labels="dgo")
    with pytest.raises(PluginError, match="2 labels for 3"):
        made(3, labels=["cat", "dog"])
    with pytest.raises(PluginError, match="without labels"):
        pipe()(1, labels="cat")


def test_grid_has_a_column_for_each_class_and_the_same_latents_along_a_row():
    made = pipe(classes=("cat", "dog"))
    grid = made.sample(3, seed=4, label="all")
    assert grid.columns == 2 and grid.labels == ("cat", "dog") * 3
    torch.testing.assert_close(grid.tensor[1::2], made(3, seed=4, labels="dog").tensor)
    sheet = grid_of(grid)
    assert sheet.size == (16, 24)
    assert sheet.crop((8, 16, 16, 24)).tobytes() == grid.images[5].tobytes()
    with pytest.raises(PluginError, match="no classes"):
        pipe().grid()


def test_truncation_is_the_truncated_normal_distribution_in_the_same_order():
    normal = torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    cut = truncated(normal, 0.7)
    assert cut.abs().max() <= 0.7
    assert torch.equal(cut[:, 0].argsort(), normal[:, 0].argsort())
    theirs = scipy.stats.truncnorm(-0.7, 0.7)
    assert scipy.stats.kstest(cut[:, 0].numpy(), theirs.cdf).pvalue > 0.01
    assert cut.std().item() == pytest.approx(theirs.std(), rel=0.02)
    assert truncated(normal, None) is normal
    for limit in (0.0, -1.0, math.nan):
        with pytest.raises(PluginError, match="truncation"):
            truncated(normal, limit)


def test_arcs_keep_the_length_and_turn_evenly():
    start, end = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    way = slerp(start, end, torch.tensor([0.0, 1 / 3, 1.0]))
    expected = [[3.0, 0.0], [3 * math.cos(math.pi / 6), 1.5], [0.0, 3.0]]
    torch.testing.assert_close(way, torch.tensor(expected), atol=1e-6, rtol=1e-6)
    half = torch.tensor([0.5])
    torch.testing.assert_close(slerp(start, 2 * start, half), 1.5 * start[None])
    for opposite in (-start, torch.zeros(2)):  # where there is no single arc, the way stays finite
        assert slerp(start, opposite, half).isfinite().all()


def test_interpolation_passes_its_stops_and_closes():
    made = pipe(classes=("cat", "dog"))
    film = made.interpolate(3, frames=4, seed=2, label="dog")
    assert len(film.images) == 12 and set(film.labels) == {"dog"}
    torch.testing.assert_close(film.tensor[::4], made(3, seed=2, labels="dog").tensor)
    stops = draw_latents(3, 5, seed=2)
    for after, before in ((1, 0), (0, 2)):  # halfway to the next stop, and back to the first
        halfway = slerp(stops[before], stops[after], torch.tensor([0.5]))
        expected = made.decode(halfway, torch.tensor([1])).tensor
        torch.testing.assert_close(film.tensor[4 * before + 2][None], expected)
    with pytest.raises(PluginError, match="two stops"):
        made.interpolate(1)


def test_colours_were_learnt_times_alpha():
    made = pipe(colours="rgba", channels=4)(1)
    image, x = np.array(made.images[0]).astype(float), made.tensor[0].permute(1, 2, 0).numpy()
    assert made.images[0].mode == "RGBA"
    alpha = image[..., 3:]
    visible = alpha[..., 0] > 128
    assert visible.any()
    shown = np.minimum(x[..., :3] * 255 / (alpha / 255 + 1e-9), 255)
    assert np.abs(image[visible][:, :3] - shown[visible]).max() <= 1.5


def test_files(tmp_path):
    made = pipe(classes=("cat", "a/b"), colours="grey", channels=1)
    result = made(11)
    assert result.images[0].mode == "L"
    paths = made.save_samples(result, tmp_path / "folder")
    assert [path.name for path in paths][:2] == ["00-cat.png", "01-a_b.png"] and len(paths) == 11
    (sheet,) = made.save_samples(result, tmp_path / "all.png")
    assert Image.open(sheet).size == (32, 24)
    with pytest.raises(DataError, match=r"\.xyz"):
        made.save_samples(result, tmp_path / "all.xyz")
    film = made.save_film(made.interpolate(2, frames=3), tmp_path / "film.gif", rate=10)
    assert Image.open(film).n_frames > 1
    with pytest.raises(DataError, match="film"):
        made.save_film(result, tmp_path / "film.txt")


def test_damaged_models_are_told():
    generator = DCGANGenerator(size=8)
    for components, facts in (
        ({}, {"classes": [], "colours": "rgb"}),
        ({"generator": generator}, {"classes": []}),
        ({"generator": generator}, {"classes": "ab", "colours": "rgb"}),
    ):
        with pytest.raises(CheckpointError, match="damaged"):
            ImagePipeline(components, facts)


def test_a_classifier_says_that_it_makes_no_pictures(cli, tmp_path):
    told = cli("sample", "digits-classifier", "-o", tmp_path / "x.png")
    assert told.code == 2 and len(told.err.splitlines()) == 1 and "a classifier" in told.err


def test_latents_are_normal():
    latents = draw_latents(2000, 4, seed=0)
    assert scipy.stats.kstest(latents.flatten().numpy(), "norm").pvalue > 0.01


def test_impossible_counts_are_told():
    with pytest.raises(PluginError, match="count"):
        pipe()(0)
