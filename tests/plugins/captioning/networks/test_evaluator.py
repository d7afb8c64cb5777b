from __future__ import annotations

import torch

from multigan.data.vocabulary import EOS, PAD
from multigan.plugins.captioning.networks.evaluator import KERNEL_SIZE, Evaluator

V, D = 9, 8


def evaluator(kernels: int = 3) -> Evaluator:
    torch.manual_seed(0)
    return Evaluator(
        vocabulary_size=V, features=D, embedding=6, hidden=8, heads=2, kernels=kernels
    ).eval()


TOKENS = torch.tensor(
    [
        [[4, 5, EOS, 0], [6, EOS, 0, 0], [4, 5, EOS, 0]],
        [[7, 8, 4, EOS], [5, EOS, 0, 0], [6, 6, EOS, 0]],
    ]
)


def test_a_match_is_of_one_caption_and_one_picture() -> None:
    judge, grid = evaluator(), torch.randn(2, 5, D)
    match = judge(TOKENS, grid).match_BK
    for b in range(2):
        for k in range(3):
            row = TOKENS[b, k][TOKENS[b, k] != PAD]  # and pads are not read
            alone = judge(row[None, None], grid[b : b + 1])
            torch.testing.assert_close(alone.match_BK[0, 0], match[b, k])
            assert alone.variety_BK.item() == 0
    assert (match - judge(TOKENS, grid.flip(0)).match_BK).abs().min() > 1e-6


def test_the_end_of_a_caption_counts() -> None:
    judge, grid = evaluator(), torch.randn(1, 5, D)
    ended, cut = torch.tensor([[[4, 5, EOS]]]), torch.tensor([[[4, 5, PAD]]])
    assert not torch.isclose(judge(ended, grid).match_BK, judge(cut, grid).match_BK)


def test_rolled_captions_are_those_of_the_picture_before() -> None:
    judge, grid = evaluator(), torch.randn(2, 5, D)
    rolled = judge.judge(judge.read(TOKENS).roll(), grid)
    torch.testing.assert_close(rolled.match_BK, judge(TOKENS.roll(1, 0), grid).match_BK)


def test_variety_by_its_definition() -> None:
    judge, grid = evaluator(), torch.randn(2, 5, D)
    verdict = judge(TOKENS, grid)
    read = judge.read(TOKENS)
    for b in range(2):
        last = [read.states_BKLH[b, k, read.last_BK[b, k]] for k in range(3)]
        m = [judge.kernels(state).view(3, KERNEL_SIZE) for state in last]
        for k in range(3):
            near = [torch.exp(-(m[k] - m[j]).abs().sum(1)) for j in range(3) if j != k]
            expected = judge.variety(torch.stack(near).mean(0))
            torch.testing.assert_close(verdict.variety_BK[b, k], expected[0])
    twins = judge(TOKENS[:1, [0, 2]], grid[:1])  # the same sentence twice: as near as can be
    expected = judge.variety(torch.ones(3))[0]
    torch.testing.assert_close(twins.variety_BK, expected.expand(1, 2))


def test_without_kernels_the_others_do_not_matter() -> None:
    judge, grid = evaluator(kernels=0), torch.randn(2, 5, D)
    assert not judge(TOKENS, grid).variety_BK.any()


def test_soft_words_give_a_gradient_and_change_nothing() -> None:
    judge, grid = evaluator(), torch.randn(2, 5, D)
    real = TOKENS != PAD
    soft = torch.rand(int(real.sum()), V, requires_grad=True)
    verdict = judge(TOKENS, grid, soft)
    torch.testing.assert_close(verdict.logits_BK, judge(TOKENS, grid).logits_BK)
    verdict.logits_BK[0].sum().backward()
    assert soft.grad is not None
    first = int(real[0].sum())
    assert soft.grad[:first].abs().sum(1).min() > 0 and not soft.grad[first:].any()
