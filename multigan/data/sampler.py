"""Endless, resumable batches: the whole state of the data is one integer.

Sample number k of a run is element ``k % n`` of the permutation that ``(seed, k // n)`` seeds, and
its random augmentation is seeded by ``(seed, k)``. Nothing depends on how many processes or workers
load the data, or on where a run was interrupted.
"""

from __future__ import annotations

import hashlib
import signal
from collections.abc import Iterator, Sized
from typing import Any, Self

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from multigan.errors import DataError


class Batches(Iterator[dict[str, Any]]):
    """Batches of this process, from a position onwards, without end.

    Args:
        dataset: Map-style with a length. One that has ``batch(indices)`` is asked for whole
            batches in this process; any other is loaded sample by sample.
        size: Samples in a batch of one process.
        seed: Of the order and of the augmentation.
        rank: This process.
        world_size: Number of processes.
        workers: Loader processes.
        position: Number of batches that were consumed before.
        pin_memory: Whether to load into page-locked memory (for CUDA).

    Raises:
        DataError: The data set is empty.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        *,
        size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        position: int = 0,
        pin_memory: bool = False,
    ) -> None:
        assert isinstance(dataset, Sized)
        if len(dataset) == 0:
            raise DataError("the data set is empty")
        self.dataset = dataset
        self.position = position
        self.order = _Order(len(dataset), seed, size, rank, world_size)
        self._whole_batches = getattr(dataset, "batch", None)
        self._loader: Iterator[Any] = iter(())
        if self._whole_batches is None:
            self.order.start = position
            self._loader = iter(
                DataLoader(
                    _Seeded(dataset, seed, self.order),
                    batch_sampler=self.order,
                    num_workers=workers,
                    collate_fn=default_collate,
                    pin_memory=pin_memory,
                    # Without a generator of its own the loader draws from the global one.
                    generator=torch.Generator().manual_seed(0),
                    prefetch_factor=4 if workers else None,
                    worker_init_fn=_ignore_interrupts,
                )
            )

    def __next__(self) -> dict[str, Any]:
        if self._whole_batches is not None:
            numbers = self.order.numbers(self.position)
            batch = self._whole_batches(torch.tensor([self.order.index(k) for k in numbers]))
        else:
            try:
                batch = next(self._loader)
            except DataError as error:  # from a loader process it comes with its traceback inside
                line = (str(error).strip().splitlines() or [""])[-1]
                raise DataError(line.removeprefix("multigan.errors.DataError: ")) from error
        self.position += 1
        return dict(batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """Ends the loader processes."""
        self._loader = iter(())


def fingerprint(dataset: Dataset[Any]) -> str:
    """A short hash of a data set's length and of its first, middle and last sample."""
    assert isinstance(dataset, Sized)
    length = len(dataset)
    seeded = _Seeded(dataset, 0, _Order(length, 0, 1, 0, 1))
    digest = hashlib.sha256(str(length).encode())
    for number in sorted({0, length // 2, length - 1}) if length else ():
        for name, value in sorted(seeded[number].items()):
            digest.update(name.encode())
            if isinstance(value, Tensor):
                digest.update(f"{value.dtype} {tuple(value.shape)}".encode())
                digest.update(value.contiguous().flatten().view(torch.uint8).numpy().tobytes())
            else:
                digest.update(repr(value).encode())
    return digest.hexdigest()[:16]


class _Order:
    """Which sample numbers make up batch j of this process, and which element each one is."""

    def __init__(self, length: int, seed: int, size: int, rank: int, world_size: int) -> None:
        self.length, self.seed, self.size = length, seed, size
        self.rank, self.world_size = rank, world_size
        self.start = 0
        self._epoch = -1
        self._permutation: list[int] = []

    def numbers(self, position: int) -> range:
        first = (position * self.world_size + self.rank) * self.size
        return range(first, first + self.size)

    def index(self, number: int) -> int:
        epoch, place = divmod(number, self.length)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(_mix(self.seed, epoch))
            self._permutation = torch.randperm(self.length, generator=generator).tolist()
            self._epoch = epoch
        return self._permutation[place]

    def __iter__(self) -> Iterator[list[int]]:
        position = self.start
        while True:
            yield list(self.numbers(position))
            position += 1


class _Seeded(Dataset[Any]):
    """Gives every sample its own random numbers and leaves the global generator as it was."""

    def __init__(self, dataset: Dataset[Any], seed: int, order: _Order) -> None:
        self.dataset, self.seed, self.order = dataset, seed, order

    def __getitem__(self, number: int) -> Any:
        state: Tensor = torch.get_rng_state()
        torch.default_generator.manual_seed(_mix(self.seed + 1, number))
        try:
            return self.dataset[self.order.index(number)]
        finally:
            torch.set_rng_state(state)


def _ignore_interrupts(worker: int) -> None:
    """Ctrl-C reaches every process of a terminal; the trainer alone decides how a run ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _mix(seed: int, number: int) -> int:
    """SplitMix64's finaliser: neighbouring pairs get unrelated seeds."""
    mask = (1 << 64) - 1
    z = (seed * 0x9E3779B97F4A7C15 + number + 0x632BE59BD9B4E019) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 1
