"""The adversarial step against that of the classic algorithm, in one run, on the same networks.

Dai et al. 2017 complete each beginning of a caption K times and take the mean verdict on them for
what its last word is worth: K T^2 / 2 steps of the generator and K T verdicts a caption, where we
draw a caption once and compare it with the others of its picture.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from multigan.config.recipe import make_recipe
from multigan.data.vocabulary import EOS, PAD
from multigan.plugins.captioning.gan import CaptionGAN
from multigan.plugins.captioning.task import nll
from multigan.plugins.captioning.writing import by_chance, write
from multigan.training.phases import Batch, Noise, Step

pytestmark = pytest.mark.benchmark

PICTURES, ROLLOUTS, TURNS = 16, 5, 3


def classic_loss(gan: CaptionGAN, batch: Batch, step: Step) -> Tensor:
    """A caption of each picture, and the mean verdict on ROLLOUTS completions of each prefix."""
    task, B = gan.task, PICTURES
    grid_BND = task.grid(batch)
    latents_B1Z = task.latents(B, 1, step.noise)
    by_luck = by_chance(step.noise.uniform(B, 1, task.length))
    tokens_B1L = write(gan.generator, grid_BND, latents_B1Z, by_luck, length=task.length)
    rewards_B1L = torch.zeros(tokens_B1L.shape)
    latents_BKZ = latents_B1Z.expand(-1, ROLLOUTS, -1)
    for t in range(1, int((tokens_B1L != PAD).sum(2).max()) + 1):
        draw = by_chance(step.noise.uniform(B, ROLLOUTS, task.length))

        def go_on(logits: Tensor, position: int, t: int = t, draw: Callable = draw) -> Tensor:
            given = tokens_B1L[:, :, position].expand(-1, ROLLOUTS)
            ended = (tokens_B1L[:, :, :position] == EOS).any(2).expand(-1, ROLLOUTS)
            return given if position < t else torch.where(ended, PAD, draw(logits, position))

        completed = write(gan.generator, grid_BND, latents_BKZ, go_on, length=task.length)
        with torch.no_grad():
            verdicts_BK = gan.evaluator(completed, grid_BND).match_BK.sigmoid()
        rewards_B1L[:, :, t - 1] = verdicts_BK.mean(1, keepdim=True)
    h, _ = gan.generator(tokens_B1L, grid_BND, latents_B1Z)
    return (nll(gan.generator, h, tokens_B1L) * rewards_B1L).sum() / B


def test_step_of_the_game(capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    gan = CaptionGAN(make_recipe({"plugin": "captioning", "data": {"builtin_size": 100}}))  # type: ignore[arg-type]
    # Captions of the usual length: an untrained generator would hardly ever end one.
    gan.generator.output.bias.data[EOS] = 1.9
    samples = [gan.dataset()[i] for i in range(PICTURES)]
    optimiser = torch.optim.Adam(gan.generator.parameters(), 1e-5)
    gan.evaluator.requires_grad_(False)

    def seconds(loss: Callable[[Batch, Step], Tensor], seed: int) -> float:
        batch = {name: torch.stack([s[name] for s in samples]) for name in samples[0]}
        started = time.process_time()
        optimiser.zero_grad()
        loss(batch, Step(0, 1, Noise(seed))).backward()
        optimiser.step()
        return time.process_time() - started

    def ours(batch: Batch, step: Step) -> Tensor:
        return gan.generator_loss(batch, step)["policy"]

    def classic(batch: Batch, step: Step) -> Tensor:
        return classic_loss(gan, batch, step)

    seconds(ours, 0)
    times = [(seconds(ours, turn), seconds(classic, turn)) for turn in range(TURNS)]
    torch.set_num_threads(threads)
    mine, theirs = (min(column) for column in zip(*times, strict=True))
    captions = gan.loss.captions
    with capsys.disabled():
        print(
            f"\ngenerator step on {PICTURES} pictures: {mine:.2f} CPU-s with {captions} captions "
            f"each; one caption each with {ROLLOUTS} rollouts a word {theirs:.2f} CPU-s: "
            f"{theirs / mine:.1f} times faster"
        )
    assert theirs / mine >= 3
