import json
import shutil
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

import multigan
from multigan.config.recipe import make_recipe
from multigan.data.grammar import is_grammatical
from multigan.data.vocabulary import EOS, PAD, UNK
from multigan.errors import RecipeError
from multigan.metrics.bleu import bleu, self_bleu
from multigan.plugins.text.gumbel import GumbelGAN
from multigan.plugins.text.recipe import fitted
from multigan.training.engine import Engine
from multigan.training.phases import Noise, Step
from multigan.training.run import Run
from multigan.training.train import train
from multigan.training.trainer import Trainer

SMALL = {
    "plugin": "text",
    "train": {"batch_size": 16, "device": "cpu", "threads": 1, "trackers": []},
    "data": {"builtin_size": 200},
    "model": {
        "latents": 4,
        "embedding": 8,
        "hidden": 16,
        "discriminator_embedding": 8,
        "discriminator_hidden": 16,
    },
    "evaluate": {"samples": 30, "sweep": False},
    "steps": {"mle": 3, "discriminator": 2, "adversarial": 3},
}


def recipe(**sections):
    values = {
        key: dict(value) if isinstance(value, dict) else value for key, value in SMALL.items()
    }
    for key, section in sections.items():
        values[key] = {**values.get(key, {}), **section}
    return make_recipe(values)


def gan_of(**sections):
    torch.manual_seed(0)
    return GumbelGAN(recipe(**sections))


def step(index=0, total=10, seed=0):
    return Step(index, total, Noise(seed))


def test_likelihood_is_the_mean_over_words_and_ignores_pads():
    gan = gan_of()
    tokens = gan.task.corpus.train_rows(8)
    latents = Noise(0).normal(8, 4)
    loss = gan.task.mle_loss({"tokens": tokens}, step())["nll"]
    logs = gan.generator(tokens, latents).log_softmax(2)
    expected = 0.0
    for row, log in zip(tokens, logs, strict=True):
        expected -= sum(log[t, word] for t, word in enumerate(row.tolist()) if word != PAD)
    scale = 8 * gan.task.corpus.mean_length
    torch.testing.assert_close(loss, expected / scale)
    padded = F.pad(tokens, (0, 5), value=PAD)
    torch.testing.assert_close(gan.task.mle_loss({"tokens": padded}, step())["nll"], loss)


WAYS = [
    {"loss": {"objective": "hinge", "r1": 0.1, "r2": 0.1, "mle_weight": 0.5}},
    {"loss": {"objective": "relativistic", "relaxation": "expectation"}},
    {"loss": {"objective": "non-saturating", "smoothing": "one-sided", "path_length": 2.0}},
    {"loss": {"objective": "wasserstein", "gradient_penalty": 10.0}},
    {
        "model": {"generator": "relational", "discriminator": "multi-cnn", "representations": 4},
        "loss": {"objective": "relativistic", "gradient_penalty": 10.0, "temperature_end": 0.01},
    },
    {
        "model": {"discriminator": "cnn", "filter_widths": [1, 2], "filters": [4, 4]},
        "loss": {"r1": 0.1, "relaxation": "expectation"},
    },
]


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_each_phase_reaches_its_network_only(way):
    gan = gan_of(**way)
    batch = gan.dataset().batch(torch.arange(16))
    for loss, trained, other in (
        (gan.discriminator_loss, gan.discriminator, gan.generator),
        (gan.generator_loss, gan.generator, gan.discriminator),
    ):
        trained.requires_grad_(True).zero_grad()
        other.requires_grad_(False)
        terms = loss(batch, step())
        assert all(term.shape == () and term.isfinite() for term in terms.values())
        sum(terms.values()).backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in trained.parameters())
        assert any(p.grad.abs().max() > 0 for p in trained.parameters())


def test_the_options_of_the_loss_are_terms_of_it():
    everything = {
        "r1": 0.1,
        "r2": 0.1,
        "gradient_penalty": 1.0,
        "mle_weight": 1.0,
        "path_length": 1,
    }
    gan = gan_of(loss=everything)
    batch = gan.dataset().batch(torch.arange(16))
    terms = {**gan.discriminator_loss(batch, step()), **gan.generator_loss(batch, step())}
    assert set(terms) == {"objective", "r1", "r2", "gradient-penalty", "nll", "path-length"}
    assert all(term > 0 for name, term in terms.items() if name != "objective")
    doubled = gan_of(loss={name: 2 * weight for name, weight in everything.items()})
    twice = {**doubled.discriminator_loss(batch, step()), **doubled.generator_loss(batch, step())}
    for name in set(terms) - {"objective"}:
        torch.testing.assert_close(twice[name], 2 * terms[name])
    assert gan.memory["path_length"].value > 0


