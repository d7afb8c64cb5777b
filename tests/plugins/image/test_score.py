"""``multigan score images`` as a user meets it, and the summaries behind it."""

from __future__ import annotations

import gzip
import json
import math
import re
import shutil

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFont

from multigan.data.media import list_images, read_image
from multigan.metrics.inception_score import inception_score
from multigan.metrics.kernel import squared_mmd
from multigan.metrics.prdc import prdc
from multigan.plugins.image import scores as module
from multigan.plugins.image.features import extractor
from multigan.plugins.image.scores import Summary, class_divergence, compare


def write_pictures(folder, count, *, seed, bright=0, suffixes=(".png",), sizes=((28, 28),)):
    rng = np.random.default_rng(seed)
    for i in range(count):
        width, height = sizes[i % len(sizes)]
        pixels = rng.integers(bright, 256, (height, width, 3), dtype=np.uint8)
        path = folder / f"{i}{suffixes[i % len(suffixes)]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def drawn_digits():
    for digit in range(10):
        page = Image.new("L", (28, 28))
        font = ImageFont.load_default(20)
        ImageDraw.Draw(page).text((14, 14), str(digit), 255, font=font, anchor="mm")
        yield np.array(page)


def features_of(folder, network):
    """One picture at a time."""
    rows = []
    for path in list_images(folder):
        pixels = torch.from_numpy(read_image(path).rgb).permute(2, 0, 1)[None]
        rows.append(network(pixels)[0])
    return torch.stack(rows).detach()


def scored(cli, *words):
    done = cli("score", "images", *words, "--json", "--device", "cpu")
    assert (done.code, done.err) == (0, ""), done.err
    return json.loads(done.out)


def test_scores_of_two_folders_of_any_formats_and_sizes(cli, tmp_path):
    linalg = pytest.importorskip("scipy.linalg")
    a = write_pictures(
        tmp_path / "a", 23, seed=0, bright=60,
        suffixes=(".png", ".jpg", ".webp", ".bmp"), sizes=((28, 28), (41, 17), (64, 64)),
    )  # fmt: skip
    b = write_pictures(tmp_path / "b" / "below", 19, seed=1, suffixes=(".png", ".gif")).parent
    result = scored(cli, a, "--references", b, "--features", "digits", "--batch-size", "7")
    found = result["scores"]
    assert (result["samples"]["count"], result["references"]["count"]) == (23, 19)
    assert result["features"] == "digits" and "28x28" in result["protocol"]

    network = extractor("digits")
    x, y = features_of(a, network), features_of(b, network)
    cov = [np.cov(z.double().numpy(), rowvar=False) for z in (x, y)]
    roots = linalg.eigvals(cov[0] @ cov[1])
    expected = float((x.mean(0) - y.mean(0)).double().square().sum()) + np.trace(cov[0] + cov[1])
    expected -= 2 * np.sqrt(np.clip(roots.real, 0, None)).sum()
    assert found["frechet-digits"] == pytest.approx(expected, rel=1e-5)
    four = prdc(x, y, neighbours=5)
    assert found["precision-digits"] == pytest.approx(four.precision)
    assert found["coverage-digits"] == pytest.approx(four.coverage)
    probabilities = network.logits(x).double().softmax(1)
    assert found["inception-score-digits"] == pytest.approx(
        inception_score(probabilities, splits=1)[0], rel=1e-5
    )
    counts = np.bincount(network.logits(x).argmax(1), minlength=10)
    assert result["samples"]["classes"] == counts.tolist()
    assert found["classes-digits"] == (counts > 0).sum()
    assert "label-agreement-digits" not in found
    assert "23 pictures, but 128 features" not in result["notes"][0]  # 19 are fewer
    assert result["notes"][0].startswith("19 pictures, but 128 features")


def test_equal_sets_and_what_is_left_out(cli, tmp_path):
    a = write_pictures(tmp_path / "a", 12, seed=0)
    result = scored(
        cli, a, "--references", a, "--features", "random-conv", "--metrics", "frechet,prdc,classes"
    )
    found = result["scores"]
    assert found.pop("frechet-random-conv") == pytest.approx(0, abs=1e-4)
    assert found.pop("density-random-conv") > 1
    assert found == {f"{name}-random-conv": 1.0 for name in ("precision", "recall", "coverage")}


def test_class_folders(cli, tmp_path):
    """The names of folders are what their pictures should show."""
    for digit, page in enumerate(drawn_digits()):
        for copy in range(2):
            path = tmp_path / "a" / str(digit if copy or digit != 3 else 8) / f"{digit}{copy}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(page).save(path)
    result = scored(
        cli, tmp_path / "a", "--references", tmp_path / "a", "--features", "digits",
        "--metrics", "classes",
    )  # fmt: skip
    assert result["scores"] == {
        "classes-digits": 10.0,
        "class-divergence-digits": 0.0,
        "label-agreement-digits": pytest.approx(19 / 20),  # one 3 lies among the 8
    }
    assert result["samples"]["classes"] == [2] * 10


def test_held_out_digits_as_references(cli, tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (120, 28, 28), dtype=np.uint8)
    folder = tmp_path / "mnist"
    folder.mkdir()
    header = bytes((0, 0, 8, 3)) + b"".join(n.to_bytes(4, "big") for n in pixels.shape)
    images = gzip.compress(header + pixels.tobytes())
    (folder / "train-images-idx3-ubyte.gz").write_bytes(images)
    labels = bytes((0, 0, 8, 1)) + (120).to_bytes(4, "big") + bytes(i % 10 for i in range(120))
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    for i, page in enumerate(pixels[100:]):  # the last sixth
        path = tmp_path / "same" / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(page).save(path)
    result = scored(cli, tmp_path / "same", "--references", folder, "--features", "digits")
    assert result["references"]["count"] == 20
    assert result["scores"]["frechet-digits"] == pytest.approx(0, abs=1e-5)
    assert result["scores"]["coverage-digits"] == 1


