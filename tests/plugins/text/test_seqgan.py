import shutil

import pytest
import torch

from multigan.config.recipe import make_recipe
from multigan.data.vocabulary import PAD
from multigan.errors import RecipeError
from multigan.plugins.text.seqgan import SeqGAN
from multigan.training.phases import Noise, Step
from multigan.training.train import train

SMALL = {
    "plugin": "text",
    "method": "seqgan",
    "train": {"batch_size": 16, "device": "cpu", "threads": 1, "trackers": []},
    "data": {"builtin_size": 200},
    "model": {
        "latents": 2,
        "embedding": 8,
        "hidden": 16,
        "discriminator": "cnn",
        "filter_widths": [1, 2, 3],
        "filters": [8, 8, 8],
        "dropout": 0.2,
    },
    "loss": {"rollouts": 2, "discriminator_steps": 2},
    "evaluate": {"samples": 30, "sweep": False},
    "steps": {"mle": 3, "discriminator": 2, "adversarial": 3},
}


def recipe(**sections):
    values = {key: dict(v) if isinstance(v, dict) else v for key, v in SMALL.items()}
    for key, section in sections.items():
        values[key] = {**values.get(key, {}), **section}
    return make_recipe(values)


def gan_of(**sections):
    torch.manual_seed(0)
    return SeqGAN(recipe(**sections))


def step(index=0, total=10, seed=0):
    return Step(index, total, Noise(seed))


WAYS = [
    {"loss": {"baseline": "none"}},
    {"loss": {"baseline": "average", "rollout_average": 0.8}},
    {"loss": {"reward": "logit", "mle_weight": 0.5, "output_decay": 0.2}},
    {"model": {"discriminator": "lstm", "filters": [], "filter_widths": []}},
    {
        "model": {"discriminator": "lstm", "filters": [], "filter_widths": []},
        "loss": {"credit": "dense", "baseline": "average"},
    },
    {"model": {"generator": "relational", "discriminator": "multi-cnn", "representations": 4}},
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


@pytest.mark.parametrize(
    "way", [{}, {"model": {"discriminator": "lstm", "filters": [], "filter_widths": []},
                 "loss": {"credit": "dense"}}], ids=["rollouts", "dense"]
)  # fmt: skip
def test_gradient_climbs_to_what_the_discriminator_likes(way):
    """A discriminator that likes one word: the generator learns to write it."""
    gan = gan_of(**way)
    liked = gan.task.corpus.vocabulary.encode(["circle"])[0, 0].item()

    def likes(tokens, rows=None, labels=None):
        return 6.0 * (tokens == liked) - 3.0

    def counts(tokens, labels=None):
        return (tokens == liked).float().mean(1) * 40 - 3

    gan.discriminator.forward = likes
    gan.discriminator.judge_completions = lambda tokens, written, labels: (
        counts(tokens),
        counts(written.flatten(0, 2)).view(written.shape[:3]),
    )
    optimiser = torch.optim.Adam(gan.generator.parameters(), 2e-2)
    batch = gan.dataset().batch(torch.arange(16))
    for index in range(40):
        optimiser.zero_grad()
        gan.generator_loss(batch, step(index, 40, seed=index))["policy"].backward()
        optimiser.step()
    words = [word for text in gan.preview(gan.networks, Noise(0)).texts for word in text.split()]
    assert words.count("circle") > 0.5 * len(words)


def test_dropout_is_off_while_rewards_are_computed_and_on_again_after():
    gan = gan_of(model={"dropout": 0.9})
    batch = gan.dataset().batch(torch.arange(16))
    tokens, theme = gan.task.write(batch, Noise(0))
    first, second = (gan.rewards(tokens, theme, None, step()) for _ in range(2))
    assert torch.equal(first, second) and gan.discriminator.training
    assert ((first == 0) == (tokens == PAD)).all() and first.max() < 1


def test_the_rollout_policy_follows_the_generator_once_a_step():
    gan = gan_of(loss={"rollout_average": 0.75})
    average = gan.memory["rollout_policy"]

    def weights():
        policy = average.policy
        return policy.output.bias.clone(), policy.embedding.weight.clone()

    def follow(index):
        average.follow(gan.generator, step(index), keep=0.75)

    with torch.no_grad():
        gan.generator.output.bias.fill_(4.0)
        follow(0)
        assert (weights()[0] == 4).all()  # the game begins with the generator itself
        gan.generator.output.bias.fill_(8.0)
        gan.generator.embedding.weight.fill_(2.0)
        follow(0)
        assert (weights()[0] == 4).all()
        follow(1)
        assert (weights()[0] == 5).all() and (weights()[1] == 2).all()


def test_the_running_mean_is_taken_before_the_batch_is_added():
    gan = gan_of(loss={"baseline": "average"})
    mean, mask = gan.memory["baseline"], torch.tensor([[True, True], [True, False]])
    first = mean.follow(torch.tensor([[1.0, 2.0], [3.0, 99.0]]), mask)
    second = mean.follow(torch.tensor([[12.0, 12.0], [12.0, 0.0]]), mask)
    third = mean.follow(torch.zeros(2, 2), mask)
    assert (first == 2).all() and (second == 2).all()
    torch.testing.assert_close(third, torch.full((2, 2), 2.8))


@pytest.mark.parametrize("way", [WAYS[1], WAYS[4]], ids=["rollouts", "dense"])
def test_resuming_is_exact(tmp_path, way):
    whole = train(recipe(**way), output=tmp_path / "whole", quiet=True)
    short = recipe(**way, train={"checkpoint_every": 7, "keep_checkpoints": 9})
    run = train(short, output=tmp_path / "cut", quiet=True)
    for checkpoint in sorted((run / "checkpoints").glob("step-*"))[3:]:
        shutil.rmtree(checkpoint)
    train(short, output=tmp_path / "cut", resume=True, quiet=True)
    name = "model/generator/model.safetensors"
    assert (whole / name).read_bytes() == (run / name).read_bytes()


def test_dense_credit_needs_verdicts_on_words():
    with pytest.raises(RecipeError, match=r"choose model\.discriminator=lstm"):
        recipe(loss={"credit": "dense"})
    with pytest.raises(RecipeError, match="same length"):
        recipe(model={"filters": [3]})
