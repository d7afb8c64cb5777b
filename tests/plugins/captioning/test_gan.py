from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from multigan.config.recipe import make_recipe
from multigan.data.vocabulary import EOS, PAD
from multigan.errors import RecipeError
from multigan.plugins.captioning.gan import CaptionGAN, against_others
from multigan.plugins.captioning.task import nll
from multigan.training.phases import Batch, Noise, Step


def gan_of(**sections: dict[str, Any]) -> CaptionGAN:
    torch.manual_seed(0)
    values: dict[str, Any] = {
        "plugin": "captioning",
        "data": {"builtin_size": 40, "size": 32},
        "model": {
            "width": 4, "embedding": 8, "hidden": 16, "heads": 2, "latents": 3,
            "summary": 16, "kernels": 4,
        },
        "evaluate": {"pictures": 6, "retrieval": 4},
    }  # fmt: skip
    for name, section in sections.items():
        values[name] = {**values.get(name, {}), **section}
    return CaptionGAN(make_recipe(values))  # type: ignore[arg-type]


def batch_of(gan: CaptionGAN, count: int = 4) -> Batch:
    torch.manual_seed(1)
    samples = [gan.dataset()[i] for i in range(count)]
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


def step() -> Step:
    return Step(0, 1, Noise(5))


def test_stages_and_what_they_train() -> None:
    gan = gan_of(steps={"mle": 3, "evaluator": 2, "adversarial": 1})
    stages = gan.stages()
    assert [stage.name for stage in stages] == ["mle", "evaluator", "adversarial"]
    assert gan.groups["pretraining"] == ("encoder", "generator")
    assert [phase.name for phase in stages[2].phases] == ["evaluator", "generator"]


def test_nats_are_of_a_caption_of_usual_length() -> None:
    gan = gan_of()
    batch = batch_of(gan)
    loss = gan.task.mle_loss(batch, step())
    tokens = batch["tokens"]
    with torch.no_grad():
        grid = gan.task.encoder(batch["image"].float() / 127.5 - 1)
        h, _ = gan.generator(tokens, grid, torch.zeros(4, 5, 3))
        logs = gan.generator.logits(h).log_softmax(3).gather(3, tokens[..., None])[..., 0]
    expected = -logs[tokens != PAD].sum() / (20 * gan.task.corpus.mean_length)
    torch.testing.assert_close(loss["nll"], expected)


def test_doubly_stochastic_attention_by_its_formula() -> None:
    gan = gan_of(loss={"doubly_stochastic": 0.5})
    batch = batch_of(gan)
    losses = gan.task.mle_loss(batch, step())
    with torch.no_grad():
        grid = gan.task.encoder(batch["image"].float() / 127.5 - 1)
        _, attention = gan.generator(batch["tokens"], grid, torch.zeros(4, 5, 3))
    expected = 0.5 * (1 - attention.sum(2)).square().sum(2).mean()
    torch.testing.assert_close(losses["attention"], expected)


def test_the_evaluator_begins_as_a_reader_that_can_read() -> None:
    gan = gan_of()
    batch = batch_of(gan)
    gan.head_start_loss(batch, Step(0, 9, Noise(0)))
    own, pretrained = gan.evaluator.reader.state_dict(), gan.generator.state_dict()
    assert all(torch.equal(own[name], pretrained[name]) for name in pretrained)
    gan.evaluator.reader.output.bias.data.add_(1)
    gan.head_start_loss(batch, Step(1, 9, Noise(0)))  # and goes its own way
    assert not torch.equal(gan.evaluator.reader.output.bias, gan.generator.output.bias)


