"""SeqGAN's generator step against the textbook's: at least four times faster on one thread.

The textbook completes each prefix of a batch anew for each rollout: the LSTM reads the prefix, then
draws word by word with ``multinomial``; the discriminator scores each batch of completions. Both
play with the same networks at the sizes of the synthetic task: 5,000 words, 20 a sentence, 64
sentences, 16 rollouts. What counts is the ratio of processor time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from multigan.config.recipe import load_recipe
from multigan.data.vocabulary import BOS
from multigan.plugins.text.likelihood import nll
from multigan.plugins.text.seqgan import SeqGAN
from multigan.training.phases import Noise, Step

pytestmark = pytest.mark.benchmark

B, L, N = 64, 20, 16
TURNS = 2


def gan_of() -> SeqGAN:
    sizes = ["data.oracle.sentences=640", "loss.rollout_average=0"]
    torch.manual_seed(0)
    return SeqGAN(load_recipe("seqgan-oracle", sizes))  # type: ignore[arg-type]


@torch.no_grad()
def textbook_sample(gan: SeqGAN, prefix_BT: Tensor) -> Tensor:
    """Sentences (B, L) that begin with a prefix, which is read from its first word on."""
    generator, theme = gan.generator, torch.zeros(len(prefix_BT), 0)
    state, token = generator.start(theme), torch.full((len(prefix_BT),), BOS)
    words = [prefix_BT[:, t] for t in range(prefix_BT.shape[1])]
    for position in range(L):
        features, state = generator.advance(token, theme, state)
        if position < prefix_BT.shape[1]:
            token = prefix_BT[:, position]
            continue
        chances = generator.logits(features).log_softmax(1).exp()
        token = chances.multinomial(1)[:, 0]
        words.append(token)
    return torch.stack(words, dim=1)


def textbook_step(gan: SeqGAN) -> Tensor:
    """Rollouts of every prefix one after the other; the reward of word t is in column t."""
    tokens_BL = textbook_sample(gan, torch.empty(B, 0, dtype=torch.long))
    gan.discriminator.eval()
    rewards_BL = torch.zeros(B, L)
    with torch.no_grad():
        for _ in range(N):
            for t in range(1, L + 1):
                completed = textbook_sample(gan, tokens_BL[:, :t]) if t < L else tokens_BL
                rewards_BL[:, t - 1] += gan.discriminator.sentence(completed).sigmoid() / N
    gan.discriminator.train()
    return (nll(gan.generator, tokens_BL, torch.zeros(B, 0)) * rewards_BL).sum()


def seconds(step: Callable[[], Tensor], optimiser: torch.optim.Optimizer) -> float:
    started = time.process_time()
    optimiser.zero_grad()
    step().backward()
    optimiser.step()
    return time.process_time() - started


def test_generator_step(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gan = gan_of()
    gan.discriminator.requires_grad_(False)
    batch = gan.dataset().batch(torch.arange(B))
    optimiser = torch.optim.Adam(gan.generator.parameters(), 1e-4)

    def ours() -> Tensor:
        return gan.generator_loss(batch, Step(0, 1, Noise(0)))["policy"]

    seconds(ours, optimiser)
    times = [(seconds(ours, optimiser), seconds(lambda: textbook_step(gan), optimiser))
             for _ in range(TURNS)]  # fmt: skip
    torch.set_num_threads(threads)
    mine, textbook = (min(column) for column in zip(*times, strict=True))
    drawn = B * N * L * (L - 1) / 2 + B * L
    with capsys.disabled():
        print(
            f"\ngenerator step with {N} rollouts: {mine:.1f} CPU-s ({drawn / mine:,.0f} tokens/s), "
            f"textbook {textbook:.1f} CPU-s: {textbook / mine:.1f} times faster"
        )
    assert textbook / mine >= 4


def test_adversarial_round_at_the_papers_scale(capsys: pytest.CaptureFixture[str]) -> None:
    """One generator step and 15 epochs of the discriminator, from the time of a few updates."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gan = gan_of()
    batch = gan.dataset().batch(torch.arange(B))
    judging = torch.optim.Adam(gan.discriminator.parameters(), 1e-4, fused=True)
    writing = torch.optim.Adam(gan.generator.parameters(), 1e-4, fused=True)

    def judge() -> Tensor:
        return sum(gan.discriminator_loss(batch, Step(0, 1, Noise(0))).values())  # type: ignore

    gan.generator.requires_grad_(False)
    seconds(judge, judging)
    update = sorted(seconds(judge, judging) for _ in range(9))[4]
    gan.generator.requires_grad_(True)
    gan.discriminator.requires_grad_(False)
    step = seconds(lambda: gan.generator_loss(batch, Step(0, 1, Noise(0)))["policy"], writing)
    torch.set_num_threads(threads)
    repeat = gan.loss.discriminator_steps
    with capsys.disabled():
        print(
            f"\na round of the paper: generator {step:.1f} CPU-s, discriminator {repeat} updates "
            f"of 128 sentences at {1000 * update:.0f} CPU-ms: {step + repeat * update:.0f} CPU-s"
        )
    assert step + repeat * update < 700  # TextGAN-PyTorch's, for as many sentences
