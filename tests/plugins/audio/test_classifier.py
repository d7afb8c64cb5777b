"""The classifier of sounds: what must not matter to it, its training, and its pipeline."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import multigan
from multigan.data.audio import Sound, resample, write_sound
from multigan.errors import CheckpointError, DataError
from multigan.inference.pretrained import load_model
from multigan.plugins.audio.classifier.augment import masked, moved, varied
from multigan.plugins.audio.classifier.network import Classifier
from multigan.plugins.audio.classifier.pipeline import ClassifierPipeline
from multigan.plugins.audio.classifier.recipe import ClassifierAugment, SoundClassifierRecipe
from multigan.plugins.audio.classifier.training import SoundClassifierTraining
from multigan.plugins.audio.data.synthetic import KINDS, synthesise
from multigan.plugins.audio.recipe import SoundData
from multigan.training.phases import Noise
from multigan.training.train import train

STILL = ClassifierAugment(shift=0, speed=0, noise=0, mask=0)


def tones(count=3, length=4096):
    return torch.stack(
        [torch.from_numpy(synthesise(5 * i + 4, rate=8000, length=length)[0]) for i in range(count)]
    )


def test_logits_are_read_from_the_features():
    network = Classifier(classes=4, width=4, features=8).eval()
    x = tones()
    features = network.features(x)
    assert features.shape == (3, 8) and features.min() >= 0
    torch.testing.assert_close(network(x), network.head(features))
    assert network.features(torch.zeros(1, 4096)).isfinite().all()


def test_loudness_and_silence_around_a_sound_do_not_matter():
    torch.manual_seed(0)
    network = Classifier(classes=4, width=4, features=8)
    network(tones(8))  # BatchNorm has seen sounds
    network.eval()
    x = tones()
    usual = network.features(x)
    for gain in (0.1, 3.0):
        torch.testing.assert_close(network.features(gain * x), usual, atol=2e-3, rtol=0.02)
    steps = 4 * 128  # frames that a place in the last convolution covers
    longer = torch.nn.functional.pad(x, (8 * steps, 12 * steps))
    torch.testing.assert_close(network.features(longer), usual, atol=0.01, rtol=0.1)
    picture = network.spectrogram(longer)
    assert picture.amax((1, 2)).tolist() == pytest.approx([1, 1, 1]) and picture.min() == 0
    assert picture[:, :, :30].max() == 0
    assert network.spectrogram(torch.zeros(1, 999)).max() < 1e-6


def test_moving_nothing_changes_nothing_and_moves_are_what_they_are_called():
    x = tones()
    torch.testing.assert_close(varied(x, Noise(0), STILL), x)
    zero, one = torch.zeros(3), torch.ones(3)
    torch.testing.assert_close(moved(x, later=zero, speed=one), x)
    late = moved(x, later=zero + 0.25, speed=one)
    torch.testing.assert_close(late[:, 1024:], x[:, :-1024])
    assert late[:, :1024].abs().max() == 0
    fast = moved(x, later=zero, speed=2 * one)
    torch.testing.assert_close(fast[:, :2048], x[:, ::2])
    assert fast[:, 2049:].abs().max() == 0
    half = moved(x, later=zero, speed=0.5 * one)
    torch.testing.assert_close(half[:, 1:4000:2], (x[:, :2000] + x[:, 1:2001]) / 2)
    gap = masked(torch.ones(2, 100), place=torch.tensor([0.2, 0.9]), share=torch.tensor([0.3, 0.5]))
    assert gap.sum(1).tolist() == [70, 90] and gap[0, 20:50].max() == 0
    hissing = varied(x, Noise(0), STILL.model_copy(update={"noise": 0.1})) - x
    deviations = hissing.std(1)
    assert deviations.min() > 0 and deviations.max() < 0.1


def test_the_recipe_trains_it_and_hears_nothing_that_is_held_out(tmp_path):
    """Kinds of sounds under the names of digits; numbers 5 to 9 are held out."""
    for kind in range(5):
        for take in range(5, 26):
            samples, _ = synthesise(5 * take + kind, rate=8000, length=2048)
            write_sound(tmp_path / f"{kind}_ann_{take}.wav", samples, 8000)
    overrides = [
        f"data.source={tmp_path}", "data.length=2048", "model.width=4", "model.features=16",
        "steps.training=60", "train.batch_size=20", "train.device=cpu", "train.trackers=[]",
        "ema.decay=0.8", "optimizers.classifier.warmup=0", "optimizers.classifier.lr=0.01",
    ]  # fmt: skip
    run = train("spoken-digits-classifier", overrides=overrides, output=tmp_path / "r", quiet=True)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    scores = [json.loads(line) for line in lines if '"evaluate"' in line]
    assert scores[-1]["accuracy"] >= 0.8 > 0.5 > scores[0]["accuracy"]
    plugin, _, facts = load_model(run / "model")
    assert (plugin, facts["method"], facts["rate"]) == ("audio", "classifier", 8000)
    assert facts["classes"] == list("01234")
    held_out = sorted(tmp_path.glob("*_[5-9].wav"))
    found = multigan.pipeline(run)(held_out).labels
    right = np.mean([path.name[0] == label for path, label in zip(held_out, found, strict=True)])
    assert len(held_out) == 25 and right == pytest.approx(scores[-1]["accuracy"])
    assert (run / "samples" / "step-000060.png").is_file()


def test_built_in_sounds_have_a_held_out_part():
    made = SoundClassifierTraining(
        SoundClassifierRecipe(
            plugin="audio", method="classifier",
            data=SoundData(labels="folder", length=2048, builtin_size=10), model={"width": 2},
        )
    )  # fmt: skip
    scores = made.evaluate({"classifier": made.networks["classifier"].eval()}, Noise(0))
    assert made.sounds.classes == KINDS and 0 <= scores["accuracy"] <= 1
    assert not set(made.sounds.names) & set(made.held_out.names)


def test_a_classifier_needs_classes(cli, tmp_path):
    write_sound(tmp_path / "a.wav", np.zeros(100), 8000)
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"plugin: audio\nmethod: classifier\ndata: {{source: {tmp_path}}}\n")
    done = cli("run", recipe, "data.labels=none", "-o", tmp_path / "run")
    assert done.code == 2 and "a classifier needs two classes; data.labels: none" in done.err


def test_what_the_pipeline_takes(tmp_path):
    network = Classifier(classes=2, width=2, features=4)
    facts = {"classes": ["a", "b"], "rate": 8000, "length": 4096, "trim": True}
    pipe = ClassifierPipeline({"classifier": network}, facts)
    samples = tones(2)
    write_sound(tmp_path / "a.wav", samples[0].numpy(), 8000)
    usual = pipe(samples)
    assert usual.probabilities.shape == (2, 2) and usual.features.shape == (2, 4)
    for given in (list(samples.numpy()), [Sound(s.numpy(), 8000) for s in samples],
                  [tmp_path / "a.wav", samples[1]]):  # fmt: skip
        torch.testing.assert_close(
            pipe(given).probabilities, usual.probabilities, atol=1e-3, rtol=0
        )
    high = Sound(resample(samples[0].numpy(), 8000, 44_100), 44_100)
    torch.testing.assert_close(pipe(high).probabilities, usual.probabilities[:1], atol=0.02, rtol=0)
    padded = torch.nn.functional.pad(samples, (5000, 7000))
    torch.testing.assert_close(pipe(padded).probabilities, usual.probabilities, atol=0.02, rtol=0)
    assert pipe([]).labels == () and pipe([]).probabilities.shape == (0, 2)
    for wrong in (5, np.zeros((2, 3, 4)), np.zeros(9, dtype=int)):
        with pytest.raises(DataError, match="cannot read a sound from"):
            pipe(wrong)
    for damage in ({"rate": 16_000}, {"classes": ["a"]}):
        with pytest.raises(CheckpointError, match="the model is damaged"):
            ClassifierPipeline({"classifier": network}, {**facts, **damage})
