"""A step of HiFi-GAN through the trainer against the same step written out by hand.

The hand-written step is that of the textbooks, in the order of the reference implementation: one
pass of the generator; the discriminators on real segments and on made ones; then on both again for
the generator, whose backward pass also computes the gradients of the discriminators' weights, only
to forget them. Periods are narrow pictures there. Both play V2's generator and the paper's
discriminators at half their width, on two segments of 8192 samples, on one thread, in turns of one
step. What counts is the median ratio of processor time, which other work hardly moves.

Ours is faster because the discriminators are frozen while the generator learns, and real features
are made without a graph: "plain, frozen" is the hand-written step with that one change, and it is
the whole difference in fp32, where ours also averages weights and watches for numbers that are not
finite. The rest is bf16, where the CPU has it. Columns in the batch are as fast as narrow pictures
in fp32, and an eighth faster in bf16.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

import multigan
from multigan.config.recipe import make_recipe
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.networks.periods import STRIDES, MultiPeriodDiscriminator
from multigan.plugins.audio.networks.scales import MultiScaleDiscriminator
from multigan.plugins.audio.vocoder.gan import VocoderGAN
from multigan.plugins.audio.vocoder.unlearned import without_learning
from multigan.plugins.audio.vocoder.variants import VARIANTS
from multigan.training.engine import Engine
from multigan.training.run import Run
from multigan.training.trainer import Trainer

pytestmark = pytest.mark.benchmark

TURNS = 5


def recipe(precision: str):  # type: ignore[no-untyped-def]
    return make_recipe(
        {
            "plugin": "audio",
            "method": "vocoder",
            "data": {"builtin_size": 4},
            "model": {"variant": "v2", "periods_width": 16, "scales_width": 64},
            "train": {
                "batch_size": 2, "precision": precision, "device": "cpu", "threads": 1,
                "log_every": 1000, "preview_every": 0, "checkpoint_every": 0,
            },
        }
    )  # fmt: skip


class PlainPeriods(nn.Module):
    """Periods as pictures of width p, each looked at in columns."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.periods = (2, 3, 5, 7, 11)
        widths = (1, width, 4 * width, 16 * width, 32 * width, 32 * width)
        self.judges = nn.ModuleList(
            nn.ModuleList(
                [
                    *(
                        weight_norm(nn.Conv2d(a, b, (5, 1), stride=(s, 1), padding=(2, 0)))
                        for a, b, s in zip(widths[:-1], widths[1:], STRIDES, strict=True)
                    ),
                    weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0))),
                ]
            )
            for _ in self.periods
        )

    def forward(self, x: Tensor) -> list[list[Tensor]]:
        judged = []
        for period, layers in zip(self.periods, self.judges, strict=True):
            h = F.pad(x[:, None], (0, -x.shape[1] % period), mode="reflect")
            h = h.view(len(x), 1, -1, period)
            features = []
            for layer in layers[:-1]:
                h = F.leaky_relu(layer(h), 0.1)
                features.append(h)
            judged.append([*features, layers[-1](h)])
        return judged


def by_hand(*, frozen: bool) -> Callable[[], None]:
    torch.manual_seed(0)
    given = recipe("fp32")
    data = VocoderGAN(given).data
    real = torch.stack([data[index]["waveform"] for index in range(2)])
    generator = HiFiGANGenerator(**given.model.generator)
    judges = nn.ModuleList([PlainPeriods(16), MultiScaleDiscriminator(width=64)])
    hear, compare = LogMel(given.mel), LogMel(given.mel.model_copy(update={"fmax": None}))
    generators, discriminators = (
        torch.optim.AdamW(net.parameters(), lr=2e-4, betas=(0.8, 0.99))
        for net in (generator, judges)
    )

    def judged(x: Tensor) -> list[list[Tensor]]:
        return [*itertools.chain(*(judge(x) for judge in judges))]

    def step() -> None:
        fake = generator(hear(real))
        discriminators.zero_grad()
        loss = torch.zeros(())
        for r, f in zip(judged(real), judged(fake.detach()), strict=True):
            loss = loss + (1 - r[-1]).square().mean() + f[-1].square().mean()
        loss.backward()
        discriminators.step()
        generators.zero_grad()
        judges.requires_grad_(not frozen)
        loss = 45 * F.l1_loss(compare(fake), compare(real))
        with torch.set_grad_enabled(not frozen):
            of_real = judged(real)
        for r, f in zip(of_real, judged(fake), strict=True):
            loss = loss + (1 - f[-1]).square().mean()
            loss = loss + 2 * sum(F.l1_loss(a, b) for a, b in zip(r, f, strict=True))
        loss.backward()
        generators.step()
        judges.requires_grad_(True)

    return step


