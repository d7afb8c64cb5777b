"""``multigan edit`` as a user meets it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from PIL import Image

from multigan.inference.pretrained import save_model
from multigan.plugins.image.networks.dcgan import DCGANGenerator
from multigan.plugins.image.networks.mlp import MLPGenerator
from multigan.plugins.image.pipeline import ImagePipeline


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A saved model with two classes; its weights are random, but it draws with contrast."""
    torch.manual_seed(0)
    generator = DCGANGenerator(
        size=8, channels=1, latents=5, width=4, classes=2, labels="concatenate"
    )
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(5)
    folder = tmp_path_factory.mktemp("models") / "shapes"
    facts = {"classes": ["cat", "dog"], "colours": "grey"}
    save_model(folder, facts, {"generator": generator}, plugin="image", method="dcgan", card="#")
    made = ImagePipeline({"generator": generator}, facts)
    for label in facts["classes"]:
        made(1, labels=label).images[0].save(folder.parent / f"{label}.png")
    return folder


@pytest.fixture
def edit(cli, model):
    return lambda *words: cli("edit", model, *words)


def pixels(path):
    return np.array(Image.open(path).convert("L"))


def test_a_sheet_of_directions_and_a_walk_along_one_of_them(edit, tmp_path):
    assert edit("-n", 4, "--label", "dog", "-o", tmp_path / "sheet.png").code == 0
    sheet = pixels(tmp_path / "sheet.png")
    assert sheet.shape == (4 * 8, 7 * 8)
    assert all((sheet[:8, 24:32] == sheet[row : row + 8, 24:32]).all() for row in (8, 16, 24))
    edit("--direction", 3, "-n", 2, "--label", "dog", "-o", tmp_path / "row.png")
    assert (pixels(tmp_path / "row.png")[:8] == sheet[16:24]).all()
    edit("--direction", 3, "--alpha", -3, "-n", 2, "--label", "dog", "-o", tmp_path / "far")
    far = pixels(tmp_path / "far" / "0-dog.png")
    assert (far == sheet[16:24, :8]).all()


def test_a_film_goes_there_and_back(edit, tmp_path):
    film = tmp_path / "film.png"
    assert edit("--direction", 1, "--alpha", 2, "-n", 4, "--film", film).out.strip() == str(film)
    with Image.open(film) as frames:
        assert frames.size == (16, 16) and frames.n_frames > 20


def test_pictures_are_projected_blended_and_their_distances_told(edit, model, tmp_path):
    cat, dog = (model.parent / f"{name}.png" for name in ("cat", "dog"))
    told = edit("--image", cat, "--with", dog, "-o", tmp_path / "morph.png")
    pattern = r"(\S+): class (\w+), distance ([\d.]+) \(([\d.]+) at the start\), (\d+)% of the"
    found = re.findall(pattern, told.out)
    assert told.code == 0 and [row[0] for row in found] == [str(cat), str(dog)]
    assert [row[1] for row in found] == ["cat", "dog"]
    assert all(float(row[2]) <= min(0.03, float(row[3])) and int(row[4]) > 95 for row in found)
    morph = pixels(tmp_path / "morph.png").astype(float)
    assert morph.shape == (8, 56)
    for given, side in ((cat, slice(0, 8)), (dog, slice(48, 56))):
        assert np.abs(morph[:, side] - pixels(given)).mean() < 5
    np.save(tmp_path / "mirror.npy", -np.eye(5))
    arguments = ("--image", cat, "--matrix", tmp_path / "mirror.npy", "--alpha", 1)
    assert edit(*arguments, "-o", tmp_path / "mirrored.png").code == 0
    assert Image.open(tmp_path / "mirrored.png").size == (8, 8)


def test_what_the_model_cannot_make_is_said(edit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    told = edit("--image", tmp_path / "noise.png", "--direction", 1, "-o", tmp_path / "x.png")
    assert told.code == 0 and len(told.err.splitlines()) == 1
    assert "noise.png: the model cannot make this one" in told.err


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "say where to write"),
        (("-o", "x.doc"), r"cannot write \.doc"),
        (("--film", "x.txt", "--direction", "1"), "this kind of film"),
        (("-o", "nowhere/x.png"), "nowhere does not exist"),
        (("--alpha", "1", "-o", "x.png"), "--alpha needs --direction"),
        (("--film", "x.gif"), "--film needs --direction"),
        (("--with", "b.png", "-o", "x.png"), "--with needs --image"),
        (("--matrix", "m.npy", "-o", "x.png"), "--matrix needs --image"),
        (("--image", "a.png", "--with", "b.png", "--direction", "1", "-o", "x.png"), "a blend has"),
        (("--image", "a.png", "--with", "b.png", "--alpha", "2", "-o", "x.png"), "0 to 1"),
        (("--image", "a.png", "--truncation", "1", "-o", "x.png"), "is for samples"),
        (("--image", "a.png", "--direction", "1", "-n", "2", "-o", "x.png"), "leave --count out"),
        (("--direction", "1", "--alpha", "nan", "-o", "x.png"), "a finite number"),
        (("--image", "a.png", "-o", "x.png"), "a.png: no such file"),
    ],
)
def test_contradictions_are_told_before_the_model_is_looked_for(
    cli, tmp_path, monkeypatch, words, problem
):
    monkeypatch.chdir(tmp_path)
    told = cli("edit", "no-such-model", *words)
    assert told.code == 2 and len(told.err.splitlines()) == 1
    assert re.search(problem, told.err)


def test_mistakes_that_only_the_model_knows(edit, cli, model, tmp_path):
    output = ("-o", tmp_path / "x.png")
    assert "directions 1 to 5, not 6" in edit("--direction", 6, *output).err
    assert "no class 'cow'" in edit("--label", "cow", *output).err
    np.save(tmp_path / "m.npy", np.eye(4))
    cat = model.parent / "cat.png"
    told = edit("--image", cat, "--matrix", tmp_path / "m.npy", *output)
    assert told.code == 2 and "the matrix is 4 x 4; this model needs 5 x 5" in told.err
    save_model(
        tmp_path / "points",
        {"classes": [], "colours": "points"},
        {"generator": MLPGenerator(size=1, channels=2, latents=3, bounded=False)},
        plugin="image",
        method="mlp",
        card="#",
    )
    assert "no pictures to edit" in cli("edit", tmp_path / "points", *output).err
    assert not (tmp_path / "x.png").exists()
