"""``multigan score audio`` as a user meets it, and the numbers behind it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from multigan.data.audio import Sound, read_sound, write_sound
from multigan.errors import DataError, PluginError
from multigan.inference.pretrained import save_model
from multigan.metrics.inception_score import inception_score
from multigan.metrics.mcd import mel_cepstral_distortion
from multigan.metrics.prdc import prdc
from multigan.plugins.audio.classifier.network import Classifier
from multigan.plugins.audio.data.synthetic import KINDS, synthesise
from multigan.plugins.audio.judge import open_judge
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.pairs import compare_pairs, distances_of, spectrogram_of
from multigan.plugins.audio.scores import listen, sanity


@pytest.fixture(scope="module")
def judge_folder(tmp_path_factory):
    """A classifier that has heard sounds, though it was taught nothing."""
    torch.manual_seed(0)
    network = Classifier(classes=5, width=4, features=6)
    network(torch.stack([torch.from_numpy(kind(i)) for i in range(20)]))
    folder = tmp_path_factory.mktemp("models") / "kinds-classifier"
    facts = {"classes": list(KINDS), "rate": 8000, "length": 4096, "trim": True}
    save_model(
        folder, facts, {"classifier": network}, plugin="audio", method="classifier", card="# x\n"
    )
    return folder


def kind(index, split="train"):
    return synthesise(index, rate=8000, length=4096, split=split)[0]


def write_kinds(folder, numbers, *, split="train", named=True):
    folder.mkdir(parents=True, exist_ok=True)
    for i in numbers:
        name = KINDS[i % 5] if named else "sound"
        write_sound(folder / f"{name}_{i}.wav", kind(i, split), 8000)
    return folder


def test_scores_of_two_folders(cli, tmp_path, judge_folder):
    linalg = pytest.importorskip("scipy.linalg")
    a = write_kinds(tmp_path / "a", range(20))
    b = write_kinds(tmp_path / "b", range(15), split="validation")
    (a / "text.wav").write_text("no sound")
    done = cli("score", "audio", a, "--references", b, "--features", judge_folder, "--json")
    assert done.code == 0 and "left out" in done.err and "text.wav" in done.err
    result = json.loads(done.out)
    found = result["scores"]
    assert (result["samples"]["count"], result["samples"]["of"]) == (20, 21)
    assert result["features"] == "kinds" and "4096 samples at 8000 Hz" in result["protocol"]

    pipe = open_judge(str(judge_folder)).pipe
    heard = [
        pipe(sorted(p for p in folder.glob("*.wav") if p.name != "text.wav")) for folder in (a, b)
    ]
    x, y = (each.features.double() for each in heard)
    cov = [np.cov(z.numpy(), rowvar=False) for z in (x, y)]
    expected = float((x.mean(0) - y.mean(0)).square().sum()) + np.trace(cov[0] + cov[1])
    expected -= 2 * np.sqrt(np.clip(linalg.eigvals(cov[0] @ cov[1]).real, 0, None)).sum()
    assert found["frechet-kinds"] == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert found["recall-kinds"] == pytest.approx(prdc(x, y, neighbours=5).recall)
    assert found["inception-score-kinds"] == pytest.approx(
        inception_score(heard[0].probabilities, splits=1)[0], rel=1e-5
    )
    names = [p.name for p in sorted(a.glob("*.wav")) if p.name != "text.wav"]
    right = np.mean([n.startswith(k + "_") for n, k in zip(names, heard[0].labels, strict=True)])
    assert found["label-agreement-kinds"] == pytest.approx(right)
    assert "label-agreement-kinds-references" in found
    assert sum(result["samples"]["classes"].values()) == 20
    assert result["samples"]["sanity"]["seconds"] == pytest.approx(4096 / 8000)
    assert any("unequal numbers" in note for note in result["notes"])


def test_equal_sets_and_names_that_ask_for_nothing(cli, tmp_path, judge_folder):
    a = write_kinds(tmp_path / "a", range(8), named=False)
    done = cli("score", "audio", a, "--references", a, "--features", judge_folder)
    lines = dict(line.split() for line in done.out.splitlines() if len(line.split()) == 2)
    assert float(lines["frechet-kinds"]) == pytest.approx(0, abs=1e-5)
    assert float(lines["coverage-kinds"]) == 1 and "label-agreement-kinds" not in lines
    few = write_kinds(tmp_path / "few", range(3))
    done = cli("score", "audio", few, "--references", a, "--features", judge_folder)
    assert (done.code, done.out) == (2, "") and "3 sounds are too few" in done.err
    done = cli("score", "audio", a, "--references", a, "--labels", "x")
    assert done.code == 2 and "needs one group" in done.err
    limited = listen(a, open_judge(str(judge_folder)), labels="^(a)", limit=6)
    assert (limited.count, limited.available, limited.labelled) == (6, 8, 0)
    with pytest.raises(PluginError, match="no classifier of sounds"):
        open_judge("digits")


def test_the_shipped_judge(tmp_path):
    judge = open_judge("spoken-digits")
    assert judge.name == "spoken-digits" and judge.classes == tuple("0123456789")
    assert judge.protocol.startswith("8192 samples at 8000 Hz, without the silence around it, 128")
    for name in ("7_a_1.wav", "7_a_2.wav", "x_a_3.wav"):
        write_sound(tmp_path / name, kind(4), 8000)
    heard = listen(tmp_path, judge, labels="^([0-9])_")
    assert sorted(heard.asked.tolist()) == [-1, 7, 7] and heard.labelled == 2
    torch.testing.assert_close(heard.probabilities.sum(1), torch.ones(3))
    quiet = judge.pipe(0.01 * kind(4)).probabilities
    torch.testing.assert_close(quiet[0], heard.probabilities[0], atol=0.02, rtol=0)


def test_sanity():
    time = np.arange(8000) / 8000
    noise = 0.1 * np.random.default_rng(0).normal(size=8000)
    sine = np.sin(2 * np.pi * 440 * time)
    cases = {
        "silent": (1e-4 * noise, {"silent"}),
        "whistle": (0.5 * sine, {"one-frequency"}),
        "noise": (noise, set()),
        "clipped": (np.clip(8 * noise, -1, 1), {"clipped"}),
        "nothing": (np.zeros(8000), {"silent"}),
        "chord": (0.3 * sine + 0.3 * np.sin(2 * np.pi * 900 * time), set()),
    }
    for name, (samples, wrong) in cases.items():
        found = sanity(Sound(samples.astype(np.float32), 8000))
        assert {k for k in ("silent", "clipped", "one-frequency") if found[k]} == wrong, name
        assert found["seconds"] == 1.0
    assert sanity(Sound(0.5 * sine, 8000))["loudness"] == pytest.approx(
        20 * math.log10(0.5 / math.sqrt(2)), abs=0.01
    )
    assert sanity(Sound(np.zeros(10), 8000))["loudness"] == -120


def test_pairs(cli, tmp_path, judge_folder):
    a, b = write_kinds(tmp_path / "a", range(7)), write_kinds(tmp_path / "b", range(8))
    same = compare_pairs(a, b)
    assert same.scores == {"mel-l1": 0.0, "mcd": 0.0, "stft-distance": 0.0}
    assert (same.count, same.alone) == (7, 1)
    write_sound(a / "tone_4.wav", 0.5 * kind(4), 8000)
    quiet = read_sound(a / "tone_4.wav").samples
    apart = distances_of(quiet, read_sound(b / "tone_4.wav"))
    assert 0 < apart["mel-l1"] <= math.log(2) + 1e-6  # where nothing is below the floor, log 2
    assert 0.5 < apart["stft-distance"] <= 0.5 + math.log(2) + 1e-3  # convergence is a half
    done = cli(
        "score", "audio", a, "--references", b, "--features", judge_folder, "--pairs", "--json"
    )
    result = json.loads(done.out)
    for name, value in apart.items():
        assert result["scores"][name] == pytest.approx(value / 7, rel=1e-3)
    assert result["pairs"]["count"] == 7 and "cepstra 1 to 13" in result["pairs"]["protocol"]

    x, y = kind(0), kind(5)
    mel = LogMel(spectrogram_of(8000))
    one, two = mel(torch.from_numpy(x)[None])[0], mel(torch.from_numpy(y)[None])[0]
    found = distances_of(x, Sound(y, 8000))
    assert found["mel-l1"] == pytest.approx(float((one - two).abs().mean()), rel=1e-5)
    assert found["mcd"] == pytest.approx(mel_cepstral_distortion(one, two), rel=1e-5)
    assert spectrogram_of(22_050).n_fft == 1024

    write_sound(a / "tone_4.wav", quiet[:3000], 8000)
    with pytest.raises(DataError, match="begin and end together"):
        compare_pairs(a, b)
    vocoded = write_kinds(tmp_path / "vocoded", range(1))  # as `multigan vocode` names copies
    copy = next(vocoded.glob("*.wav"))
    copy.rename(copy.with_stem(f"{copy.stem}-vocoded"))
    assert compare_pairs(vocoded, b).scores["mel-l1"] == 0
    with pytest.raises(DataError, match="no file of the same name"):
        compare_pairs(a, write_kinds(tmp_path / "c", range(9, 10)))
