"""The trainer: one loop for every GAN.

For each step of each stage it plays the phases in order. Everything that happens in a step can be
read in `Trainer._step` and `Trainer._update`; what the phases compute is the method's business.
"""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from multigan.config.recipe import Recipe
from multigan.config.sections import Section
from multigan.data.sampler import Batches
from multigan.errors import CheckpointError, RecipeError
from multigan.training.ema import EMA
from multigan.training.engine import Engine
from multigan.training.guard import Guard
from multigan.training.optim import Group
from multigan.training.phases import GAN, Batch, Noise, Phase, Preview, Step
from multigan.training.run import Run
from multigan.training.stopping import Stopping

AGREE_EVERY = 8  # steps between asking all processes whether one was told to stop


class Trainer:
    """Trains a GAN in a run folder.

    Args:
        gan: What to train.
        recipe: Seed, batch size, optimisers, intervals.
        engine: Device, precision, processes.
        run: Where checkpoints go.
        watcher: Is told what happens (progress, numbers, previews).
    """

    def __init__(
        self, gan: GAN, recipe: Recipe, *, engine: Engine, run: Run, watcher: Watcher | None = None
    ) -> None:
        self.gan, self.recipe, self.engine, self.run = gan, recipe, engine, run
        self.config = recipe.train
        self.watcher = watcher or Watcher()
        self.keep_stage: Callable[[str], None] = lambda stage: None  # called at the end of each
        self.keep_best: Callable[[], None] = lambda: None  # called when a score is the best so far
        self.stopping = Stopping(recipe.train)
        self.stop_reason: str | None = None
        self.stages = gan.stages()
        for module in (*gan.networks.values(), *gan.memory.values()):
            engine.place(module)
        if self.config.sync_batchnorm and engine.device.type == "cuda":
            for name, module in gan.networks.items():
                gan.networks[name] = nn.SyncBatchNorm.convert_sync_batchnorm(module)
        self.ema = EMA({name: gan.networks[name] for name in gan.averaged}, recipe.ema)
        if self.config.compile:
            for module in gan.networks.values():
                module.compile()  # forward() stays plain, for penalties with second derivatives
        self._parameters = {name: [*net.parameters()] for name, net in gan.networks.items()}
        self.groups = self._make_groups()
        self.noise = Noise(
            recipe.seed, device=engine.device, rank=engine.rank, world_size=engine.world_size
        )
        self.guard = Guard(self.config.patience)
        self.step = self.stage = self.stage_step = 0
        self.position = 0  # micro-batches consumed
        self._batches: Batches | None = None
        self._micro_batches: list[Batch] = []
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = defaultdict(int)
        self._stop = threading.Event()

    @property
    def total_steps(self) -> int:
        """Steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def fit(self) -> bool:
        """Trains to the end, until the recipe says that it is enough, or a signal asks to stop.

        Returns:
            Whether the training is complete; ``stop_reason`` says why it ended before its steps.
        """
        with self._signals(), self._make_batches() as self._batches:
            if self.step == 0:
                self._look(evaluate=True)
            while self.stage < len(self.stages):
                stage = self.stages[self.stage]
                self.watcher.stage(stage.name, self.step, self.total_steps)
                if self.stage_step == 0:
                    self._settle()
                while self.stage_step < stage.steps:
                    if self._told_to_stop():
                        self._save()
                        self._average_statistics()
                        return self.stop_reason is not None
                    self._step()
                    self._intervals(stage.steps)
                self.stage, self.stage_step = self.stage + 1, 0
        return True

    def resume(self) -> bool:
        """Goes back to the newest checkpoint, if there is one."""
        latest = self.engine.broadcast(self.run.checkpoints.latest())
        if latest is None:
            return False
        state = self.run.checkpoints.restore(latest, **self._parts())
        if state["stage"] > len(self.stages):
            raise CheckpointError(f"{latest} belongs to a recipe with more stages")
        self.step, self.stage = state["step"], state["stage"]
        self.stage_step, self.position = state["stage_step"], state["position"]
        self.stopping.load(state.get("stopping", {}))
        return True

    def averaged(self) -> dict[str, nn.Module]:
        """The networks as they are sampled and saved: averages where there are any."""
        return {**dict(self.gan.networks.items()), **dict(self.ema.networks.items())}

    def _settle(self) -> None:
        """What no stage from here on trains becomes its average, which is what will be saved.

        Later stages learn beside it; and an average of weights at rest would drift to them.
        """
        phases = [phase for stage in self.stages[self.stage :] for phase in stage.phases]
        trained = {name for phase in phases for name in self.gan.groups[phase.updates]}
        self.ema.settle([name for name in self.gan.averaged if name not in trained])

    # One step -------------------------------------------------------------------------------------

    def _step(self) -> None:
        stage = self.stages[self.stage]
        step = Step(self.stage_step, stage.steps, self.noise)
        self._micro_batches = []
        for phase in stage.phases:
            if self.stage_step % phase.every == 0:
                for _ in range(phase.repeat):
                    self._update(phase, step)
        self.ema.update(self.step)
        self.step += 1
        self.stage_step += 1

    def _update(self, phase: Phase, step: Step) -> None:
        group = self.groups[phase.updates]
        trained = self.gan.groups[phase.updates]
        for name, parameters in self._parameters.items():
            for parameter in parameters:
                parameter.requires_grad_(name in trained)
        if phase.fresh or not self._micro_batches:
            self._micro_batches = [self._next_batch() for _ in range(self.config.accumulate)]
        terms: Mapping[str, Tensor] = {}
        for batch in self._micro_batches:
            with self.engine.autocast():
                terms = phase.loss(batch, step)
            loss = torch.stack([term.float() for term in terms.values()]).sum()
            group.backward(loss / self.config.accumulate)
        norm = group.step()
        self._record(phase.name, {name: value.detach() for name, value in terms.items()}, norm)

    def _next_batch(self) -> Batch:
        assert self._batches is not None
        self.position += 1
        return self.engine.place_batch(next(self._batches))

    # Around the steps -----------------------------------------------------------------------------

    def _intervals(self, stage_steps: int) -> None:
        """Logs, previews, evaluates and saves when it is time to."""
        config, end = self.config, self.stage_step == stage_steps

        def due(every: int) -> bool:
            return end or (every > 0 and self.step % every == 0)

        self.watcher.step(self.step)
        if due(config.log_every):
            self.guard.check()
            self._log()
        if due(config.preview_every):
            self._look(evaluate=due(config.evaluate_every))
        elif due(config.evaluate_every):
            self._look(evaluate=True, preview=False)
        if end:
            self.keep_stage(self._stage_name())  # before the checkpoint: a resumed run needs it
        if due(config.checkpoint_every):
            self._save()

    def _record(self, phase: str, terms: Mapping[str, Tensor], norm: Tensor) -> None:
        self.guard.watch(phase, terms, norm)
        values = {f"{phase}/{name}": value for name, value in terms.items()}
        for name, value in {**values, f"{phase}/gradient-norm": norm}.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value.clone()
            self._counts[name] += 1

    def _log(self) -> None:
        """Means since the last log, over the micro-batches that came last in their update."""
        names = sorted(self._sums)
        if names:
            means = [self._sums[name].float() / self._counts[name] for name in names]
            self.engine.average_(means)
            values = dict(zip(names, torch.stack(means).tolist(), strict=True))
            self.watcher.numbers("train", self.step, self._stage_name(), values)
        self._sums.clear()
        self._counts.clear()

    def _look(self, *, evaluate: bool, preview: bool = True) -> None:
        """Previews and evaluates on rank 0, without touching the random state of the training."""
        self._average_statistics()
        if self.engine.is_main:
            networks = self.averaged()
            modes = {name: module.training for name, module in networks.items()}
            with torch.random.fork_rng(), torch.no_grad():
                for module in networks.values():
                    module.eval()
                noise = Noise(self.recipe.seed + 1, device=self.engine.device)
                if preview:
                    shown = self.gan.preview(networks, noise)
                    self.watcher.preview(self.step, self._stage_name(), shown)
                    self.stopping.look(shown)
                if evaluate and (scores := self.gan.evaluate(networks, noise)):
                    self.watcher.numbers("evaluate", self.step, self._stage_name(), scores)
                    last = self.step > 0 and self.stage >= len(self.stages) - 1
                    if last and self.stopping.improved(scores):
                        self.keep_best()
                for name, module in networks.items():
                    module.train(modes[name])
        self.engine.barrier()

    def _save(self) -> None:
        self.guard.check()
        # Every process saves its own statistics; those of averaged networks are for show only, and
        # changing no others keeps a run that is told to stop on the path of one that is not.
        self.engine.average_statistics_(self.ema.networks.values())
        state = {
            "step": self.step,
            "stage": self.stage,
            "stage_step": self.stage_step,  # all of the stage's at its end: it may be made longer
            "position": self.position,
            "stopping": self.stopping.state(),
        }
        self.run.checkpoints.save(state, **self._parts())

    def _average_statistics(self) -> None:
        """Makes BatchNorm statistics those of all processes' samples, in averaged networks too."""
        networks = (*self.gan.networks.values(), *self.ema.networks.values())
        self.engine.average_statistics_(networks)

    def _parts(self) -> dict[str, Any]:
        return {
            "gan": self.gan,
            "ema": self.ema,
            "groups": self.groups,
            "noise": self.noise,
            "engine": self.engine,
        }

    def _stage_name(self) -> str:
        return self.stages[min(self.stage, len(self.stages) - 1)].name

    # Set-up ---------------------------------------------------------------------------------------

    def _make_groups(self) -> dict[str, Group]:
        groups = {}
        stated = getattr(self.recipe, "optimizers", Section())
        configs = getattr(self.gan, "optimizers", dict(stated))
        for name, members in self.gan.groups.items():
            config = configs.get(name)
            if config is None:
                raise RecipeError(f"the recipe class has no optimizers.{name}")
            networks = {member: self.gan.networks[member] for member in members}
            groups[name] = Group(name, networks, config, stages=self.stages, engine=self.engine)
        return groups

    def _make_batches(self) -> Batches:
        parts = self.engine.world_size * self.config.accumulate
        if self.config.batch_size % parts:
            raise RecipeError(
                f"train.batch_size={self.config.batch_size} cannot be cut into {parts} equal parts "
                "(processes times train.accumulate)"
            )
        return Batches(
            self.gan.dataset(),
            size=self.config.batch_size // parts,
            seed=self.recipe.seed,
            rank=self.engine.rank,
            world_size=self.engine.world_size,
            workers=self.config.workers,
            position=self.position,
            pin_memory=self.engine.device.type == "cuda",
        )

    def _told_to_stop(self) -> bool:
        if self.engine.is_main and self.stop_reason is None:
            self.stop_reason = self.stopping.reason()
            if self.stop_reason is not None:
                self._stop.set()
        if self.engine.world_size == 1:
            return self._stop.is_set()
        return self.step % AGREE_EVERY == 0 and self.engine.agree(self._stop.is_set())

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGTERM and Ctrl-C end the run after the step in hand; a second one ends it at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: Any) -> None:
            self._stop.set()
            signal.signal(number, before[number])

        before: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            signal.signal(number, stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Watcher:
    """What a trainer tells about its work; this one listens to nothing."""

    def stage(self, name: str, step: int, total: int) -> None:
        """A stage begins or is resumed."""

    def step(self, step: int) -> None:
        """A step is done."""

    def numbers(self, kind: str, step: int, stage: str, values: Mapping[str, float]) -> None:
        """Mean losses (``train``) or scores (``evaluate``)."""

    def preview(self, step: int, stage: str, preview: Preview) -> None:
        """Samples to look at."""
