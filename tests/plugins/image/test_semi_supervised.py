"""A classifier of K classes as a discriminator: its formulas, its labels, whole small runs."""

from __future__ import annotations

import gzip
import json
import re

import pytest
import torch
import torch.nn.functional as F
from torch.nn.functional import softplus

import multigan
from multigan.config.recipe import make_recipe
from multigan.errors import DataError, PluginError, RecipeError
from multigan.plugins.image.classifier.data import Labelled
from multigan.plugins.image.semi_supervised import data as data_module
from multigan.plugins.image.semi_supervised.data import choose
from multigan.plugins.image.semi_supervised.gan import SemiSupervisedGAN
from multigan.plugins.image.semi_supervised.losses import mean_matching, realness
from multigan.training.phases import Noise, Step
from multigan.training.train import train


def idx(tensor):
    sizes = b"".join(size.to_bytes(4, "big") for size in tensor.shape)
    return bytes((0, 0, 8, tensor.dim())) + sizes + tensor.numpy().tobytes()


def write_labels(folder, labels):
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(labels.byte()))


@pytest.fixture
def stripes(tmp_path):
    """Horizontal stripes (class 0), vertical stripes (1), neither (2), in the dark."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(180) % 3
    images = torch.randint(60, (180, 16, 16), generator=generator, dtype=torch.uint8)
    images[labels == 0, ::4] += 190
    images[labels == 1, :, ::4] += 190
    folder = tmp_path / "stripes"
    folder.mkdir()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(images)))
    write_labels(folder, labels)
    return folder


def recipe(folder, **sections):
    given = {
        "plugin": "image",
        "method": "semi-supervised",
        "data": {"source": str(folder), "size": 16, "labels_per_class": 2},
        "model": {"latents": 4, "width": 4, "classifier_width": 8, "features": 16},
        "train": {"batch_size": 12, "device": "cpu", "threads": 1, "trackers": []},
    }
    for name, section in sections.items():
        given[name] = given.get(name, {}) | section
    return make_recipe(given)


def make(folder, **sections):
    torch.manual_seed(0)
    return SemiSupervisedGAN(recipe(folder, **sections))


def play(gan, phase, batch):
    for name, network in gan.networks.items():
        network.requires_grad_(name in gan.groups[phase.updates])
        network.zero_grad()
    losses = phase.loss(batch, Step(0, 10, Noise(0)))
    torch.stack(list(losses.values())).sum().backward()
    return losses


def test_the_verdict_is_that_of_one_class_more_with_the_logit_0():
    logits = torch.randn(5, 3, dtype=torch.float64) * 4
    whole = torch.cat([logits, torch.zeros(5, 1)], dim=1).softmax(1)
    torch.testing.assert_close(realness(logits).sigmoid()[:, 0], 1 - whole[:, 3])
    torch.testing.assert_close(logits.softmax(1), whole[:, :3] / whole[:, :3].sum(1, keepdim=True))
    assert realness(torch.full((1, 3), 200.0).half()).isfinite()


def test_the_classifier_plays_salimans_game(stripes):
    gan = make(stripes, loss={"unlabelled": 0.5}, model={"noise": 0.0, "dropout": 0.0})
    batch = gan.data.batch(torch.arange(5))
    classify, generate = gan.stages()[0].phases
    losses = play(gan, classify, batch)
    fake = gan.generator(Noise(0).normal(5, 4))
    labelled, real, generated = (
        gan.classifier(x) for x in (batch["labelled"], batch["image"], fake)
    )
    # With K + 1 logits: -log p(class | real), -log p(not generated), -log p(generated).
    zero = torch.zeros(5, 1)
    generated_too = [torch.cat([logits, zero], 1).log_softmax(1) for logits in (real, generated)]
    expected = -(1 - generated_too[0][:, 3].exp()).log().mean() - generated_too[1][:, 3].mean()
    torch.testing.assert_close(losses["adversarial"], 0.5 * expected)
    torch.testing.assert_close(losses["classes"], F.cross_entropy(labelled, batch["label"]))
    assert all(p.grad is None for p in gan.generator.parameters())

    losses = play(gan, generate, batch)
    features = gan.classifier.features(batch["image"]), gan.classifier.features(fake)
    expected = (features[0].mean(0) - features[1].mean(0)).square().mean()
    torch.testing.assert_close(losses["feature-matching"], expected)
    assert all(p.grad is None for p in gan.classifier.parameters())
    assert all(p.grad is not None for p in gan.generator.parameters())
    assert mean_matching(torch.tensor([1.0, 2.0])) == 2.5

    plain = make(stripes, loss={"generator": "adversarial"}, model={"noise": 0.0, "dropout": 0.0})
    losses = play(plain, plain.stages()[0].phases[1], plain.data.batch(torch.arange(5)))
    verdicts = plain.classifier(plain.generator(Noise(0).normal(5, 4))).logsumexp(1)
    torch.testing.assert_close(losses["adversarial"], softplus(-verdicts).mean())


def test_feature_means_are_those_of_all_processes(stripes, monkeypatch):
    """Two halves of a batch, each knowing the other's mean: gradients average to the whole's."""
    gan = make(stripes, model={"noise": 0.0, "dropout": 0.0})
    gan.generator.eval()  # batch normalisation is each process's own
    whole = gan.data.batch(torch.arange(8))
    phase = gan.stages()[0].phases[1]

    def gradients():
        return torch.cat([p.grad.flatten() for p in gan.generator.parameters()])

    expected = play(gan, phase, whole)["feature-matching"]
    wanted = gradients()
    latents = Noise(0).normal(8, 4)
    with torch.no_grad():
        mean = gan.classifier.features(gan.generator(latents)).mean(0)
        mean -= gan.classifier.features(whole["image"]).mean(0)
    module = "multigan.plugins.image.semi_supervised.gan.mean_over_processes"
    monkeypatch.setattr(module, lambda own: mean)
    found = torch.zeros_like(wanted)
    for rank in (0, 1):
        half = {key: value[4 * rank : 4 * rank + 4] for key, value in whole.items()}
        monkeypatch.setattr(
            gan, "_generate", lambda n, _, r=rank: gan.generator(latents[4 * r :][:n])
        )
        torch.testing.assert_close(play(gan, phase, half)["feature-matching"], expected)
        found += gradients() / 2
    torch.testing.assert_close(found, wanted)


def test_labels_are_balanced_and_chosen_by_the_seed(stripes):
    gan = make(stripes)
    few = gan.data.labelled
    assert torch.bincount(few.labels).tolist() == [2, 2, 2]
    assert (len(gan.data), len(gan.held_out)) == (150, 30)
    everything = Labelled(gan.data.images, torch.arange(150) % 3, ("0", "1", "2"))
    chosen = choose(everything, per_class=5, seed=1)
    assert torch.bincount(chosen % 3).tolist() == [5, 5, 5] and len(set(chosen.tolist())) == 15
    assert torch.equal(chosen, choose(everything, per_class=5, seed=1))
    assert not torch.equal(chosen, choose(everything, per_class=5, seed=2))
    batch = gan.data.batch(torch.arange(150))
    assert torch.bincount(batch["label"]).tolist() == [50, 50, 50]  # each as often as the others
    torch.testing.assert_close(batch["labelled"][7], few[1]["image"])
    with pytest.raises(DataError, match=r"class '0' has only 50 .* data.labels_per_class=50"):
        make(stripes, data={"labels_per_class": 51})


def test_other_labels_are_never_read(stripes, tmp_path, monkeypatch):
    """A run is bit for bit the same when all labels but the chosen and the held-out ones lie."""
    labels = torch.arange(180) % 3
    chosen = choose(
        Labelled(torch.zeros(150, 1), labels[:150], ("0", "1", "2")), per_class=2, seed=0
    )
    monkeypatch.setattr(data_module, "choose", lambda *_, **__: chosen)
    weights = []
    for name in ("truth", "lies"):
        config = recipe(stripes, steps={"training": 3})
        run = train(config, output=tmp_path / name, quiet=True)
        weights.append((run / "model" / "classifier" / "model.safetensors").read_bytes())
        lies = (labels + 1) % 3
        lies[150:], lies[chosen] = labels[150:], labels[chosen]
        write_labels(stripes, lies)
    assert weights[0] == weights[1]


def test_pictures_without_labels_may_lie_elsewhere(stripes, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    images = torch.randint(256, (12, 16, 16), dtype=torch.uint8)
    (other / "train-images-idx3-ubyte").write_bytes(idx(images))
    write_labels(other, torch.zeros(12))
    gan = make(stripes, data={"unlabelled": str(other), "labels_per_class": 50})
    assert torch.equal(gan.data.images[:, 0], images[:10])
    assert len(gan.data.labelled) == 150


def test_a_whole_run_names_pictures_and_makes_some(stripes, tmp_path, cli):
    run = train(
        recipe(stripes, steps={"training": 60}, optimizers={"classifier": {"lr": 5e-3}}),
        output=tmp_path / "run", quiet=True,
    )  # fmt: skip
    lines = (run / "metrics.jsonl").read_text().splitlines()
    accuracy = [json.loads(line)["accuracy"] for line in lines if '"evaluate"' in line]
    assert accuracy[-1] >= 0.9 > accuracy[0]
    pipe = multigan.pipeline(run)
    gan = make(stripes)
    shown = gan.held_out.images / 255
    named = pipe(shown)
    right = sum(int(a) == int(b) for a, b in zip(named.labels, gan.held_out.labels, strict=True))
    assert right / len(shown) == pytest.approx(accuracy[-1])
    torch.testing.assert_close(named.probabilities.sum(1), torch.ones(30))
    done = cli("sample", run, "-n", "4", "-o", tmp_path / "made.png")
    assert done.code == 0 and (tmp_path / "made.png").is_file()
    assert pipe.sample(2, seed=1).images[0].size == (16, 16)


def test_without_the_unlabelled_term_the_classifier_learns_alone(stripes, tmp_path):
    """The baseline: the same first weights, the same labelled pictures, no generator."""
    alone, both = make(stripes, loss={"unlabelled": 0.0}), make(stripes)
    for name, value in both.classifier.state_dict().items():
        assert torch.equal(value, alone.classifier.state_dict()[name]), name
    assert list(alone.networks) == ["classifier"] == [p.name for p in alone.stages()[0].phases]
    numbers = torch.arange(12)
    assert torch.equal(both.data.batch(numbers)["labelled"], alone.data.batch(numbers)["labelled"])
    run = train(
        recipe(stripes, loss={"unlabelled": 0.0}, steps={"training": 2}),
        output=tmp_path / "run", quiet=True,
    )  # fmt: skip
    with pytest.raises(PluginError, match="names pictures and makes none"):
        multigan.pipeline(run).sample(3)


def test_what_does_not_fit_is_told(stripes):
    with pytest.raises(RecipeError, match=re.escape("data.size=18 is not 4, 5, 6 or 7 times")):
        recipe(stripes, data={"size": 18})


def test_the_shipped_recipe(stripes, tmp_path):
    overrides = [
        f"data.source={stripes}", "data.size=16", "steps.training=2", "train.trackers=[]",
        "train.device=cpu",
    ]  # fmt: skip
    run = train("semi-digits", overrides=overrides, output=tmp_path / "run", quiet=True)
    assert multigan.pipeline(run)([]).labels == ()
