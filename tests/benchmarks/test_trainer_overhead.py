"""What the trainer costs beside a loop that is written out for one GAN: under 5 %.

Both play the same convolutional GAN on batches of one size on one thread, in turns of a few steps.
What counts is the median ratio of processor time, which other work on the machine hardly moves.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.config.recipe import Recipe
from multigan.config.sections import EMAConfig, OptimizerConfig, Section, TrainConfig
from multigan.losses.adversarial import discriminator_loss, generator_loss
from multigan.training.engine import Engine
from multigan.training.phases import Batch, Losses, Phase, Preview, Stage, Step
from multigan.training.run import Run
from multigan.training.trainer import Trainer

pytestmark = pytest.mark.benchmark

BATCH, LATENTS, TURNS, STEPS = 32, 32, 40, 4


class Optimizers(Section):
    generator: OptimizerConfig = OptimizerConfig()
    discriminator: OptimizerConfig = OptimizerConfig()


class ConvRecipe(Recipe):
    optimizers: Optimizers = Optimizers()


class Pictures(Dataset[dict[str, Tensor]]):
    def __init__(self) -> None:
        self.pictures = torch.rand(512, 3, 32, 32)

    def __len__(self) -> int:
        return len(self.pictures)

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        return {"image": self.pictures[indices]}


def generator() -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENTS, 64 * 64), nn.Unflatten(1, (64, 8, 8)), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        nn.ConvTranspose2d(32, 3, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def discriminator() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 64, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64 * 64, 1),
    )  # fmt: skip


class ConvGAN:
    def __init__(self) -> None:
        torch.manual_seed(0)
        self.networks = nn.ModuleDict({"generator": generator(), "discriminator": discriminator()})
        self.memory = nn.ModuleDict()
        self.groups = {"generator": ("generator",), "discriminator": ("discriminator",)}
        self.averaged = ("generator",)

    def stages(self) -> tuple[Stage, ...]:
        phases = (
            Phase("discriminator", "discriminator", self.discriminator),
            Phase("generator", "generator", self.generator, fresh=False),
        )
        return (Stage("game", 10_000, phases),)

    def dataset(self) -> Dataset[Any]:
        return Pictures()

    def discriminator(self, batch: Batch, step: Step) -> Losses:
        with torch.no_grad():
            fake = self.networks["generator"](step.noise.normal(BATCH, LATENTS))
        play = self.networks["discriminator"]
        loss = discriminator_loss("non-saturating", play(batch["image"]), play(fake))
        return {"adversarial": loss}

    def generator(self, batch: Batch, step: Step) -> Losses:
        fake = self.networks["generator"](step.noise.normal(BATCH, LATENTS))
        return {
            "adversarial": generator_loss("non-saturating", self.networks["discriminator"](fake))
        }

    def preview(self, networks: Any, noise: Any) -> Preview:
        return Preview()

    def evaluate(self, networks: Any, noise: Any) -> dict[str, float]:
        return {}

    def model(self) -> dict[str, Any]:
        return {"networks": ["generator"]}


def hand_written() -> Any:
    """The loop that one would write without multigan, with the same optimisers and average."""
    torch.manual_seed(0)
    make, judge = generator(), discriminator()
    pictures = Pictures().pictures
    options: dict[str, Any] = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": True}
    g_opt = torch.optim.Adam(make.parameters(), **options)
    d_opt = torch.optim.Adam(judge.parameters(), **options)
    average = [parameter.detach().clone() for parameter in make.parameters()]
    values = [parameter.detach() for parameter in make.parameters()]

    def step() -> None:
        real = pictures[torch.randint(len(pictures), (BATCH,))]
        with torch.no_grad():
            fake = make(torch.randn(BATCH, LATENTS))
        judge.requires_grad_(True)
        d_opt.zero_grad(set_to_none=True)
        discriminator_loss("non-saturating", judge(real), judge(fake)).backward()
        d_opt.step()
        judge.requires_grad_(False)
        g_opt.zero_grad(set_to_none=True)
        generator_loss("non-saturating", judge(make(torch.randn(BATCH, LATENTS)))).backward()
        g_opt.step()
        torch._foreach_lerp_(average, values, 0.001)

    return step


def test_trainer_overhead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    train = TrainConfig(
        batch_size=BATCH, device="cpu", log_every=50, preview_every=0, checkpoint_every=0
    )
    recipe = ConvRecipe(plugin="-", method="-", train=train, ema=EMAConfig(decay=0.999))
    trainer = Trainer(
        ConvGAN(),  # type: ignore[arg-type]
        recipe, engine=Engine(train), run=Run(tmp_path),
    )  # fmt: skip
    bare = hand_written()
    times: dict[str, list[float]] = {"bare": [], "trainer": []}

    def play() -> None:
        trainer._step()
        trainer._intervals(10_000)

    with trainer._make_batches() as trainer._batches:
        for turn in range(TURNS):
            for name, step in (("bare", bare), ("trainer", play)):
                started = time.process_time()
                for _ in range(STEPS):
                    step()
                if turn > 1:
                    times[name].append((time.process_time() - started) / STEPS)
    torch.set_num_threads(threads)
    pairs = zip(times["trainer"], times["bare"], strict=True)
    ratio = statistics.median(played / bare for played, bare in pairs)
    step_ms = 1000 * statistics.median(times["bare"])
    with capsys.disabled():
        print(f"\ntrainer overhead: {ratio - 1:+.1%} of a step of {step_ms:.1f} ms")
    assert ratio < 1.05
