"""A step of CycleGAN through the trainer against the same step written out by hand.

The hand-written step is that of the textbooks, in the order of the reference implementation: both
translations, both ways back, both identities, one backward pass for the generators; then each
discriminator on reals and on fakes, frozen in between. Both play the paper's networks on a batch of
one, on one thread, in turns of one step. What counts is the median ratio of processor time, which
other work hardly moves.

Nearly all of a step are convolutions that both must compute, so in fp32 the two are at par; ours
is faster where the CPU has bf16 arithmetic, the precision that recipes/cyclegan.yaml asks for. The
layout channels_last goes with it: in fp32 it makes these convolutions slower, and instance
normalisation copies out of it and back. Ours also averages the generators' weights, keeps a pool of
fakes and watches for numbers that are not finite.
"""

from __future__ import annotations

import itertools
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.nn.functional import l1_loss, mse_loss

from multigan.config.recipe import make_recipe
from multigan.plugins.translation.cyclegan.gan import CycleGAN
from multigan.plugins.translation.networks import PatchDiscriminator, ResnetGenerator
from multigan.training.engine import Engine
from multigan.training.run import Run
from multigan.training.trainer import Trainer

pytestmark = pytest.mark.benchmark


def by_hand(size: int) -> Callable[[], None]:
    torch.manual_seed(0)
    a, b = (torch.rand(1, 3, size, size) * 2 - 1 for _ in range(2))
    ab, ba = ResnetGenerator(), ResnetGenerator()
    judge_a, judge_b = PatchDiscriminator(), PatchDiscriminator()
    generators, discriminators = (
        torch.optim.Adam(
            itertools.chain(*(net.parameters() for net in nets)), lr=2e-4, betas=(0.5, 0.999)
        )
        for nets in ((ab, ba), (judge_a, judge_b))
    )

    def towards(logits: torch.Tensor, label: float) -> torch.Tensor:
        return mse_loss(logits, torch.full_like(logits, label))

    def step() -> None:
        fake_b, fake_a = ab(a), ba(b)
        back_a, back_b = ba(fake_b), ab(fake_a)
        for judge in (judge_a, judge_b):
            judge.requires_grad_(False)
        generators.zero_grad()
        loss = towards(judge_b(fake_b), 1) + towards(judge_a(fake_a), 1)
        loss = loss + 10 * (l1_loss(back_a, a) + l1_loss(back_b, b))
        loss = loss + 5 * (l1_loss(ab(b), b) + l1_loss(ba(a), a))
        loss.backward()
        generators.step()
        for judge in (judge_a, judge_b):
            judge.requires_grad_(True)
        discriminators.zero_grad()
        for judge, real, fake in ((judge_a, a, fake_a), (judge_b, b, fake_b)):
            (0.5 * (towards(judge(real), 1) + towards(judge(fake.detach()), 0))).backward()
        discriminators.step()

    return step


def through_the_trainer(folder: Path, size: int, precision: str) -> Callable[[], None]:
    recipe = make_recipe(
        {
            "plugin": "translation",
            "method": "cyclegan",
            "data": {"size": size, "resize": size, "builtin_size": 4},
            "train": {
                "batch_size": 1, "precision": precision, "device": "cpu", "threads": 1,
                "channels_last": precision == "bf16", "log_every": 1000, "preview_every": 0,
                "checkpoint_every": 0,
            },
        }
    )  # fmt: skip
    torch.manual_seed(0)
    trainer = Trainer(CycleGAN(recipe), recipe, engine=Engine(recipe.train), run=Run(folder))
    trainer._batches = trainer._make_batches()

    def step() -> None:
        trainer._step()
        trainer._intervals(1_000_000)

    return step


def test_both_play_the_networks_of_the_paper() -> None:
    for network, count in ((ResnetGenerator, 11_378_179), (PatchDiscriminator, 2_764_737)):
        assert sum(p.numel() for p in network().parameters()) == count


@pytest.mark.parametrize(("size", "turns"), [(64, 7), (256, 2)])
def test_a_step_is_faster_than_by_hand(
    size: int, turns: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    steps = {"by hand": by_hand(size), "fp32": through_the_trainer(tmp_path / "fp32", size, "fp32")}
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        steps["bf16"] = through_the_trainer(tmp_path / "bf16", size, "bf16")
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(turns):
        for name, step in steps.items():
            started = time.process_time()
            step()
            if turn:
                times[name].append(time.process_time() - started)
    torch.set_num_threads(threads)
    ratios = {
        name: statistics.median(a / b for a, b in zip(times["by hand"], times[name], strict=True))
        for name in steps
        if name != "by hand"
    }
    with capsys.disabled():
        print(
            f"\nCycleGAN {size}x{size}: {statistics.median(times['by hand']):.2f} s by hand;",
            end="",
        )
        print("".join(f" {name}: {value:.2f} times faster" for name, value in ratios.items()))
    assert ratios["fp32"] >= 0.9
    if "bf16" in ratios:
        assert ratios["bf16"] >= 1.3


def test_a_step_takes_no_more_memory(capsys: pytest.CaptureFixture[str]) -> None:
    size = 256
    peaks = {}
    for name in ("by hand", "fp32", "bf16"):
        done = subprocess.run(
            [sys.executable, __file__, name, str(size)], capture_output=True, text=True, check=True
        )
        peaks[name] = int(done.stdout.splitlines()[-1]) / 1024
    with capsys.disabled():
        print(f"\nCycleGAN {size}x{size}, peak:", end="")
        print("".join(f" {name}: {value:.0f} MB" for name, value in peaks.items()))
    assert peaks["fp32"] < 1.05 * peaks["by hand"]
    assert peaks["bf16"] < peaks["by hand"]


def main() -> None:
    """Prints the peak memory, in KiB, of a process of its own that plays two steps."""
    name, size = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = by_hand(size) if name == "by hand" else through_the_trainer(Path(folder), size, name)
        for _ in range(2):
            made()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


if __name__ == "__main__":
    main()
