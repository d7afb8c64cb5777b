"""MNIST-style files, and the classifier that is trained on them."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

import multigan
from multigan.errors import CheckpointError, DataError
from multigan.inference.pretrained import load_model
from multigan.plugins.image.classifier.data import open_labelled
from multigan.plugins.image.classifier.network import Classifier
from multigan.plugins.image.classifier.pipeline import ClassifierPipeline
from multigan.plugins.image.classifier.recipe import ClassifierAugment, ClassifierData
from multigan.plugins.image.classifier.training import moved
from multigan.plugins.image.idx import is_idx_folder, read_idx, read_pictures
from multigan.training.phases import Noise
from multigan.training.train import train

STILL = ClassifierAugment(rotation=0, scale=0, shear=0, shift=0)


def idx(tensor):
    sizes = b"".join(size.to_bytes(4, "big") for size in tensor.shape)
    return bytes((0, 0, 8, tensor.dim())) + sizes + tensor.numpy().tobytes()


def write_folder(folder, count=120, side=12):
    """Horizontal stripes (class 0), vertical stripes (1), neither (2)."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(count, dtype=torch.uint8) % 3
    images = torch.randint(60, (count, side, side), generator=generator, dtype=torch.uint8)
    images[labels == 0, ::4] += 190
    images[labels == 1, :, ::4] += 190
    folder.mkdir(exist_ok=True)
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels))
    return images, labels


def test_the_last_sixth_is_held_out(tmp_path):
    images, labels = write_folder(tmp_path)
    train_images, train_labels = read_pictures(tmp_path)
    held_images, held_labels = read_pictures(tmp_path, split="validation")
    assert train_images.shape == (100, 1, 12, 12) and held_images.shape == (20, 1, 12, 12)
    torch.testing.assert_close(torch.cat([train_images, held_images])[:, 0], images)
    assert torch.cat([train_labels, held_labels]).tolist() == labels.tolist()
    with pytest.raises(DataError, match="no t10k-images-idx3-ubyte"):
        read_pictures(tmp_path, split="test")
    with pytest.raises(ValueError, match="choose one of"):
        read_pictures(tmp_path, split="tests")
    assert is_idx_folder(tmp_path) and not is_idx_folder(tmp_path / "none")


def test_damaged_files_are_one_line(tmp_path):
    path = tmp_path / "file"
    whole = idx(torch.zeros(3, 4, dtype=torch.uint8))
    cases = [
        (b"", "not an idx file"),
        (whole[:-1], "cut short"),
        (whole + b"x", "cut short"),
        (b"\0\0\x0d" + whole[3:], "not an idx file of bytes"),  # floats
        (gzip.compress(whole)[:-9], "cannot be read"),
        (b"\x1f\x8b" + bytes(30), "cannot be read"),
    ]
    for content, match in cases:
        path.write_bytes(content)
        with pytest.raises(DataError, match=match) as caught:
            read_idx(path)
        assert "\n" not in str(caught.value)
    write_folder(tmp_path / "mnist")
    (tmp_path / "mnist" / "train-labels-idx1-ubyte").write_bytes(idx(torch.zeros(7).byte()))
    with pytest.raises(DataError, match="do not match"):
        read_pictures(tmp_path / "mnist")


def test_moving_nothing_changes_nothing_and_moves_are_what_they_are_called():
    x = torch.full((64, 1, 21, 21), -1.0)
    x[:, :, 8:13, 8:13] = 1.0
    torch.testing.assert_close(moved(x, Noise(0), STILL), x)

    def centres(y):
        mass = (y + 1)[:, 0]
        places = torch.arange(21.0)
        down = (mass.sum(2) * places).sum(1) / mass.sum((1, 2))
        return down, (mass.sum(1) * places).sum(1) / mass.sum((1, 2))

    shifted = moved(x, Noise(0), STILL.model_copy(update={"shift": 0.2}))
    for centre in centres(shifted):
        off = centre - 10
        assert off.abs().max() <= 0.2 * 21 + 1e-3 and off.min() < -3 and off.max() > 3
    assert shifted[:, :, 0].max() == -1  # black comes in
    scaled = moved(x, Noise(0), STILL.model_copy(update={"scale": 0.3})) + 1
    area = scaled.sum((1, 2, 3)) / (x + 1).sum((1, 2, 3))
    assert area.min() < 0.75 and area.max() > 1.3
    for change in ({"rotation": 20.0}, {"shear": 0.3}):
        turned = moved(x, Noise(0), STILL.model_copy(update=change))
        for centre in centres(turned):
            assert (centre - 10).abs().max() < 0.05
        torch.testing.assert_close(
            (turned + 1).sum((1, 2, 3)), (x + 1).sum((1, 2, 3)), rtol=0.02, atol=0
        )
        assert (turned - x).abs().amax((1, 2, 3)).median() > 0.3


def test_logits_are_read_from_the_features():
    network = Classifier(classes=5, channels=3, width=4, features=8).eval()
    x = torch.rand(2, 3, 30, 26)
    features = network.features(x)
    assert features.shape == (2, 8) and features.min() >= 0
    torch.testing.assert_close(network(x), network.head(features))


