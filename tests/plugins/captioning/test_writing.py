from __future__ import annotations

import itertools

import torch

from multigan.data.vocabulary import BOS, EOS, PAD
from multigan.plugins.captioning.networks.lstm import AttentionGenerator
from multigan.plugins.captioning.task import nll
from multigan.plugins.captioning.writing import beam_search, by_chance, by_gumbel, gumbel, write

V, D, Z = 7, 8, 2  # three words


def generator() -> AttentionGenerator:
    torch.manual_seed(3)
    made = AttentionGenerator(
        vocabulary_size=V, features=D, embedding=6, hidden=10, heads=2, latents=Z
    ).eval()
    made.output.weight.data.mul_(4)  # sharp enough for draws to differ from a uniform one
    return made


def log_probabilities(made: AttentionGenerator, tokens_BKL: torch.Tensor, grid: torch.Tensor):
    latents = torch.zeros(*tokens_BKL.shape[:2], Z)
    return -nll(made, made(tokens_BKL, grid, latents)[0], tokens_BKL).sum(2)


def every_caption(length: int) -> torch.Tensor:
    """All captions of at most `length` tokens: ended ones, and those that fill their place."""
    rows = []
    for words in range(length + 1):
        for caption in itertools.product((4, 5, 6), repeat=words):
            end = [EOS] if words < length else []
            rows.append([*caption, *end, *[PAD] * (length - words - len(end))])
    return torch.tensor(rows)[None]


@torch.no_grad()
def test_captions_are_drawn_as_often_as_they_are_likely() -> None:
    made, grid = generator(), torch.randn(1, 4, D)
    captions = every_caption(2)
    chances = log_probabilities(made, captions, grid)[0].exp()
    torch.testing.assert_close(chances.sum(), torch.tensor(1.0))
    K = 20_000
    latents = torch.zeros(1, K, Z)
    for choose in (
        by_chance(torch.rand(1, K, 2)),
        by_gumbel(gumbel(torch.rand(1, K, 2, V))),
    ):
        drawn = write(made, grid, latents, choose, length=2)[0]
        shares = (drawn[:, None] == captions).all(2).float().mean(0)
        assert (shares - chances).abs().max() < 0.015


@torch.no_grad()
def test_temperature_divides_the_logits() -> None:
    made, grid = generator(), torch.randn(1, 4, D)
    made.output.weight.data.div_(0.5)
    made.output.bias.data.div_(0.5)
    uniforms = torch.rand(1, 500, 3)
    cold = write(made, grid, torch.zeros(1, 500, Z), by_chance(uniforms), length=3)
    made.output.weight.data.mul_(0.5)
    made.output.bias.data.mul_(0.5)
    halved = by_chance(uniforms, temperature=0.5)
    assert torch.equal(write(made, grid, torch.zeros(1, 500, Z), halved, length=3), cold)


def test_extreme_uniforms_pick_possible_tokens() -> None:
    logits = torch.full((1, 2, V), float("-inf"))
    logits[..., 4:6] = 0.0
    choose = by_chance(torch.tensor([[[0.0], [1.0 - 2**-24]]]))
    assert choose(logits, 0).tolist() == [[4, 5]]


@torch.no_grad()
def test_nothing_follows_the_end() -> None:
    made, grid = generator(), torch.randn(3, 4, D)
    drawn = write(made, grid, torch.zeros(3, 50, Z), by_chance(torch.rand(3, 50, 6)), length=6)
    for row in drawn.flatten(0, 1).tolist():
        body = row[: row.index(EOS)] if EOS in row else row
        assert BOS not in row and PAD not in body
        assert not any(row[len(body) + 1 :])


@torch.no_grad()
def test_a_wide_beam_finds_the_likeliest_captions() -> None:
    made, grid = generator(), torch.randn(2, 4, D)
    captions = every_caption(3)
    for beams in (5, 40):  # 40 are all there are
        found, scores = beam_search(made, grid, torch.zeros(2, Z), beams=beams, length=3)
        for b in range(2):
            chances = log_probabilities(made, captions, grid[b : b + 1])[0]
            best = chances.sort(descending=True)
            if beams == 40:
                torch.testing.assert_close(scores[b], best.values)
                assert torch.equal(found[b, 0], captions[0, best.indices[0]])
            assert (scores[b].diff() <= 0).all()
            own = log_probabilities(made, found[b : b + 1], grid[b : b + 1])[0]
            torch.testing.assert_close(scores[b], own)


@torch.no_grad()
def test_a_beam_of_one_takes_the_likeliest_word() -> None:
    made, grid = generator(), torch.randn(4, 4, D)
    greedy = write(
        made, grid, torch.zeros(4, 1, Z), by_chance(torch.empty(0), temperature=0), length=5
    )
    found, _ = beam_search(made, grid, torch.zeros(4, Z), beams=1, length=5)
    assert torch.equal(found, greedy)
