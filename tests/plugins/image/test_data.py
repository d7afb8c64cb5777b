"""Where pictures and labels come from, and what happens to them on the way."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pytest
import torch
from PIL import Image

from multigan.errors import DataError
from multigan.plugins.image.adversarial.data import (
    has_validation,
    load_picture,
    open_pictures,
)
from multigan.plugins.image.adversarial.labels import read_labels
from multigan.plugins.image.adversarial.recipe import ImageData


def opened(source, *, labelled=False, split="train", **config):
    return open_pictures(
        ImageData(source=str(source), **{"size": 8, **config}), labelled=labelled, split=split
    )


def picture(path, colour, size=(8, 8), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def animals(tmp_path):
    """Class folders; red cats, blue dogs, of all shapes."""
    for number, size in enumerate([(8, 8), (40, 9), (5, 30)]):
        picture(tmp_path / "cat" / "more" / f"{number}.png", (255, 0, 0), size)
        picture(tmp_path / "dog" / f"{number}.jpg", (0, 0, 255), size)
    return tmp_path


@pytest.fixture
def digits(tmp_path):
    """Idx files of 12 pictures, 6x6; number n is all 10 n and has the label n mod 3."""
    images = np.repeat(np.arange(12, dtype=np.uint8) * 10, 36)
    head = b"".join(n.to_bytes(4, "big") for n in (12, 6, 6))
    content = b"\x00\x00\x08\x03" + head + images.tobytes()
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))
    labels = (np.arange(12) % 3).astype(np.uint8)
    content = b"\x00\x00\x08\x01" + (12).to_bytes(4, "big") + labels.tobytes()
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(content)
    return tmp_path


def test_class_folders(animals):
    pictures = opened(animals, labelled=True)
    assert pictures.classes == ("cat", "dog")
    for index in range(6):
        sample = pictures[index]
        red = sample["image"][0].mean() > 0
        assert sample["image"].shape == (3, 8, 8)
        assert int(sample["label"]) == (0 if red else 1)
    assert "label" not in opened(animals)[0]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_table_of_labels(animals, kind):
    rows = [(p.relative_to(animals).as_posix(), 7 if "cat" in p.parts else 12)
            for p in sorted(animals.rglob("*.*")) if p.is_file()]  # fmt: skip
    if kind == "csv":
        text = "file_name,label\n" + "".join(f"{name},{label}\n" for name, label in rows)
    else:
        text = "".join(json.dumps({"file_name": n, "label": y}) + "\n" for n, y in rows)
    (animals / f"metadata.{kind}").write_text(text)
    pictures = opened(animals, labelled=True)
    assert pictures.classes == ("7", "12")  # in natural order
    red = pictures[0]["image"][0].mean() > 0
    assert int(pictures[0]["label"]) == (0 if red else 1)


@pytest.mark.parametrize(
    "table, message",
    [
        ("file_name,label\ncat/more/0.png,1\n", "says nothing about"),
        ("file_name,name\ncat/more/0.png,1\n", "row 1 needs file_name and label"),
        ("\xff\xfe", "UTF-8"),
    ],
)
def test_a_damaged_table_is_told(animals, table, message):
    (animals / "metadata.csv").write_bytes(table.encode("latin-1"))
    with pytest.raises(DataError, match=message):
        opened(animals, labelled=True)


def test_pictures_without_labels_are_told(animals):
    with pytest.raises(DataError, match="only the class 'more'"):
        opened(animals / "cat", labelled=True)
    picture(animals / "stray.png", 0)
    with pytest.raises(DataError, match=r"stray\.png: lies in no class folder"):
        opened(animals, labelled=True)


def test_split_folders(animals):
    root = animals / "data"
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            picture(root / split / name / "0.png", 0)
    assert has_validation(str(root)) and not has_validation(str(animals / "cat"))
    for split in ("train", "validation"):
        assert opened(root, labelled=True, split=split).classes == ("cat", "dog")


def test_labels_stay_with_their_pictures_where_files_are_skipped(animals):
    (animals / "cat" / "more" / "1.png").write_bytes(b"broken")
    pictures = opened(animals, labelled=True, on_error="skip")
    with pytest.warns(UserWarning, match=r"1\.png"):
        samples = [pictures[index] for index in range(6)]
    for sample in samples:
        red = bool(sample["image"][0].mean() > 0)
        assert int(sample["label"]) == (0 if red else 1)
    with pytest.raises(DataError, match=r"1\.png.*on_error=skip"):
        [opened(animals, labelled=True)[index] for index in range(6)]


def test_idx_files(digits):
    pictures = opened(digits, labelled=True, colours="grey")
    assert pictures.classes == ("0", "1", "2")
    assert len(pictures) == 10  # the last sixth is held out
    batch = pictures.batch(torch.tensor([3, 9]))
    assert batch["image"].shape == (2, 1, 8, 8)
    torch.testing.assert_close(batch["image"][1], torch.full((1, 8, 8), 90 / 127.5 - 1))
    assert batch["label"].tolist() == [0, 0]
    assert torch.equal(pictures[9]["image"], batch["image"][1])
    held_out = opened(digits, split="validation", colours="rgb")
    assert len(held_out) == 2 and held_out[0]["image"].shape == (3, 8, 8)
    turned = opened(digits, labelled=True, colours="grey", rotation=5)
    assert not hasattr(turned, "batch")  # what varies is seeded sample by sample
    assert int(turned[4]["label"]) == 1


def test_scenes_have_natural_labels():
    data = {"size": 16, "builtin_size": 20}
    shapes = opened("builtin:scenes", labelled=True, **data)
    colours = opened("builtin:scenes", labelled=True, label="colour", **data)
    assert (len(shapes.classes), colours.classes[0]) == (8, "red")
    reds = [i for i in range(20) if int(colours[i]["label"]) == 0]
    for index in reds:  # the only thing in the picture is red: no pixel is much bluer than red
        red, _, blue = colours[index]["image"]
        assert (blue - red).max() < 0.1
    assert reds
    first, held_out = (opened("builtin:scenes", split=s, **data) for s in ("train", "validation"))
    assert not torch.equal(first[0]["image"], held_out[0]["image"])


def test_colours(tmp_path):
    picture(tmp_path / "a.png", (200, 100, 50, 128), mode="RGBA")
    x = opened(tmp_path, colours="rgba")[0]["image"]
    expected = torch.tensor([200 * 128 / 255, 100 * 128 / 255, 50 * 128 / 255, 128]).round()
    torch.testing.assert_close((x[:, 0, 0] + 1) * 127.5, expected)
    grey = opened(tmp_path, colours="grey")[0]["image"]
    over_white = torch.tensor([200.0, 100.0, 50.0]) * 128 / 255 + 127
    luma = (over_white.round() * torch.tensor([0.299, 0.587, 0.114])).sum().round()
    assert (grey[0, 0, 0] + 1) * 127.5 == pytest.approx(luma.item(), abs=1)


def test_pictures_are_decoded_once(animals, monkeypatch):
    pictures = opened(animals, flip=True, crop="random", resize=10)
    count = 0
    load = pictures.source.load

    def counted(index):
        nonlocal count
        count += 1
        return load(index)

    object.__setattr__(pictures.source, "load", counted)
    for _ in range(3):
        pictures[1]
    assert count == 1
    forgetful = opened(animals, memory=0)
    object.__setattr__(forgetful.source, "load", counted)
    for _ in range(3):
        forgetful[1]
    assert count == 4


def test_what_varies_follows_the_global_seed_and_plain_does_not(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    varied = opened(
        tmp_path, size=16, crop="random", flip=True, rotation=20, zoom=0.3, jitter=0.3, resize=20
    )

    def at(seed, sample):
        torch.manual_seed(seed)
        return sample(0)["image"]

    assert torch.equal(at(0, varied.__getitem__), at(0, varied.__getitem__))
    assert not torch.equal(at(0, varied.__getitem__), at(1, varied.__getitem__))
    assert torch.equal(at(0, varied.plain), at(1, varied.plain))


def test_hub_data_has_no_labels(monkeypatch):
    from multigan.plugins.image.adversarial import data

    monkeypatch.setattr(data, "images", lambda *args, **kwargs: ["a"])
    with pytest.raises(DataError, match="only folders have labels"):
        opened("someone/pictures", labelled=True)


def test_classes_are_numbered_in_natural_order(tmp_path):
    names = [str(tmp_path / folder / "0.png") for folder in ("class10", "class2", "class1")]
    assert read_labels(names, tmp_path) == ([2, 1, 0], ("class1", "class2", "class10"))


def test_only_some_classes_of_idx_files(digits):
    pictures = opened(digits, colours="grey", classes=[2, "0"])
    assert pictures.classes == () and len(pictures) == 7  # of 0 to 9, those that are not 1 mod 3
    shown = ((pictures.images[:, 0, 0, 0]) // 10).tolist()
    assert shown == [0, 2, 3, 5, 6, 8, 9]
    labelled = opened(digits, colours="grey", classes=[2, "0"], labelled=True)
    assert labelled.classes == ("0", "2")  # numbered anew
    assert labelled.labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert len(opened(digits, classes=[2], split="validation")) == 1
    with pytest.raises(DataError, match=r"data\.classes: no class '7'; choose one of: 0, 1, 2"):
        opened(digits, classes=[7])


def test_only_some_class_folders(animals):
    dogs = opened(animals, classes=["dog"])
    assert len(dogs) == 3 and "label" not in dogs[0]
    assert all(dogs[index]["image"][2].mean() > 0 for index in range(3))
    assert opened(animals, classes=["dog"], labelled=True).classes == ("dog",)
    alone = animals / "apart" / "train"  # beside test/cat and test/dog
    picture(alone / "cat" / "0.png", 0)
    picture(alone.parent / "test" / "cat" / "1.png", 0)
    picture(alone.parent / "test" / "dog" / "1.png", 0)
    for split in ("train", "validation"):
        assert len(opened(alone.parent, classes=["cat"], split=split)) == 1
    with pytest.raises(DataError, match="no class 'dgo'; did you mean 'dog'"):
        opened(animals, classes=["dgo"])
    (animals / "dog" / "2.jpg").write_bytes(b"broken")
    skipping = opened(animals, classes=["dog"], on_error="skip")
    with pytest.warns(UserWarning, match=r"2\.jpg"):  # a dog stands in, not the cat beside it
        assert skipping[2]["image"][2].mean() > 0


def test_a_file_by_itself_is_what_the_data_set_gives(animals):
    config = ImageData(source=str(animals), size=8, colours="rgba")
    pictures = open_pictures(config, labelled=False)
    paths = sorted((animals / "cat" / "more").glob("*.png"))
    for index, path in enumerate(paths):
        assert torch.equal(load_picture(path, config), pictures.plain(index)["image"])


def test_stacked_pictures(digits):
    pictures = opened(digits, stacked=True)
    images = (pictures.images[:, :, 0, 0] // 10).tolist()
    assert [image[0] for image in images] == list(range(10))
    for channel in (1, 2):  # every picture occurs once in every channel
        assert sorted(image[channel] for image in images) == list(range(10))
    assert images != [[n, n, n] for n in range(10)]
