from __future__ import annotations

import torch

from multigan.data.vocabulary import EOS, PAD
from multigan.plugins.captioning.networks.evaluator import KERNEL_SIZE, Evaluator
from multigan.plugins.captioning.networks.lstm import AttentionGenerator

V, D = 9, 8
SIZES = {"vocabulary_size": V, "features": D, "embedding": 6, "hidden": 8, "heads": 2, "latents": 3}


def evaluator(kernels: int = 3) -> Evaluator:
    torch.manual_seed(0)
    return Evaluator(**SIZES, summary=8, kernels=kernels).eval()


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


def test_it_can_learn_to_read_from_a_generator() -> None:
    """What the second LSTM is told of a word is how likely the generator itself finds it."""
    torch.manual_seed(1)
    writer, judge = AttentionGenerator(**SIZES).eval(), evaluator()
    judge.reader.load_state_dict(writer.state_dict())
    judge.compare.weight.data.zero_()
    judge.compare.bias.data.zero_()
    judge.compare.weight.data[0, -1] = -1.0  # relu(-log p)
    grid, heard = torch.randn(2, 5, D), []
    judge.summary.register_forward_hook(lambda module, inputs, output: heard.append(inputs[0]))
    judge(TOKENS, grid)
    h, _ = writer(TOKENS, grid, torch.zeros(2, 3, 3))
    logs = writer.output(h).log_softmax(3).gather(3, TOKENS[..., None])[..., 0]
    expected = torch.where(TOKENS != PAD, -logs, 0.0)
    torch.testing.assert_close(heard[0][:, :, 0].view_as(expected), expected)


def test_variety_by_its_definition() -> None:
    judge, grid = evaluator(), torch.randn(2, 5, D)
    heard: list[torch.Tensor] = []
    assert judge.kernels is not None and judge.variety is not None
    judge.kernels.register_forward_hook(lambda module, inputs, output: heard.append(output))
    variety = judge(TOKENS, grid).variety_BK
    m = heard[0].view(2, 3, 3, KERNEL_SIZE)
    for b in range(2):
        for k in range(3):
            near = [torch.exp(-(m[b, k] - m[b, j]).abs().sum(1)) for j in range(3) if j != k]
            expected = judge.variety(torch.stack(near).mean(0))
            torch.testing.assert_close(variety[b, k], expected[0])
    twins = judge(TOKENS[:1, [0, 2]], grid[:1])  # the same caption twice: as near as can be
    expected = judge.variety(torch.ones(3))[0]
    torch.testing.assert_close(twins.variety_BK, expected.expand(1, 2))


def test_without_kernels_the_others_do_not_matter() -> None:
    judge, grid = evaluator(kernels=0), torch.randn(2, 5, D)
    assert not judge(TOKENS, grid).variety_BK.any()


def test_soft_words_give_a_gradient_and_change_nothing() -> None:
    judge, grid = evaluator(), torch.randn(2, 5, D)
    real = TOKENS != PAD
    soft = torch.rand(int(real.sum()), V).softmax(1).requires_grad_()
    verdict = judge(TOKENS, grid, soft)
    torch.testing.assert_close(verdict.logits_BK, judge(TOKENS, grid).logits_BK)
    verdict.logits_BK[0].sum().backward()
    assert soft.grad is not None
    first = int(real[0].sum())
    assert soft.grad[:first].abs().sum(1).min() > 0 and not soft.grad[first:].any()