def test_the_expectation_is_the_exact_gradient_of_the_expected_verdict():
    """On one word, where the expectation over all words can be written out."""
    gan = gan_of(loss={"relaxation": "expectation", "objective": "wasserstein"})
    gan.task.length = 1
    batch = gan.dataset().batch(torch.arange(16))
    gan.generator_loss(batch, step())["objective"].backward()
    found = gan.generator.output.bias.grad
    _, theme = gan.task.write(batch, Noise(0))
    bias = gan.generator.output.bias.detach().requires_grad_()
    chances = (
        gan.generator.features(torch.zeros(16, 1).long(), theme)[:, 0].detach()
        @ gan.generator.output.weight.detach().T
        + bias
        + gan.generator.blocked_V
    ).softmax(1)
    words = torch.arange(4, chances.shape[1])[:, None]
    verdicts = gan.discriminator(words)[:, 0].detach()
    eos = gan.discriminator(torch.tensor([[EOS]]))[0, 0].detach()
    expected = (chances[:, 4:] @ verdicts + chances[:, EOS] * eos).mean()
    (gradient,) = torch.autograd.grad(-expected, bias)
    torch.testing.assert_close(found, gradient, atol=1e-6, rtol=1e-4)


def test_losses_repeat_with_the_noise():
    gan = gan_of()
    batch = gan.dataset().batch(torch.arange(16))
    for loss in (gan.task.mle_loss, gan.discriminator_loss, gan.generator_loss):
        values = [sum(loss(batch, step(seed=seed)).values()).item() for seed in (1, 1, 2)]
        assert values[0] == values[1] != values[2]


def test_lower_temperature_changes_the_gradient_only():
    def gradient(index):
        gan = gan_of(loss={"temperature_start": 1.0, "temperature_end": 0.1})
        batch = gan.dataset().batch(torch.arange(16))
        loss = gan.generator_loss(batch, step(index))["objective"]
        loss.backward()
        return loss.item(), gan.generator.output.weight.grad

    (first, early), (second, late) = gradient(0), gradient(9)
    assert first == second
    assert not torch.allclose(early, late)


def test_gradient_climbs_to_what_the_discriminator_likes():
    gan = gan_of()
    liked = gan.task.corpus.vocabulary.encode(["circle"])[0, 0].item()
    with torch.no_grad():
        for parameter in gan.discriminator.parameters():
            parameter.zero_()
        gan.discriminator.judged.weight[liked] = 1.0
        gan.discriminator.head[-1].bias[:-1] = 1.0
    optimiser = torch.optim.Adam(gan.generator.parameters(), 1e-2)
    batch = gan.dataset().batch(torch.arange(16))
    for index in range(60):
        optimiser.zero_grad()
        gan.generator_loss(batch, step(index, 60, seed=index))["objective"].backward()
        optimiser.step()
    texts = gan.preview(gan.networks, Noise(0)).texts
    words = [word for text in texts for word in text.split()]
    assert words.count("circle") > 0.8 * len(words)


def test_evaluation_agrees_with_independent_computations():
    gan = gan_of(evaluate={"samples": 40})
    scores = gan.evaluate(gan.networks.eval(), Noise(5))
    noise = Noise(5)
    tokens, _ = gan.task._sample(gan.generator, 40, noise)
    texts = gan.task.corpus.vocabulary.decode_batch(tokens)
    assert scores["grammatical"] == sum(map(is_grammatical, texts)) / 40
    sample = [text.split() for text in texts]
    test = [text.split() for text in gan.task.corpus.vocabulary.decode_batch(gan.task.corpus.test)]
    for n in (2, 3, 4):
        assert scores[f"bleu-{n}"] == pytest.approx(bleu(sample, test, orders=(n,))[n])
    assert scores["self-bleu-3"] == pytest.approx(self_bleu(sample, orders=(3,))[3])
    pairs = [pair for words in sample for pair in pairwise(words)]
    assert scores["distinct-2"] == pytest.approx(len(set(pairs)) / len(pairs))
    known = set(gan.task.corpus.vocabulary.decode_batch(gan.task.corpus.train_rows()))
    assert scores["novel"] == sum(text not in known for text in texts) / 40
    assert scores["unique"] == len(set(texts)) / 40