def test_the_table_states_the_protocol(cli, tmp_path):
    a = write_pictures(tmp_path / "a", 12, seed=0)
    done = cli(
        "score", "images", a, "--references", "builtin:scenes", "--features", "digits",
        "--limit", "10", "--device", "cpu",
    )  # fmt: skip
    assert done.code == 0
    assert "frechet-digits" in done.out and "label-agreement" not in done.out
    assert f"samples: 10 of 12, drawn with seed 0, {a}" in done.out
    assert "features: digits: digits-classifier of multigan" in done.out
    assert "note: 10 pictures, but 128 features" in done.err


def test_mistakes_are_one_line(cli, tmp_path):
    good = write_pictures(tmp_path / "good", 8, seed=0)
    worst = write_pictures(tmp_path / "worst", 3, seed=0)
    for path in worst.iterdir():
        path.write_bytes(path.read_bytes()[:100])
    few = write_pictures(tmp_path / "few", 3, seed=0)
    digits = ("--features", "digits", "--device", "cpu")
    cases = [
        ((tmp_path / "none", "--references", good, *digits), "no such folder"),
        ((good, "--references", tmp_path, "--features", "digit"), "did you mean 'digits'"),
        ((good, "--references", good, *digits, "--metrics", "fid"), "unknown metric 'fid'"),
        ((good, "--references", good, *digits, "--metrics", ","), "at least one metric"),
        ((good, "--references", worst, *digits), "none of 3 pictures can be read, the first: "),
        ((good, "--references", few, *digits), "need 6 on each side"),
        ((good, "--references", good, *digits[:2], "--device", "tpu"), "no device 'tpu'"),
        ((good, "--references", good, "--features", "inception-v3", "--weights", "x"), "not a fil"),
    ]
    for words, expected in cases:
        done = cli("score", "images", *words)
        assert done.code == 2 and expected in done.err, done.err
        assert done.err.startswith("error: ") and done.err.count("\n") == 1


def test_unreadable_pictures_are_named_counted_and_left_out(cli, tmp_path):
    """The score is that of the others, and labels stay with their pictures."""
    for digit, page in enumerate(drawn_digits()):
        for copy in range(2):
            path = tmp_path / "whole" / str(digit) / f"{copy}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(page).save(path)
    broken = shutil.copytree(tmp_path / "whole", tmp_path / "broken")
    for name in ("2/0.png", "7/1.png"):
        (broken / name).write_bytes((broken / name).read_bytes()[:60])
    options = ("--references", tmp_path / "whole", "--features", "digits", "--device", "cpu",
               "--batch-size", "3")  # fmt: skip
    done = cli("score", "images", broken, *options, "--json")
    assert done.code == 0
    assert re.findall(r"left out: .*broken/(\d/\d.png): ", done.err) == ["2/0.png", "7/1.png"]
    result = json.loads(done.out)
    counts = {key: result["samples"][key] for key in ("count", "of", "unreadable")}
    assert counts == {"count": 18, "of": 20, "unreadable": 2}
    assert result["references"]["unreadable"] == 0
    for name in ("2/0.png", "7/1.png"):
        (broken / name).unlink()
    readable = scored(cli, broken, *options[:-4], "--batch-size", "3")
    assert readable["scores"] == pytest.approx(result["scores"])
    assert readable["samples"]["classes"] == result["samples"]["classes"]
    (broken / "0" / "x.png").write_bytes(b"no picture")
    assert "samples: 18, 1 unreadable left out, " in cli(
        "score", "images", broken, *options
    ).out  # fmt: skip


def test_statistics_see_all_and_few_features_are_kept(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 8)
    network = extractor("random-conv")
    images = torch.randint(256, (30, 3, 16, 16), dtype=torch.uint8)
    summary = Summary(network, total=30)
    for part in images.split(11):
        summary.update(part)
    assert summary.count == 30 and summary.statistics.count == 30
    assert summary.features.shape == (8, 896)
    everything = network(images)
    torch.testing.assert_close(summary.statistics.mean.float(), everything.mean(0))
    # Those that are kept are real ones, from all parts of the stream.
    nearest = torch.cdist(summary.features, everything).argmin(1)
    assert len(set(nearest.tolist())) == 8 and nearest.max() - nearest.min() > 11


def test_scores_have_published_names_only_where_they_are_official():
    network = extractor("digits")
    summary = Summary(network, total=12)
    summary.update(torch.randint(256, (12, 1, 28, 28), dtype=torch.uint8))
    network.official = {"frechet": "fid", "kernel": "kid"}
    found = compare(summary, summary, metrics=("frechet", "kernel", "classes"))
    assert set(found) == {"fid", "kid", "kid-std", "classes-digits", "class-divergence-digits"}
    same = float(squared_mmd(summary.features, summary.features))
    assert found["kid"] == pytest.approx(same)


def test_class_divergence():
    half = torch.tensor([5, 5, 0])
    assert class_divergence(half, half) == 0
    assert class_divergence(torch.tensor([9, 0, 0]), half) == pytest.approx(math.log(2))
    assert class_divergence(torch.tensor([3, 3, 4]), half) == 0  # a class without references