def test_the_evaluator_tells_three_kinds_apart() -> None:
    gan = gan_of()
    batch = batch_of(gan)
    losses = gan.evaluator_loss(batch, step())
    grid, generated = batch["grid"], batch["written"][0]
    softplus = torch.nn.functional.softplus
    real = gan.evaluator(batch["tokens"], grid).logits_BK
    torch.testing.assert_close(losses["real"], softplus(-real).mean())
    fake = gan.evaluator(generated, grid).logits_BK
    torch.testing.assert_close(losses["generated"], softplus(fake).mean())
    wrong = gan.evaluator(batch["tokens"].roll(1, 0), grid).logits_BK
    torch.testing.assert_close(losses["mismatched"], softplus(wrong).mean())


def test_pictures_are_encoded_and_captions_written_once_a_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gan = gan_of()
    batch, calls = batch_of(gan), []
    forward = gan.task.encoder.forward
    monkeypatch.setattr(gan.task.encoder, "forward", lambda x: calls.append(1) or forward(x))
    before = {name: value.clone() for name, value in gan.task.encoder.state_dict().items()}
    gan.evaluator_loss(batch, step())
    first = batch["written"][0]
    gan.generator_loss(batch, step())
    assert len(calls) == 1 and batch["written"][0] is first
    after = gan.task.encoder.state_dict()  # BatchNorm's statistics are left alone, too
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_leave_one_out_is_the_mean_of_the_others() -> None:
    rewards = torch.randn(3, 4, dtype=torch.double)
    for b in range(3):
        for k in range(4):
            others = [rewards[b, j] for j in range(4) if j != k]
            expected = rewards[b, k] - torch.stack(others).mean()
            torch.testing.assert_close(against_others(rewards)[b, k], expected)


