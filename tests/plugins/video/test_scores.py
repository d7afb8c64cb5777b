"""The clip classifier and the scores: protocol, names, and what they say of known clips."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

import multigan
from multigan.config.recipe import load_recipe
from multigan.errors import CheckpointError, PluginError
from multigan.metrics.frechet import frechet_distance
from multigan.plugins.video.clips.dataset import open_clips
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.features import extractor, i3d
from multigan.plugins.video.writing import write_clip
from multigan.training.train import train

RUN = [
    "data.size=32", "data.frames=4", "data.held_out=4", "steps.training=60", "model.width=8",
    "model.features=16", "train.batch_size=12", "train.trackers=[]", "train.evaluate_every=0",
    "train.precision=fp32", "train.device=cpu", "ema.decay=0.5",
    "optimizers.classifier.lr=0.01", "optimizers.classifier.warmup=5",
]  # fmt: skip


@pytest.fixture(scope="module")
def judge(sheets, tmp_path_factory):
    """A classifier of the little sprites."""
    run = tmp_path_factory.mktemp("judge") / "discs"
    overrides = [*RUN, f"data.source={sheets}"]
    return train("sprite-classifier", overrides=overrides, output=run, quiet=True)


class Program(torch.nn.Module):
    """Has I3D's signature; its features are means over channels of halves of the clip."""

    def forward(self, x, rescale: bool = True, resize: bool = True, return_features: bool = False):
        if not (rescale and resize and return_features):
            raise RuntimeError("called by another protocol")
        return torch.cat([x[:, :, :8].mean((2, 3, 4)), x[:, :, 8:].mean((2, 3, 4))], dim=1)


def held_out_clips(sheets, folder, frames=4):
    """Held-out real clips as files that say what they show."""
    config = VideoData(source=str(sheets), size=32, frames=frames, short="loop", held_out=4)
    clips = open_clips(config, labelled=True, split="validation")
    for i in range(len(clips)):
        sample = clips.plain(i)
        name = f"{i}-{clips.classes[sample['label']]}.gif"
        folder.mkdir(exist_ok=True)
        write_clip(sample["video"].add(1).div(2), folder / name, rate=10)
    return folder


def test_the_classifier_learns_held_out_characters(judge, sheets, tmp_path):
    lines = (judge / "metrics.jsonl").read_text().splitlines()
    scores = [json.loads(line) for line in lines if '"evaluate"' in line]
    assert scores[-1]["accuracy"] > 0.9
    pipe = multigan.pipeline(judge)
    folder = held_out_clips(sheets, tmp_path / "clips")
    found = pipe(sorted(folder.glob("*.gif")))
    right = [p.stem.partition("-")[2] for p in sorted(folder.glob("*.gif"))]
    assert found.labels == tuple(right) and found.probabilities.shape == (9, 3)


def test_score_of_real_clips(cli, judge, sheets, tmp_path):
    folder = held_out_clips(sheets, tmp_path / "clips")
    words = ["--references", sheets, "--features", judge, "--held-out", 4, "--short", "loop"]
    shown = cli("score", "video", folder, *words, "--json")
    assert shown.code == 0, shown.err
    result = json.loads(shown.out)
    assert result["samples"]["count"] == result["references"]["count"] == 9
    scores = result["scores"]
    # A GIF's palette and frames as they were: nothing is lost.
    assert scores["frechet-discs"] == pytest.approx(0.0, abs=1e-6)
    assert scores["motion-control-discs"] == 1.0
    real = scores["content-distance-colours-real"]
    assert scores["content-distance-colours"] == pytest.approx(real, rel=1e-6)
    (folder / "broken.gif").write_bytes(b"x")
    for path in folder.glob("*-walk-left.gif"):
        path.rename(folder / path.name.replace("left", "right"))
    shown = cli("score", "video", folder, *words)
    assert "left out" in shown.err and "broken.gif" in shown.err
    assert "motion-control-discs" in shown.out and "0.66667" in shown.out


def test_fvd_has_its_name_only_with_its_weights(cli, film, tmp_path, monkeypatch):
    path = tmp_path / "program.pt"
    torch.jit.script(Program()).save(str(path))
    for side, shift in (("fake", 0), ("real", 30)):
        for i in range(5):
            film(tmp_path / side / f"{i}.gif", 16, shift=shift + 7 * i)
    words = ["score", "video", tmp_path / "fake", "--references", tmp_path / "real", "--json"]
    words += ["--features", "i3d", "--weights", path]
    other = json.loads(cli(*words).out)
    assert set(other["scores"]) >= {f"frechet-{other['features']}"}
    assert "not the weights of FVD" in other["protocol"]
    monkeypatch.setattr(i3d, "OFFICIAL", hashlib.sha256(path.read_bytes()).hexdigest())
    official = json.loads(cli(*words).out)
    value = official["scores"]["fvd5_16f"]
    assert value == pytest.approx(other["scores"][f"frechet-{other['features']}"])
    half = torch.arange(16.0).view(2, 8).mean(1) * 10
    rows = half.repeat_interleave(3) + 7 * torch.arange(5.0)[:, None]
    fake, real = rows.double(), rows.double() + 30
    expected = frechet_distance(fake.mean(0), fake.T.cov(), real.mean(0), real.T.cov())
    assert value == pytest.approx(expected, rel=0.02)  # a palette of 256 colours rounds a little


def test_features_that_are_not_there(tmp_path):
    with pytest.raises(PluginError, match=r"--weights i3d_torchscript\.pt"):
        extractor("i3d")
    with pytest.raises(CheckpointError, match="no such file"):
        extractor("i3d", weights=str(tmp_path / "x.pt"))
    (tmp_path / "x.pt").write_bytes(b"no program")
    with pytest.raises(CheckpointError, match="not a TorchScript program"):
        extractor("i3d", weights=str(tmp_path / "x.pt"))
    with pytest.raises(PluginError, match="unknown features 'clip'"):
        extractor("clip")
    assert load_recipe("videogan-sprites").evaluate.features == "sprite-actions"


def test_the_shipped_classifier_is_small_and_names_17_actions(sheets, film, tmp_path):
    judge = extractor("sprite-actions")
    assert (judge.name, judge.frames, judge.size) == ("sprite-actions", 8, 64)
    assert len(judge.class_names) == 17 and "walk-left" in judge.class_names
    assert judge.features(torch.rand(2, 8, 3, 64, 64)).shape == (2, 64)
    found = multigan.pipeline("sprite-actions")(film(tmp_path / "a.gif", 3))
    assert found.labels[0] in judge.class_names
    assert found.probabilities.sum() == pytest.approx(1.0)
