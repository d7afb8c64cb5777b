"""A step of MoCoGAN through the trainer against the textbook's step written out by hand.

The textbook's is that of the authors' code, in its order and with its draws: the judge of frames
gets frames of its own, for which twice as many clips as wanted frames are unrolled over all times
and one frame of each is kept; the judge of clips gets other clips; and the generator draws both
anew. Real and fake go through the judges in passes of their own. It is measured with the paper's
networks (three-dimensional convolutions, batch normalisation in both judges), and a second time
with ours, which leaves the step alone.

Batches of 4 clips of 16 frames, 64x64, on one thread, in turns of one step. What counts is the
median ratio of processor time, which other work hardly moves. Ours also averages the generator's
weights and watches for numbers that are not finite.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from multigan.config.recipe import make_recipe
from multigan.plugins.video.mocogan.gan import MoCoGAN
from multigan.plugins.video.networks.discriminators import ClipDiscriminator, FrameDiscriminator
from multigan.plugins.video.networks.generator import VideoGenerator
from multigan.training.engine import Engine
from multigan.training.run import Run
from multigan.training.trainer import Trainer

pytestmark = pytest.mark.benchmark

B, T, SIZE, KINDS, CONTENT, MOTION = 4, 16, 64, 9, 50, 10
TURNS = 2


class TextbookJudge(nn.Module):
    """The paper's judge of frames or of clips; its clips are not padded in time."""

    def __init__(self, *, clips: bool) -> None:
        super().__init__()
        kind, norm = (nn.Conv3d, nn.BatchNorm3d) if clips else (nn.Conv2d, nn.BatchNorm2d)
        stride, padding = ((1, 2, 2), (0, 1, 1)) if clips else (2, 1)
        layers: list[nn.Module] = []
        for level, (before, after) in enumerate(pairwise([3, 64, 128, 256])):
            layers += [kind(before, after, 4, stride, padding, bias=False)]
            layers += [norm(after)] if level else []
            layers += [nn.LeakyReLU(0.2)]
        layers += [kind(256, 1 + KINDS if clips else 1, 4, stride, padding, bias=False)]
        self.layers, self.clips = nn.Sequential(*layers), clips

    def forward(self, x: Tensor, _: Tensor | None = None) -> Tensor:
        return self.layers(x.transpose(1, 2) if self.clips else x).flatten(2).mean(2)


def by_hand(frames: nn.Module, clips: nn.Module) -> Callable[[], None]:
    """The textbook's step with these judges."""
    torch.manual_seed(0)
    generator = VideoGenerator(content=CONTENT, motion=MOTION, noise=MOTION, categories=KINDS)
    players = {"g": generator, "frames": frames, "clips": clips}
    optimizers = {
        name: torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), weight_decay=1e-5)
        for name, net in players.items()
    }
    real, labels = torch.rand(B, T, 3, SIZE, SIZE) * 2 - 1, torch.randint(KINDS, (B,))
    rows = torch.arange(B)

    def make_clips() -> tuple[Tensor, Tensor]:
        kinds = torch.randint(KINDS, (B,))
        made = generator(torch.randn(B, CONTENT), torch.randn(B, T + 1, MOTION), kinds)
        return made, kinds

    def make_frames() -> Tensor:
        # Unrolled for B * T * 2 clips, of which B frames are kept.
        many = B * T * 2
        kinds = torch.randint(KINDS, (many,))
        states = generator.motion(torch.randn(many, T + 1, MOTION), kinds)
        kept = torch.randperm(many)[:B]
        chosen = states[kept, torch.randint(T, (B,))][:, None]
        return generator.painter(torch.randn(B, CONTENT), chosen)[:, 0]

    def learn(name: str, loss: Tensor) -> None:
        for net in players.values():
            net.zero_grad()
        loss.backward()
        optimizers[name].step()

    def step() -> None:
        fake = make_frames().detach()
        told = frames(real[rows, torch.randint(T, (B,))]), frames(fake)
        learn("frames", softplus(-told[0]).mean() + softplus(told[1]).mean())
        fake = make_clips()[0].detach()
        told = clips(real), clips(fake)
        loss = softplus(-told[0][:, :1]).mean() + softplus(told[1][:, :1]).mean()
        learn("clips", loss + cross_entropy(told[0][:, 1:], labels))
        verdict = frames(make_frames())
        made, kinds = make_clips()
        told_fake = clips(made)
        loss = softplus(-verdict).mean() + softplus(-told_fake[:, :1]).mean()
        learn("g", loss + cross_entropy(told_fake[:, 1:], kinds))

    return step


def through_the_trainer(folder: Path, precision: str) -> Callable[[], None]:
    recipe = make_recipe(
        {
            "plugin": "video",
            "method": "mocogan",
            "data": {"size": SIZE, "frames": T, "builtin_size": B},
            "model": {
                "labels": "classifier", "content": CONTENT, "motion": MOTION,
                "motion_noise": MOTION,
            },
            "train": {
                "batch_size": B, "precision": precision, "device": "cpu", "threads": 1,
                "log_every": 1000, "preview_every": 0, "checkpoint_every": 0,
            },
        }
    )  # fmt: skip
    torch.manual_seed(0)
    trainer = Trainer(MoCoGAN(recipe), recipe, engine=Engine(recipe.train), run=Run(folder))
    trainer._batches = trainer._make_batches()

    def step() -> None:
        trainer._step()
        trainer._intervals(1_000_000)

    return step


def test_a_step_is_faster_than_the_textbooks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    ours = FrameDiscriminator(), ClipDiscriminator(classes=KINDS, labels="classifier")
    steps = {
        "textbook": by_hand(TextbookJudge(clips=False), TextbookJudge(clips=True)),
        "textbook's step, our judges": by_hand(*ours),
        "fp32": through_the_trainer(tmp_path / "fp32", "fp32"),
    }
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        steps["bf16"] = through_the_trainer(tmp_path / "bf16", "bf16")
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(TURNS + 1):
        for name, step in steps.items():
            started = time.process_time()
            step()
            if turn:  # the first one also allocates, and decodes the clips
                times[name].append(time.process_time() - started)
    torch.set_num_threads(threads)
    medians = {name: statistics.median(spent) for name, spent in times.items()}
    with capsys.disabled():
        print(f"\nMoCoGAN {B} clips of {T}x{SIZE}x{SIZE}, processor seconds a step:")
        for name, spent in medians.items():
            faster = statistics.median(
                a / b for a, b in zip(times["textbook"], times[name], strict=True)
            )
            print(f"  {name:<28} {spent:.2f}  {faster:.2f} times as fast as the textbook")
    assert medians["textbook"] / medians["fp32"] >= 1.5
    assert medians["textbook's step, our judges"] / medians["fp32"] >= 1.0
    if "bf16" in medians:
        assert medians["textbook"] / medians["bf16"] >= 2.5