@pytest.mark.parametrize("gradient", ["leave-one-out", "self-critical"])
def test_the_policy_gradient_is_that_of_the_expected_reward(
    gradient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over many captions the estimate comes near the exact gradient, eos and temperature included.

    The reward is 1 for the empty caption: without the eos in the mask there would be no gradient.
    """
    gan = gan_of(loss={"gradient": gradient, "captions": 150, "temperature": 2.0})
    gan.generator.output.weight.data.zero_()  # the output bias alone decides
    gan.generator.output.bias.data[EOS] = 8.0  # after few words

    def rewards(batch: Batch, tokens: Tensor) -> tuple[Tensor, Tensor]:
        good = (tokens[:, :, 0] == EOS).float() * gan.task.corpus.mean_length
        return good, torch.zeros_like(good)

    monkeypatch.setattr(gan, "rewards", rewards)
    gradients = []
    for seed in range(10):
        gan.generator.zero_grad()
        batch = batch_of(gan, 2)
        gan.generator_loss(batch, Step(0, 1, Noise(seed)))["policy"].backward()
        gradients.append(gan.generator.output.bias.grad[EOS].item())
    logits = (gan.generator.output.bias + gan.generator.blocked_V).detach() / 2.0
    chance = logits.softmax(0)[EOS]
    exact = -(chance * (1 - chance) / 2.0).item()  # d/d bias of -P(eos first)
    measured = torch.tensor(gradients)
    error = measured.std() / len(measured) ** 0.5
    assert abs(measured.mean() - exact) < 4 * error
    assert abs(exact) > 8 * error


def test_self_critical_compares_with_the_likeliest_caption() -> None:
    gan = gan_of(loss={"gradient": "self-critical"}, model={"kernels": 0})
    batch = batch_of(gan)
    advantages = gan.advantages(batch, step())
    # Where the likeliest caption itself is drawn, nothing is to be gained.
    tokens, _, _ = batch["written"]
    match, _ = gan.rewards(batch, tokens)
    baseline = match - advantages
    torch.testing.assert_close(baseline, baseline[:, :1].expand_as(baseline))


def test_cider_rewards_what_people_say_and_that_they_end() -> None:
    gan = gan_of(loss={"reward": "cider"})
    batch = batch_of(gan)
    people = batch["tokens"]
    own, _ = gan.rewards(batch, people)
    others, _ = gan.rewards(batch, people.roll(1, 0))
    assert own.min() > 1.5 and own.mean() > 3 * others.mean()
    endless = torch.where(people == EOS, PAD, people)
    cut, _ = gan.rewards(batch, endless)
    assert own.mean() > cut.mean() + 0.1
    mixed = gan_of(loss={"reward": "mixture", "cider_weight": 0.5})
    batch = batch_of(mixed)
    verdict = mixed.evaluator(people, mixed.task.grid(batch))
    match, variety = mixed.rewards(batch, people)
    torch.testing.assert_close(match, verdict.match_BK + 0.5 * own)
    torch.testing.assert_close(variety, verdict.variety_BK)


def test_gumbel_gives_the_generator_the_evaluators_gradient() -> None:
    gan = gan_of(loss={"gradient": "gumbel"})
    batch = batch_of(gan)
    tokens, _, noise = gan.written(batch, step())
    # Each token is the largest sum of logit and noise, as the soft words take it to be.
    h, _ = gan.generator(tokens, gan.task.grid(batch), batch["written"][1])
    largest = (gan.generator.logits(h) + noise).argmax(3)
    real = tokens != PAD
    assert torch.equal(largest[real], tokens[real])
    gan.evaluator.requires_grad_(False)
    loss = gan.generator_loss(batch, step())["objective"]
    expected = torch.nn.functional.softplus(-gan.evaluator(tokens, batch["grid"]).logits_BK).mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert gan.generator.output.weight.grad.abs().sum() > 0
    assert gan.generator.noise.weight.grad.abs().sum() > 0


def test_the_game_raises_the_rewarded_word() -> None:
    """A few steps towards an evaluator that likes one word."""
    gan = gan_of()
    batch = batch_of(gan, 4)
    word = 7
    gan.rewards = (
        lambda batch, tokens: (  # type: ignore[method-assign]
            (tokens == word).sum(2).float(),
            torch.zeros(tokens.shape[:2]),
        )
    )
    optimiser = torch.optim.Adam(gan.generator.parameters(), 0.03)
    counts = []
    for number in range(10):
        batch.pop("written", None)
        optimiser.zero_grad()
        gan.generator_loss(batch, Step(number, 12, Noise(number)))["policy"].backward()
        optimiser.step()
        counts.append((batch["written"][0] == word).sum().item())
    assert sum(counts[-2:]) > 4 * sum(counts[:2])


def test_nats_count_at_a_temperature() -> None:
    gan = gan_of()
    h, tokens = torch.randn(1, 1, 2, 16), torch.tensor([[[9, EOS]]])
    expected = -(gan.generator.logits(h) / 3).log_softmax(3).gather(3, tokens[..., None])[..., 0]
    torch.testing.assert_close(nll(gan.generator, h, tokens, temperature=3.0), expected)


def test_evaluation_of_an_untrained_model() -> None:
    gan = gan_of()
    networks = {name: network.eval() for name, network in gan.networks.items()}
    scores = gan.evaluate(networks, Noise(0))
    assert {"true", "cider", "wrong-cider", "div-2", "mbleu-4", "caption-recall@1"} <= set(scores)
    assert scores == gan.evaluate(networks, Noise(0))
    preview = gan.preview(networks, Noise(0))
    assert len(preview.texts) == 24 and preview.images.shape == (8, 3, 32, 32)
    assert preview.images.min() >= 0 and preview.images.max() <= 1


@pytest.mark.parametrize(
    ("sections", "problem"),
    [
        ({"data": {"size": 30}}, "multiple of 8"),
        ({"loss": {"gradient": "gumbel", "reward": "cider"}}, "no gradient flows from CIDEr"),
        ({"steps": {"language": 3}}, "go together"),
        ({"train": {"batch_size": 4, "accumulate": 4}}, "another picture of the batch"),
        ({"steps": {"mle": 0, "evaluator": 0, "adversarial": 0}}, "nothing would be trained"),
    ],
)
def test_recipes_that_make_no_sense(sections: dict[str, Any], problem: str) -> None:
    with pytest.raises(RecipeError, match=problem):
        make_recipe({"plugin": "captioning", **sections})