def test_test_nll_of_a_uniform_generator():
    gan = gan_of()
    with torch.no_grad():
        gan.generator.output.weight.zero_()
        gan.generator.output.bias.zero_()
    gan.task.corpus.test[0, 0] = UNK  # impossible for the generator, so it is not asked
    scores = gan.evaluate(gan.networks.eval(), Noise(0))
    possible = len(gan.task.corpus.vocabulary) - 3
    assert scores["nll-test"] == pytest.approx(torch.tensor(float(possible)).log().item(), rel=1e-5)


def test_the_game_improves_on_its_pretraining(tmp_path):
    """A grammar of eight sentences: how many are right after the likelihood and after the game?"""
    grammar = [
        f"{article} {size} {noun} {verb}"
        for size in ("big", "small")
        for noun in ("cat", "dog")
        for article, noun, verb in (("a", noun, "sits"), ("two", noun + "s", "sit"))
    ]
    path = tmp_path / "tiny.txt"
    path.write_text("\n".join(grammar * 20), encoding="utf-8")
    game = recipe(
        data={"source": str(path), "held_out": 0.001},
        train={"batch_size": 32},
        steps={"mle": 40, "discriminator": 50, "adversarial": 200},
        optimizers={
            "pretraining": {"lr": 1e-2},
            "generator": {"lr": 5e-3, "betas": (0.5, 0.9), "schedule": "linear"},
        },
        ema={"decay": 0.9},
    )
    steps = game.steps.model_copy(update={"adversarial": 0})
    pretrained = game.model_copy(update={"steps": steps})
    right, counts = [], []
    for name, each in (("pretrained", pretrained), ("game", game)):
        texts = multigan.pipeline(train(each, output=tmp_path / name, quiet=True))(400).texts
        right.append(sum(text in grammar for text in texts) / 400)
        counts = [texts.count(text) for text in grammar]
    assert right[0] < 0.6 and right[1] > right[0] + 0.25
    assert min(counts) > 0


def test_trains_and_writes_from_a_run_folder(tmp_path):
    folder = train(recipe(), output=tmp_path / "run", quiet=True)
    scores = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    stages = {entry["stage"] for entry in scores if entry["kind"] == "evaluate"}
    assert stages == {"mle", "discriminator", "adversarial"}
    pipe = multigan.pipeline(folder)
    first, second = pipe(5, seed=1).texts, pipe(3, seed=1).texts
    assert first[:3] == second and first != pipe(5, seed=2).texts
    assert pipe.vocabulary == GumbelGAN(recipe()).task.corpus.vocabulary


def test_each_stage_leaves_a_model(tmp_path):
    folder = train(recipe(), output=tmp_path / "run", quiet=True)
    alone = recipe(steps={"discriminator": 0, "adversarial": 0})
    pretrained = train(alone, output=tmp_path / "alone", quiet=True)
    name = "generator/model.safetensors"
    stage = (folder / "stages/mle" / name).read_bytes()
    assert stage == (pretrained / "model" / name).read_bytes()
    assert stage != (folder / "model" / name).read_bytes()
    assert not (pretrained / "stages").exists()  # of a single stage the model is the same


def test_two_runs_are_the_same_run(tmp_path):
    models = []
    for name in ("a", "b"):
        folder = train(recipe(), output=tmp_path / name, quiet=True)
        models.append((folder / "model/generator/model.safetensors").read_bytes())
    assert models[0] == models[1]


def test_resuming_is_exact(tmp_path):
    whole = train(recipe(), output=tmp_path / "whole", quiet=True)
    short = recipe(train={"checkpoint_every": 7, "keep_checkpoints": 9})
    run = train(short, output=tmp_path / "cut", quiet=True)
    for checkpoint in sorted((run / "checkpoints").glob("step-*"))[1:]:
        shutil.rmtree(checkpoint)
    train(short, output=tmp_path / "cut", resume=True, quiet=True)
    name = "model/generator/model.safetensors"
    assert (whole / name).read_bytes() == (run / name).read_bytes()


def test_eos_is_learnable():
    """A sentence that never ends is cut, not ended: the discriminator can see that."""
    gan = gan_of()
    with torch.no_grad():
        gan.generator.output.bias[EOS] = -100.0
    tokens, _ = gan.task._sample(gan.generator, 10, Noise(0))
    assert not (tokens == EOS).any() and not (tokens == PAD).any()
    assert (gan.discriminator(tokens) != 0).all()