def through_the_trainer(folder: Path, precision: str) -> Callable[[], None]:
    torch.manual_seed(0)
    given = recipe(precision)
    trainer = Trainer(VocoderGAN(given), given, engine=Engine(given.train), run=Run(folder))
    trainer._batches = trainer._make_batches()
    trainer.stage = 1

    def step() -> None:
        trainer._step()
        trainer._intervals(1_000_000)

    return step


def test_both_play_networks_of_one_size() -> None:
    ours, plain = MultiPeriodDiscriminator(width=16), PlainPeriods(16)
    counts = [sum(p.numel() for p in network.parameters()) for network in (ours, plain)]
    assert counts[0] == counts[1]


def test_a_step_is_faster_than_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    steps = {
        "plain": by_hand(frozen=False),
        "plain, frozen": by_hand(frozen=True),
        "fp32": through_the_trainer(tmp_path / "fp32", "fp32"),
    }
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        steps["bf16"] = through_the_trainer(tmp_path / "bf16", "bf16")
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(TURNS):
        for name, step in steps.items():
            started = time.process_time()
            step()
            if turn:
                times[name].append(time.process_time() - started)
    torch.set_num_threads(threads)
    ratios = {
        name: statistics.median(a / b for a, b in zip(times["plain"], times[name], strict=True))
        for name in steps
    }
    with capsys.disabled():
        print(f"\nHiFi-GAN: {statistics.median(times['plain']):.2f} s by hand;", end="")
        print("".join(f" {name}: {ratio:.2f} times;" for name, ratio in ratios.items()))
    assert ratios["fp32"] >= 1.2
    if "bf16" in ratios:
        assert ratios["bf16"] >= 1.3


def test_generators_are_faster_than_real_time(capsys: pytest.CaptureFixture[str]) -> None:
    factors = {
        name: speed(HiFiGANGenerator(mels=80, **sizes).eval().folded(), rate=22_050, frames=172)
        for name, sizes in VARIANTS.items()
    }
    tell("HiFi-GAN at 22,050 Hz", factors, capsys)
    assert factors["v1"] > 1
    assert factors["v3"] >= 15


def test_the_shipped_vocoder_is_faster_than_real_time(capsys: pytest.CaptureFixture[str]) -> None:
    """In processor time of one thread, beside what it is compared with on its card."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    pipe: Any = multigan.pipeline("vocoder-8khz")
    ways = {
        "vocoder": pipe.generator,
        "griffin-lim 32": without_learning(pipe, "griffin-lim", rounds=32).generator,
        "griffin-lim 100": without_learning(pipe, "griffin-lim", rounds=100).generator,
        "projection 144": without_learning(pipe, "projection", rounds=144).generator,
        "projection 400": without_learning(pipe, "projection", rounds=400).generator,
    }
    factors = {
        name: speed(way, rate=8000, frames=250, clock=time.process_time)
        for name, way in ways.items()
    }
    tell("8 kHz", factors, capsys)
    torch.set_num_threads(threads)
    assert factors["vocoder"] >= 5


def speed(
    generator: nn.Module,
    *,
    rate: int,
    frames: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Seconds of sound in a second: the best of five, of two seconds."""
    hop, bands = (256, 80) if rate == 22_050 else (64, 64)
    mels, seconds = torch.randn(1, bands, frames), []
    with torch.inference_mode():
        for _ in range(6):
            started = clock()
            generator(mels)
            seconds.append(clock() - started)
    return frames * hop / rate / min(seconds[1:])


def tell(what: str, factors: dict[str, float], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{what}, {torch.get_num_threads()} threads, seconds of sound a second:", end="")
        print("".join(f" {name}: {factor:.1f};" for name, factor in factors.items()))
