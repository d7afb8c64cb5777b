"""What the trainer does with a GAN, told by a GAN that takes notes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.config.recipe import Recipe, make_recipe
from multigan.config.sections import EMAConfig, OptimizerConfig, Section, TrainConfig
from multigan.errors import DivergenceError
from multigan.training.engine import Engine
from multigan.training.phases import Batch, Losses, Phase, Preview, Stage, Step
from multigan.training.run import Run
from multigan.training.trainer import Trainer, Watcher


class Optimizers(Section):
    generator: OptimizerConfig = OptimizerConfig(name="sgd", lr=0.1)
    discriminator: OptimizerConfig = OptimizerConfig(name="sgd", lr=0.1)


class NotesRecipe(Recipe):
    optimizers: Optimizers = Optimizers()


class Numbers(Dataset[dict[str, Tensor]]):
    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"index": torch.tensor(index), "x": torch.full((2,), float(index))}


class Notes:
    """A GAN whose losses write down what they are given."""

    def __init__(self, make_stages: Callable[[Notes], tuple[Stage, ...]]) -> None:
        torch.manual_seed(0)
        self.networks = nn.ModuleDict(
            {"generator": nn.Linear(2, 2), "discriminator": nn.Linear(2, 1)}
        )
        self.memory = nn.ModuleDict()
        self.groups = {"generator": ("generator",), "discriminator": ("discriminator",)}
        self.averaged = ("generator",)
        self.played: list[tuple[str, int, list[int]]] = []
        self.frozen: list[tuple[str, bool, bool]] = []
        self.bad_steps: set[int] = set()
        self._stages = make_stages(self)

    def stages(self) -> tuple[Stage, ...]:
        return self._stages

    def dataset(self) -> Dataset[Any]:
        return Numbers()

    def loss(self, name: str) -> Callable[[Batch, Step], Losses]:
        def loss(batch: Batch, step: Step) -> Losses:
            self.played.append((name, step.index, batch["index"].tolist()))
            trains = [
                any(parameter.requires_grad for parameter in self.networks[network].parameters())
                for network in ("generator", "discriminator")
            ]
            self.frozen.append((name, *trains))
            out = self.networks["discriminator"](self.networks["generator"](batch["x"] / 40))
            value = out.square().mean()
            if step.index in self.bad_steps and name == "g":
                value = value * float("inf")
            return {"play": value}

        return loss

    def preview(self, networks: Any, noise: Any) -> Preview:
        assert not any(network.training for network in networks.values())
        torch.rand(3)  # must not disturb the training
        return Preview(texts=["one"])

    def evaluate(self, networks: Any, noise: Any) -> dict[str, float]:
        return {"score": float(noise.normal(1))}

    def model(self) -> dict[str, Any]:
        return {"networks": ["generator"]}


def alternating(steps: int, **options: Any) -> Callable[[Notes], tuple[Stage, ...]]:
    """A discriminator phase with these options, then a generator phase."""

    def stages(notes: Notes) -> tuple[Stage, ...]:
        return (
            Stage(
                "game",
                steps,
                (
                    Phase("d", "discriminator", notes.loss("d"), **options),
                    Phase("g", "generator", notes.loss("g")),
                ),
            ),
        )

    return stages


def play(gan: Notes, folder: Path, watcher: Watcher | None = None, **train: Any) -> Trainer:
    options = {"batch_size": 4, "device": "cpu", "log_every": 1, **train}
    recipe = NotesRecipe(
        plugin="notes", method="notes", train=TrainConfig(**options), ema=EMAConfig(decay=0.5)
    )
    trainer = Trainer(
        gan,  # type: ignore[arg-type]
        recipe,
        engine=Engine(recipe.train),
        run=Run(folder),
        watcher=watcher,
    )
    trainer.fit()
    return trainer


def test_repeat_and_fresh_batches(tmp_path: Path) -> None:
    gan = Notes(alternating(3, repeat=3))
    play(gan, tmp_path)
    assert [name for name, _, _ in gan.played] == ["d", "d", "d", "g"] * 3
    batches = [tuple(indices) for _, _, indices in gan.played]
    assert len(set(batches)) == len(batches), "every update took a batch of its own"
    first_epoch = [index for batch in batches[:10] for index in batch]
    assert sorted(first_epoch) == list(range(40))


def test_every(tmp_path: Path) -> None:
    gan = Notes(alternating(7, every=3))
    play(gan, tmp_path)
    assert [step for name, step, _ in gan.played if name == "d"] == [0, 3, 6]
    assert [step for name, step, _ in gan.played if name == "g"] == list(range(7))


def test_fresh_false_plays_on_the_same_batch(tmp_path: Path) -> None:
    def stages(notes: Notes) -> tuple[Stage, ...]:
        g = Phase("g", "generator", notes.loss("g"), fresh=False)
        return (Stage("game", 2, (Phase("d", "discriminator", notes.loss("d")), g)),)

    gan = Notes(stages)
    play(gan, tmp_path, accumulate=2)
    seen = [(name, indices) for name, _, indices in gan.played]
    for step in range(2):
        d1, d2, g1, g2 = seen[4 * step : 4 * step + 4]
        assert [d1[0], d2[0], g1[0], g2[0]] == ["d", "d", "g", "g"]
        assert (d1[1], d2[1]) == (g1[1], g2[1])


def test_only_the_group_of_the_phase_is_trained(tmp_path: Path) -> None:
    gan = Notes(alternating(2))
    before = {name: network.weight.detach().clone() for name, network in gan.networks.items()}
    trainer = play(gan, tmp_path)
    assert set(gan.frozen) == {("d", False, True), ("g", True, False)}
    assert all(not torch.equal(before[name], gan.networks[name].weight) for name in before)

    alone = Notes(lambda notes: (Stage("s", 2, (Phase("d", "discriminator", notes.loss("d")),)),))
    play(alone, tmp_path)
    assert torch.equal(before["generator"], alone.networks["generator"].weight)
    assert alone.networks["generator"].weight.grad is None
    assert trainer.step == 2


def test_the_step_is_that_of_a_hand_written_loop(tmp_path: Path) -> None:
    gan = Notes(alternating(6))
    trainer = play(gan, tmp_path)
    torch.manual_seed(0)
    generator, discriminator = nn.Linear(2, 2), nn.Linear(2, 1)
    average = [p.detach().clone() for p in generator.parameters()]
    d_opt = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    g_opt = torch.optim.SGD(generator.parameters(), lr=0.1)
    batches = iter([torch.tensor(indices).float()[:, None].expand(-1, 2) / 40
                    for _, _, indices in gan.played])  # fmt: skip
    for step in range(6):
        for optimizer in (d_opt, g_opt):
            optimizer.zero_grad()
            discriminator(generator(next(batches))).square().mean().backward()
            optimizer.step()
        decay = min(0.5, (1 + step) / (10 + step))
        for mean, parameter in zip(average, generator.parameters(), strict=True):
            mean += (1 - decay) * (parameter.detach() - mean)
    torch.testing.assert_close(gan.networks["generator"].weight, generator.weight)
    torch.testing.assert_close(gan.networks["discriminator"].weight, discriminator.weight)
    torch.testing.assert_close(trainer.averaged()["generator"].weight, average[0])


def test_looking_does_not_disturb(tmp_path: Path) -> None:
    often, never = Notes(alternating(5)), Notes(alternating(5))
    torch.manual_seed(3)
    play(often, tmp_path / "a", preview_every=1, evaluate_every=1)
    after = torch.rand(1)
    torch.manual_seed(3)
    play(never, tmp_path / "b", preview_every=0, evaluate_every=0)
    assert torch.equal(after, torch.rand(1))
    assert torch.equal(often.networks["generator"].weight, never.networks["generator"].weight)
    assert often.networks["generator"].training


def test_a_single_infinite_loss_is_skipped(tmp_path: Path) -> None:
    gan = Notes(alternating(6))
    gan.bad_steps = {2}
    play(gan, tmp_path, patience=2)
    assert all(p.isfinite().all() for p in gan.networks.parameters())


def test_divergence_keeps_a_finite_checkpoint(tmp_path: Path) -> None:
    gan = Notes(alternating(100))
    gan.bad_steps = set(range(5, 100))
    with pytest.raises(DivergenceError, match="loss 'g/play'"):
        play(gan, tmp_path, patience=3, checkpoint_every=2)
    assert max(step for _, step, _ in gan.played) == 7, "three broken updates, no more"
    last = Run(tmp_path).checkpoints.latest()
    assert last is not None
    for file in last.rglob("*.safetensors"):
        for name, tensor in load_file(file).items():
            assert tensor.float().isfinite().all(), f"{file.name}: {name}"


def test_logged_numbers_are_means_since_the_last_log(tmp_path: Path) -> None:
    class Listening(Watcher):
        logged: list[tuple[int, dict[str, float]]] = []  # noqa: RUF012 one test, one list

        def numbers(self, kind: str, step: int, stage: str, values: Any) -> None:
            if kind == "train":
                self.logged.append((step, dict(values)))

    singly, together = Listening(), Listening()
    singly.logged, together.logged = [], []
    play(Notes(alternating(6)), tmp_path / "a", singly, log_every=1)
    play(Notes(alternating(6)), tmp_path / "b", together, log_every=3)
    assert [step for step, _ in together.logged] == [3, 6]
    expected = sum(values["g/play"] for _, values in singly.logged[:3]) / 3
    assert together.logged[0][1]["g/play"] == pytest.approx(expected)


# The toy GAN, through the whole of multigan.train


def train_toy(folder: Path, small: tuple[str, ...], *overrides: str) -> dict[str, Tensor]:
    import multigan

    recipe = folder.parent / "toy.yaml"
    recipe.write_text("plugin: toy\n")
    multigan.train(recipe, overrides=[*small, *overrides], output=folder, quiet=True)
    networks = sorted((folder / "checkpoints").glob("step-*"))[-1] / "networks"
    return {
        f"{file.stem}.{key}": value
        for file in networks.iterdir()
        for key, value in load_file(file).items()
    }


SGD = (
    "optimizers.generator.name=sgd", "optimizers.generator.lr=0.05",
    "optimizers.discriminator.name=sgd", "optimizers.discriminator.lr=0.05",
)  # fmt: skip


def test_accumulation_equals_none(installed_toy: Path, small: Any, tmp_path: Path) -> None:
    whole = train_toy(tmp_path / "a", small, *SGD)
    parts = train_toy(tmp_path / "b", small, *SGD, "train.accumulate=4")
    fresh = train_toy(tmp_path / "c", small, *SGD, "steps.adversarial=0", "steps.pretraining=1")
    for name, value in whole.items():
        torch.testing.assert_close(value, parts[name], rtol=0, atol=1e-6)
    assert not torch.allclose(
        whole["generator.layers.0.weight"], fresh["generator.layers.0.weight"]
    )


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_trains(
    precision: str, installed_toy: Path, small: Any, tmp_path: Path
) -> None:
    start = train_toy(tmp_path / "0", small, "steps.adversarial=0", "steps.pretraining=1")
    full = train_toy(tmp_path / "a", small)
    half = train_toy(tmp_path / "b", small, f"train.precision={precision}")
    for name, value in half.items():
        assert value.dtype == torch.float32
        assert value.isfinite().all()
        assert not torch.equal(value, full[name]), "it did compute in half precision"
        torch.testing.assert_close(value, full[name], rtol=0.1, atol=0.02)
    key = "generator.layers.0.weight"
    assert not torch.equal(half[key], start[key])
    state = json.loads((tmp_path / "b/checkpoints/step-00000008/state.json").read_text())
    scalers = [group["scaler"] for group in state["groups"].values()]
    assert all(bool(scaler) == (precision == "fp16") for scaler in scalers)
    if precision == "fp16":
        trackers = {name: g["scaler"]["_growth_tracker"] for name, g in state["groups"].items()}
        assert trackers == {"generator": 6, "discriminator": 16}, "one scaler for each optimiser"


def test_fp16_resumes_exactly(
    fork: Any, toy_recipe: Path, small: Any, tmp_path: Path, fingerprint: Any
) -> None:
    def cut() -> None:
        import os
        import signal

        step = Trainer._step

        def play_then(self: Trainer) -> None:
            step(self)
            if self.step == 5:
                os.kill(os.getpid(), signal.SIGKILL)

        Trainer._step = play_then  # type: ignore[method-assign]

    command = ("run", toy_recipe, *small, "train.precision=fp16", "-o")
    assert fork(*command, tmp_path / "whole").wait() == 0
    assert fork(*command, tmp_path / "cut", before=cut).wait() == -9
    assert fork(*command, tmp_path / "cut", "--resume").wait() == 0
    assert fingerprint(tmp_path / "whole") == fingerprint(tmp_path / "cut")


def test_loader_processes_change_nothing(installed_toy: Path, small: Any, tmp_path: Path) -> None:
    alone = train_toy(tmp_path / "a", small)
    helped = train_toy(tmp_path / "b", small, "train.workers=2")
    assert all(torch.equal(value, helped[name]) for name, value in alone.items())


def test_divergence_of_a_run_is_one_line(cli: Any, toy_recipe: Path, tmp_path: Path) -> None:
    broken = cli(
        "run", toy_recipe, "-o", tmp_path / "run", "model.explode_at=3", "train.patience=4",
        "train.log_every=1", "train.trackers=[]",
    )  # fmt: skip
    assert broken.code == 2
    line = broken.err.splitlines()[-1]
    assert line.startswith("error: loss 'generator/adversarial' was not a finite number for 4")


def test_batch_that_cannot_be_divided(installed_toy: Path) -> None:
    from multigan.errors import RecipeError
    from multigan.training.train import build_gan

    recipe = make_recipe({"plugin": "toy", "train": {"batch_size": 10, "accumulate": 3}})
    trainer = Trainer(build_gan(recipe), recipe, engine=Engine(recipe.train), run=Run(Path("x")))
    with pytest.raises(RecipeError, match="batch_size=10 cannot be cut into 3"):
        trainer.fit()