def test_the_trainer_trains_it(tmp_path, monkeypatch):
    write_folder(tmp_path / "mnist")
    monkeypatch.chdir(tmp_path)
    overrides = [
        "data.source=mnist", "data.size=12", "model.width=4", "model.features=8", "augment.shift=0",
        "steps.training=40", "train.batch_size=30", "train.evaluate_every=0",
        "train.device=cpu", "train.trackers=[]", "ema.decay=0.8", "optimizers.classifier.warmup=0",
    ]  # fmt: skip
    run = train("digits-classifier", overrides=overrides, output=tmp_path / "run", quiet=True)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    scores = [json.loads(line) for line in lines if '"evaluate"' in line]
    assert scores[-1]["accuracy"] >= 0.95 > scores[0]["accuracy"]
    plugin, networks, facts = load_model(run / "model")
    assert (plugin, facts["method"], facts["size"]) == ("image", "classifier", 12)
    assert facts["classes"] == ["0", "1", "2"]
    images, labels = read_pictures(tmp_path / "mnist", split="validation")
    found = networks["classifier"](images / 127.5 - 1).argmax(1)
    assert float((found == labels).float().mean()) == pytest.approx(scores[-1]["accuracy"])


def paint(path, colour):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 14), colour).save(path)


def test_class_folders_and_what_is_held_out_of_them(tmp_path):
    for number in range(12):
        paint(tmp_path / "cat" / f"{number}.png", (20 * number, 0, 0))
        paint(tmp_path / "dog" / f"{number}.png", (0, 0, 20 * number))
    config = ClassifierData(source=str(tmp_path), size=8, colours="rgb")
    train, held_out = open_labelled(config)
    assert train.classes == held_out.classes == ("cat", "dog")
    assert held_out.images.amax((1, 2, 3)).tolist() == [100, 220, 100, 220]  # every sixth
    assert held_out.labels.tolist() == [0, 0, 1, 1]
    assert torch.equal(train.images[:, 0].amax((1, 2)) == 0, (train.labels == 1) | (
        train.images.amax((1, 2, 3)) == 0))  # fmt: skip
    assert len(train) == 20

    for kind in ("cat", "dog"):
        (tmp_path / "train" / kind).parent.mkdir(exist_ok=True)
        (tmp_path / kind).rename(tmp_path / "train" / kind)
    paint(tmp_path / "validation" / "dog" / "0.png", (0, 0, 9))
    paint(tmp_path / "validation" / "cat" / "0.png", (9, 0, 0))
    train, held_out = open_labelled(config)
    assert (len(train), held_out.labels.tolist()) == (24, [0, 1])
    paint(tmp_path / "validation" / "ant" / "0.png", (0, 9, 0))
    with pytest.raises(DataError, match="no training picture of the class 'ant'"):
        open_labelled(config)


def drawn(digit):
    page = Image.new("L", (28, 28))
    font = ImageFont.load_default(20)
    ImageDraw.Draw(page).text((14, 14), str(digit), 255, font=font, anchor="mm")
    return page


def test_the_shipped_classifier_names_pictures_of_every_kind(tmp_path):
    pipe = multigan.pipeline("digits-classifier")
    pages = [drawn(digit) for digit in (3, 5)]
    expected = pipe(pages)
    assert expected.labels == ("3", "5")
    assert expected.probabilities.shape == (2, 10)
    assert expected.probabilities.argmax(1).tolist() == [3, 5]
    pages[0].save(tmp_path / "3.png")
    stacked = torch.stack([torch.from_numpy(np.array(page))[None] / 255 for page in pages])
    for given in (
        stacked,
        [tmp_path / "3.png", np.array(pages[1])],
        [p.convert("RGB") for p in pages],
    ):
        torch.testing.assert_close(pipe(given).probabilities, expected.probabilities)
    # As in training: pixels from -1 to 1, grey.
    logits = pipe.classifier(stacked * 2 - 1)
    torch.testing.assert_close(expected.probabilities, logits.softmax(1))
    assert pipe(drawn(3).resize((84, 56))).labels == pipe(str(tmp_path / "3.png")).labels
    assert pipe([]).labels == ()
    with pytest.raises(DataError, match="cannot read a picture from int"):
        pipe(5)


def test_a_classifier_makes_no_pictures(cli, tmp_path):
    done = cli("sample", "digits-classifier", "-o", tmp_path / "x.png")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: this model is a classifier: it names pictures and makes none\n"


@pytest.mark.parametrize(
    "facts",
    [{}, {"colours": "grey"}, {"colours": "grey", "classes": ["a"]}, {"classes": ["a", "b"]}],
)
def test_damaged_facts_are_told(facts):
    network = Classifier(classes=2, width=2, features=4)
    with pytest.raises(CheckpointError, match="the model is damaged"):
        ClassifierPipeline({"classifier": network}, {"size": 8, **facts})
