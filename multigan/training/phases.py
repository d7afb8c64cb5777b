"""A GAN as data: networks, optimiser groups, and stages of phases, each phase one loss.

The trainer plays what it finds here. For every step of a stage it goes through the phases; a phase
updates one optimiser group with the sum of the losses that its function returns. DCGAN is two
phases, WGAN-GP repeats the first one, CycleGAN has two groups of two networks, a text GAN has three
stages; none of them needs a training loop of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

Batch = dict[str, Any]
"""Tensors on the device by name. A phase may leave tensors in it for later phases of the step."""

Losses = Mapping[str, Tensor]
"""Named scalar terms, weights included; the trainer minimises their sum."""


class Noise:
    """The source of every random draw inside a loss.

    All processes hold the same generator state, draw for the whole batch and keep their slice: two
    processes then see exactly what one process with the doubled batch would.

    Args:
        seed: Of the generator.
        device: Where the draws are made and returned.
        rank: This process.
        world_size: Number of processes.
    """

    def __init__(
        self, seed: int, *, device: torch.device | str = "cpu", rank: int = 0, world_size: int = 1
    ) -> None:
        self.generator = torch.Generator(device).manual_seed(seed)
        self.rank = rank
        self.world_size = world_size

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers; ``shape[0]`` is the batch of this process."""
        return self._mine(torch.randn, *shape)

    def uniform(self, *shape: int) -> Tensor:
        """Numbers in [0, 1); ``shape[0]`` is the batch of this process."""
        return self._mine(torch.rand, *shape)

    def integers(self, high: int, *shape: int) -> Tensor:
        """Integers in [0, high); ``shape[0]`` is the batch of this process."""
        return self._mine(lambda size, **kwargs: torch.randint(high, size, **kwargs), *shape)

    def _mine(self, draw: Callable[..., Tensor], batch: int, *rest: int) -> Tensor:
        size = (batch * self.world_size, *rest)
        everyone = draw(size, generator=self.generator, device=self.generator.device)
        return everyone[batch * self.rank : batch * (self.rank + 1)]


@dataclass(frozen=True)
class Step:
    """Where in a stage a loss is computed, and the noise to compute it with."""

    index: int
    total: int
    noise: Noise

    @property
    def fraction(self) -> float:
        """0 at the first step of the stage, nearly 1 at the last."""
        return self.index / self.total


@dataclass(frozen=True)
class Phase:
    """One optimiser update.

    Attributes:
        name: For logs: ``discriminator``, ``generator``, ``penalty`` ...
        updates: The optimiser group that it updates; all other networks are frozen meanwhile.
        loss: Maps a batch and the step to named losses.
        repeat: Updates in a row within one step (n_critic).
        every: Played at every so many steps (lazy regularisation). The loss must be scaled by it.
        fresh: Whether each update takes a new batch, or the batch of the phase before.
    """

    name: str
    updates: str
    loss: Callable[[Batch, Step], Losses]
    repeat: int = 1
    every: int = 1
    fresh: bool = True


@dataclass(frozen=True)
class Stage:
    """A stretch of training: so many steps of these phases."""

    name: str
    steps: int
    phases: tuple[Phase, ...]


@dataclass(frozen=True)
class Preview:
    """What to show of a model while it trains.

    Attributes:
        texts: Sentences.
        images: (N, C, H, W) in [0, 1].
        columns: Width of the image grid; 0 makes it square.
        files: Anything else as the content of a file by its name, such as ``"seven.wav"``; the
            report plays sounds (.wav) and films (.gif, .webp, .mp4).
    """

    texts: Sequence[str] = ()
    images: Tensor | None = None
    columns: int = 0
    files: Mapping[str, bytes] = field(default_factory=dict)


class GAN(Protocol):
    """What a method gives the trainer. It is built from its recipe: ``SomeGAN(recipe)``.

    It may also offer ``exhibit(run: Path) -> None``, called when a run is complete: it measures the
    models under ``model/`` and ``stages/NAME/`` and writes into ``exhibits/`` what the report is to
    show, see `multigan.training.report`. An ``exhibit`` of None has nothing to show.

    Attributes:
        networks: Everything that is trained, by name.
        memory: What training remembers beside weights, such as an image pool: modules whose
            buffers are saved with every checkpoint, for each process by itself. Usually empty.
        groups: Optimiser group -> names of the networks that it updates. A network may be in two
            groups, for example with one optimiser for pretraining and one for the game. Each one
            is configured by the recipe's ``optimizers.GROUP``, unless the GAN has a mapping
            ``optimizers`` of its own (for what only the data can tell).
        averaged: Names of networks of which an exponential moving average is kept.
    """

    networks: nn.ModuleDict
    memory: nn.ModuleDict
    groups: Mapping[str, tuple[str, ...]]
    averaged: tuple[str, ...]

    def stages(self) -> tuple[Stage, ...]:
        """The course of the training."""
        ...

    def dataset(self) -> Dataset[Any]:
        """A map-style data set of dictionaries of tensors.

        Randomness comes from torch's global generator, which the loader seeds for each sample. A
        data set in memory may offer ``batch(indices) -> Batch``, which then replaces the loader.
        """
        ...

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Samples to look at. ``networks`` are in eval mode, averaged where an average exists."""
        ...

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores by name; empty where there is nothing to measure."""
        ...

    def model(self) -> dict[str, Any]:
        """JSON-able facts for inference. ``"networks"`` lists the networks to save."""
        ...
