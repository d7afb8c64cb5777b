"""Steps, blends and matrices on latents."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from multigan.errors import DataError, PluginError
from multigan.plugins.image.latent.edits import blend, read_matrix, walk
from multigan.plugins.image.latent.space import Points, truncated_deviation
from multigan.plugins.image.networks.dcgan import DCGANGenerator
from multigan.plugins.image.pipeline import ImagePipeline


def test_walks_go_by_point_direction_and_amount():
    points = Points(torch.tensor([[0.0, 0.0], [10.0, 20.0]]), torch.tensor([3, 4]), deviation=0.5)
    way = walk(points, directions_DZ=torch.eye(2), alphas_A=torch.tensor([-2.0, 0.0, 4.0]))
    assert way.labels.tolist() == [3] * 6 + [4] * 6
    assert way.latents[:6].tolist() == [[-1, 0], [0, 0], [2, 0], [0, -1], [0, 0], [0, 2]]
    assert way.latents[6:9].tolist() == [[9, 20], [10, 20], [12, 20]]
    with pytest.raises(PluginError, match="2 numbers"):
        walk(points, directions_DZ=torch.eye(3), alphas_A=torch.ones(1))


@pytest.mark.parametrize("limit", [1e-4, 1e-2, 0.5, 1.0, 3.0])
def test_steps_are_deviations_of_truncated_latents(limit):
    expected = scipy.stats.truncnorm(-limit, limit).std()
    assert truncated_deviation(limit) == pytest.approx(expected, rel=2e-4)
    assert truncated_deviation(None) == 1.0


def test_blends_run_along_arcs_and_mix_classes():
    one = Points(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    other = Points(torch.tensor([[0.0, 2.0]]), torch.tensor([2]))
    shares = torch.tensor([0.0, 0.5, 1.0])
    way = blend(one, other, shares_A=shares, classes=3)
    expected = torch.tensor([[2.0, 0.0], [2**0.5, 2**0.5], [0.0, 2.0]])
    torch.testing.assert_close(way.latents, expected)
    assert way.labels.tolist() == [[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]]
    turned = blend(
        one, one, shares_A=shares, classes=3, matrix_ZZ=torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    )
    torch.testing.assert_close(turned.latents, expected)
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(PluginError, match="0 to 1"):
            blend(one, other, shares_A=torch.tensor([share]), classes=3)
    with pytest.raises(PluginError, match="3 x 2; this model needs 2 x 2"):
        blend(one, one, shares_A=shares, classes=3, matrix_ZZ=torch.ones(3, 2))


def test_matrices_are_read_and_pickles_are_not(tmp_path):
    matrix = torch.arange(6.0).view(2, 3)
    np.save(tmp_path / "m.npy", matrix.double().numpy())
    save_file({"m": matrix.half()}, tmp_path / "m.safetensors")
    for name in ("m.npy", "m.safetensors"):
        torch.testing.assert_close(read_matrix(tmp_path / name), matrix)
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "nan.npy", np.full((2, 2), np.nan))
    np.save(tmp_path / "flat.npy", np.ones(4))
    save_file({"a": matrix, "b": matrix + 1}, tmp_path / "two.safetensors")
    (tmp_path / "m.txt").write_text("1 2")
    bad = ("objects.npy", "nan.npy", "flat.npy", "two.safetensors", "m.txt", "missing.npy")
    for name in bad:
        with pytest.raises(DataError, match=name):
            read_matrix(tmp_path / name)


@pytest.mark.parametrize("labels", ["concatenate", "batch-norm"])
def test_shares_of_classes_are_classes_where_they_are_whole(labels):
    torch.manual_seed(0)
    generator = DCGANGenerator(size=8, channels=1, latents=5, width=4, classes=3, labels=labels)
    for norm in generator.norms:  # fresh, all classes are alike
        if norm.scale is not None:
            torch.nn.init.normal_(norm.scale.weight)
    pipe = ImagePipeline({"generator": generator}, {"classes": ["a", "b", "c"], "colours": "grey"})
    points = pipe.points(3, seed=1)
    whole = pipe.decode(points.latents, F.one_hot(points.labels, 3).float())
    expected = pipe.decode(points.latents, points.labels)
    torch.testing.assert_close(whole.tensor, expected.tensor)
    assert whole.labels == expected.labels == ("a", "b", "c")
    one, other, _ = points.each()
    morph = pipe.blend(one, other, alpha=[0.0, 0.5, 1.0])
    assert morph.columns == 3
    torch.testing.assert_close(morph.tensor[[0, 2]], expected.tensor[:2])


def test_edits_of_samples_move_them_along_the_direction():
    torch.manual_seed(0)
    generator = DCGANGenerator(size=8, channels=1, latents=5, width=4)
    pipe = ImagePipeline({"generator": generator}, {"classes": [], "colours": "grey"})
    points = pipe.points(2, seed=1, truncation=0.7)
    found = pipe.directions()
    assert found.vectors.shape == (5, 5) and (found.shares.diff() <= 0).all()
    stays = pipe.edit(points, direction=found.vectors[0], alpha=0.0)
    torch.testing.assert_close(stays.tensor, pipe(2, seed=1, truncation=0.7).tensor)
    sheet = pipe.edit(points, direction=found.vectors[:2], alpha=[-1.0, 0.0, 1.0])
    assert sheet.columns == 3 and len(sheet.images) == 12
    step = truncated_deviation(0.7) * found.vectors[1]
    expected = pipe.decode((points.latents[1] + step)[None])
    torch.testing.assert_close(sheet.tensor[-1:], expected.tensor)
