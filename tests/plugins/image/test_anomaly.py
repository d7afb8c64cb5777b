"""Scores of known residuals, a generator whose inverse is known, and ``multigan detect``."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from multigan.errors import CheckpointError, PluginError
from multigan.inference.pretrained import save_model
from multigan.metrics.auroc import auroc
from multigan.plugins.image.anomaly.detector import Detector
from multigan.plugins.image.anomaly.pictures import side_by_side
from multigan.plugins.image.anomaly.scoring import anomaly_scores, residuals
from multigan.plugins.image.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from multigan.plugins.image.networks.encoder import Encoder
from multigan.plugins.image.pipeline import ImagePipeline


class Plane(nn.Module):
    """Pictures of 8x8 on a plane of 5 dimensions; with labels, on parallel ones."""

    def __init__(self, classes=0):
        super().__init__()
        torch.manual_seed(0)
        self.latents, self.config = 5, {"size": 8}
        self.basis = nn.Parameter(torch.linalg.qr(torch.randn(64, 5)).Q)
        self.offsets = torch.randn(classes, 64)

    def forward(self, latents_BZ, labels_B=None):
        flat = latents_BZ @ self.basis.T
        flat = flat if labels_B is None else flat + self.offsets[labels_B]
        return flat.view(-1, 1, 8, 8)


class Inverse(nn.Module):
    def __init__(self, plane):
        super().__init__()
        self.plane = plane

    def forward(self, x_BCHW):
        return x_BCHW.flatten(1) @ self.plane.basis


class Tripled(nn.Module):
    def features(self, x_BCHW):
        return 3 * x_BCHW


def pipe(facts=None, **components):
    return ImagePipeline(
        {"generator": Plane(), **components}, {"classes": [], "colours": "grey", **(facts or {})}
    )


def off_the_plane(plane, count=6):
    """Pictures, and by how much they miss the plane: mean squares."""
    x = torch.randn(count, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    flat = x.flatten(1).double()
    basis = plane.basis.detach().double()
    return x, (flat - flat @ basis @ basis.T).square().mean(1).float()


def test_score_is_residual_plus_weighted_features():
    x, y = torch.zeros(2, 1, 2, 2), torch.zeros(2, 1, 2, 2)
    y[1, 0, 0] = torch.tensor([2.0, 4.0])
    assert residuals(x, y).tolist() == [0.0, 5.0]
    assert anomaly_scores(x, y).tolist() == [0.0, 5.0]
    features = Tripled().features
    assert anomaly_scores(x, y, features=features, kappa=0.1).tolist() == pytest.approx([0, 9.5])
    with pytest.raises(ValueError, match="equal shapes"):
        residuals(x, y[:1])


def test_encoder_finds_the_distance_from_the_plane():
    plane = Plane()
    x, missed = off_the_plane(plane, 70)  # more than fit into one batch
    scores, made = Detector(pipe(encoder=Inverse(plane)))(x)
    torch.testing.assert_close(scores, missed)
    torch.testing.assert_close((x - made).square().mean((1, 2, 3)), missed)
    judged = pipe({"anomaly": {"kappa": 0.5}}, encoder=Inverse(plane), discriminator=Tripled())
    torch.testing.assert_close(Detector(judged)(x)[0], missed * (1 + 0.5 * 9))


def test_search_reaches_what_the_encoder_knows():
    """AnoGAN on a plane is least squares; it repeats itself, and pictures do not disturb others."""
    plane = Plane()
    x, missed = off_the_plane(plane)
    # The same distance from the plane, but above points where latents are at home.
    latents = torch.nn.functional.normalize(Inverse(plane)(x), dim=1) * 5**0.5
    x = (x - plane(Inverse(plane)(x)) + plane(latents)).detach()
    scores, _ = Detector(pipe(), steps=400)(x)
    torch.testing.assert_close(scores, missed, rtol=1e-3, atol=1e-4)
    some = Detector(pipe(), steps=2)(x)[0]
    assert (some > missed + 1e-3).any()
    assert torch.equal(some, Detector(pipe(), steps=2)(x)[0])
    torch.testing.assert_close(some[2:3], Detector(pipe(), steps=2)(x[2:3])[0])


def test_threshold_is_a_quantile_of_normal_scores():
    known = {"kappa": 1.0, "quantiles": [i / 100 for i in range(101)], "pictures": 50}
    detector = Detector(pipe({"anomaly": known}))
    for share, expected in ((0.05, 0.95), (0.055, 0.945), (0.0, 1.0), (1.0, 0.0)):
        assert detector.threshold(share) == pytest.approx(expected)
    assert Detector(pipe()).threshold(0.05) is None


@pytest.mark.parametrize("facts", [7, {"quantiles": ["a"]}, {"kappa": None}, {"crop": "oval"}])
def test_damaged_facts_are_told(facts):
    with pytest.raises(CheckpointError, match="damaged"):
        Detector(pipe({"anomaly": facts}))


def test_points_are_no_pictures():
    points = ImagePipeline({"generator": Plane()}, {"classes": [], "colours": "points"})
    with pytest.raises(PluginError, match="points"):
        Detector(points)


def test_map_shows_the_picture_its_copy_and_the_difference():
    x, made = torch.full((1, 2, 2), -1.0), torch.full((1, 2, 2), -1.0)
    made[0, 0, 1] = -0.5
    shown = side_by_side(x, made)
    assert shown.shape == (2, 6, 3)
    assert shown[0, :, 0].tolist() == [0, 0, 0, 64, 0, 128]


@pytest.mark.parametrize("size, side", [(8, 4), (28, 7), (36, 4), (64, 4), (9, 4)])
def test_encoder_takes_any_size(size, side):
    encoder = Encoder(size=size, channels=1, latents=3, width=2)
    assert encoder.head.in_features == encoder.downs[-1].out_channels * side**2
    assert encoder(torch.zeros(2, 1, size, size)).shape == (2, 3)


# The command -------------------------------------------------------------------------------------


def saved(folder, *, quantiles=(), encoder=True):
    """A model with random weights."""
    torch.manual_seed(0)
    networks = {"generator": DCGANGenerator(size=8, channels=3, latents=5, width=4)}
    facts = {"classes": [], "colours": "rgb"}
    if encoder:
        networks["encoder"] = Encoder(size=8, channels=3, latents=5, width=4)
        networks["discriminator"] = DCGANDiscriminator(size=8, channels=3, width=4, spectral=True)
        facts["anomaly"] = {"kappa": 1.0, "crop": "centre"}
    if quantiles:
        facts["anomaly"] |= {"quantiles": quantiles, "pictures": 9, "held_out": True}
    save_model(folder, facts, networks, plugin="image", method="dcgan", card="# model")
    return folder


@pytest.fixture
def model(tmp_path):
    # Grey pictures come out; black ones differ from them by 1, dark grey ones by a quarter.
    return saved(tmp_path / "model", quantiles=[0.0, 0.5, 1.0])


@pytest.fixture
def shots(tmp_path):
    for name, level in {
        "good/1.png": 128,
        "good/2.png": 127,
        "bad/1.png": 0,
        "bad/3.jpg": 5,
    }.items():
        path = tmp_path / "shots" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 12), (level,) * 3).save(path)
    return tmp_path / "shots"


def test_table_csv_json_and_maps(cli, model, shots, tmp_path):
    files = ("-o", tmp_path / "scores.csv", "--maps", tmp_path / "maps")
    done = cli("detect", model, shots, "--share", "0.4", *files)
    assert (done.code, done.err) == (0, "")
    rows = [line.split(None, 2) for line in done.out.splitlines()[1:5]]
    scores = [float(score) for score, _, _ in rows]
    assert scores == sorted(scores, reverse=True)
    good, bad = ({str(path) for path in (shots / kind).iterdir()} for kind in ("good", "bad"))
    assert [row[1] for row in rows] == ["yes", "yes", "no", "no"]
    assert ({row[2] for row in rows[:2]}, {row[2] for row in rows[2:]}) == (bad, good)
    assert "2 of 4 are unusual: above 0.6, which 40.0% of 9 held-out normal pictures" in done.out
    with (tmp_path / "scores.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == ["score", "unusual", "path"]
    assert [line[1:] for line in table[1:]] == [row[1:] for row in rows]
    with Image.open(tmp_path / "maps" / "bad" / "3.jpg.png") as shown:
        assert shown.size == (24, 8)
    told = json.loads(cli("detect", model, shots, "--json").out)
    assert [row["path"] for row in told["pictures"]] == [row[2] for row in rows]
    assert (told["share"], told["threshold"]) == (0.05, pytest.approx(0.95))


def test_auroc_of_class_folders(cli, model, shots):
    done = cli("detect", model, shots, "--normal", "good", "--json")
    told = json.loads(done.out)
    kinds = {"good": [], "bad": []}
    for row in told["pictures"]:
        kinds[row["path"].split("/")[-2]].append(row["score"])
    expected = auroc(torch.tensor(kinds["good"]), torch.tensor(kinds["bad"]))
    assert told["auroc"] == {"value": expected, "normal": 2, "others": 2}
    assert expected == 1.0
    table = cli("detect", model, shots, "--normal", "good").out
    assert "AUROC 1.0000: 2 normal, 2 others" in table


def test_unreadable_pictures_are_told_and_the_rest_goes_on(cli, model, shots, tmp_path):
    (shots / "good" / "broken.png").write_bytes(b"nothing")
    done = cli("detect", model, shots, tmp_path / "absent", shots / "bad/1.png")
    assert done.code == 2
    assert len(done.out.splitlines()) == 6  # a picture named twice is looked at once
    missing, broken = done.err.splitlines()
    assert "absent: no such file" in missing and "broken.png" in broken
    assert cli("detect", model, shots / "good" / "broken.png").out == ""


def test_held_out_pictures_of_idx_files(cli, model, tmp_path):
    images = np.repeat(np.arange(12, dtype=np.uint8) * 20, 64)
    head = b"\x00\x00\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (12, 8, 8))
    labels = b"\x00\x00\x08\x01" + (12).to_bytes(4, "big") + bytes(range(12))
    folder = tmp_path / "idx"
    folder.mkdir()
    content = head + images.tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    told = json.loads(cli("detect", model, folder, "--json", "--normal", "10").out)
    assert {row["path"] for row in told["pictures"]} == {f"{folder}#0", f"{folder}#1"}
    assert told["auroc"]["value"] == 1.0  # number 11 is the lighter one, farther from grey


def test_a_model_without_encoder_is_searched(cli, shots, tmp_path):
    plain = saved(tmp_path / "plain", encoder=False)
    done = cli("detect", plain, shots / "bad", shots / "good/1.png")
    assert done.code == 0 and "no encoder" in done.err
    assert done.out.splitlines()[1].endswith("bad/1.png") and "unusual:" not in done.out
    refused = cli("detect", plain, shots, "--share", "0.1")
    assert refused.code == 2 and "leave --share out" in refused.err


@pytest.mark.parametrize(
    "words, message",
    [
        (("{}", "--normal", "godo"), "no class 'godo' there; did you mean 'good'"),
        (("{}", "--normal", "good,bad"), "all pictures are of normal classes"),
        (("{}/good/1.png", "--normal", "good"), "lies in no class folder"),
        (("{}", "-o", "scores.txt"), "scores are written as .csv"),
        (("{}", "-o", "{}/absent/scores.csv"), "into a folder that exists"),
        (("{}", "--maps", "{}/good/1.png"), "is a file"),
        (("{}/good", "{}/bad", "--maps", "maps"), "would both be 1.png.png"),
        (("{}", "--share", "1.5"), "--share"),
    ],
)
def test_mistakes_are_told_in_one_line(cli, model, shots, monkeypatch, tmp_path, words, message):
    monkeypatch.chdir(tmp_path)
    done = cli("detect", model, *(word.format(shots) for word in words))
    assert done.code == 2 and message in done.err
    assert len(done.err.splitlines()) == 1 and not (tmp_path / "maps").exists()


def test_other_kinds_of_models_are_told(cli, shots):
    done = cli("detect", "cartoon", shots)
    assert done.code == 2 and "another kind" in done.err