def test_sizes_follow_the_vocabulary_unless_given():
    open_recipe = make_recipe({"plugin": "text", "model": {"discriminator_hidden": 7}})
    small, large = (fitted(open_recipe, vocabulary_size=size) for size in (90, 5000))
    assert small.hidden < large.hidden and small.mle_steps < large.mle_steps
    assert small.discriminator_hidden == large.discriminator_hidden == 7
    assert small.discriminator_embedding == small.embedding
    given = fitted(recipe(), vocabulary_size=5000)
    assert (given.embedding, given.hidden, given.mle_steps) == (8, 16, 3)
    assert large.optimizers["generator"].lr < small.optimizers["generator"].lr
    stated = recipe(optimizers={"generator": {"lr": 0.125}})
    assert fitted(stated, vocabulary_size=5000).optimizers["generator"].lr == 0.125


def test_the_trainer_uses_the_fitted_learning_rate(tmp_path):
    gan = gan_of(optimizers={"generator": {"lr": 0.125}})
    engine = Engine(gan.recipe.train)
    trainer = Trainer(gan, gan.recipe, engine=engine, run=Run(tmp_path))
    assert trainer.groups["generator"].base_lr == 0.125


def test_the_report_of_a_run_has_its_sweep(tmp_path, cli):
    settings = {"sweep": True, "samples": 40, "temperatures": [0.5, 1.0], "seeds": 2}
    folder = train(recipe(evaluate=settings), output=tmp_path / "run", quiet=True)
    page = (folder / "report.html").read_text()
    assert "Quality against diversity" in page and "bleu-4" in page and "data:image/png" in page
    measured = json.loads((folder / "exhibits/sweep.json").read_text())["measurements"]
    kinds = {(row["model"], row["temperature"], row["seed"]) for row in measured}
    assert kinds >= {(m, t, s) for m in ("GAN", "MLE") for t in (0.5, 1.0) for s in (0, 1)}
    assert {row["num_samples"] for row in measured} == {40}

    def scores(model):
        return [row["scores"] for row in measured if row["model"] == model]

    # At one seed, the same model gives the same scores; the pretraining is another model.
    assert scores("GAN") != scores("MLE")
    done = cli("sweep", folder, folder, "-o", tmp_path / "two", "--samples", 30)
    assert done.code == 0, done.err
    rows = json.loads((tmp_path / "two/sweep.json").read_text())["measurements"]
    first, second = (
        [r["scores"] for r in rows if r["model"] == "MLE" and r["seed"] == s] for s in (0, 1)
    )
    assert len(first) == len(second) == 2 and first != second  # each run has a seed of its own
    assert cli("sweep", tmp_path).err.count("is not a run folder") == 1
    assert cli("sweep", folder, "--temperatures", "warm").code == 2


def test_a_stage_of_no_steps_is_left_out():
    gan = gan_of(steps={"mle": 0, "discriminator": 2})
    assert [stage.name for stage in gan.stages()] == ["discriminator", "adversarial"]
    with pytest.raises(RecipeError, match="nothing"):
        recipe(steps={"mle": 0, "discriminator": 0, "adversarial": 0})


@pytest.mark.parametrize("method", ["gumbel", "seqgan"])
@pytest.mark.parametrize("discriminator", ["lstm", "cnn"])
def test_sentences_with_labels_are_learnt_and_asked_for(tmp_path, method, discriminator):
    """Two classes that share no noun: after a short training each is written when asked for."""
    path = tmp_path / "animals.csv"
    rows = [f"a {size} cat sits,home\n" for size in ("big", "small")] + [
        f"a {size} wolf runs,wild\n" for size in ("big", "small")
    ]
    path.write_text("text,place\n" + "".join(rows * 30), encoding="utf-8")
    animals = make_recipe(
        {
            **SMALL,
            "method": method,
            "data": {"source": str(path), "label": "place", "held_out": 0.01},
            "model": {**SMALL["model"], "discriminator": discriminator},
            "steps": {"mle": 80, "discriminator": 3, "adversarial": 3},
            "optimizers": {"pretraining": {"lr": 2e-2}},
            "ema": {"decay": 0.5},
            "evaluate": {"samples": 10, "sweep": False},
        }
    )
    with pytest.warns(UserWarning, match="held out"):
        pipe = multigan.pipeline(train(animals, output=tmp_path / "run", quiet=True))
    assert pipe.labels == ["home", "wild"]
    for label, noun in (("home", "cat"), ("wild", "wolf")):
        texts = pipe(40, label=label).texts
        assert sum(noun in text for text in texts) >= 34
