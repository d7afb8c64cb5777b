from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.sampler import Batches
from multigan.errors import DataError


class Noisy(Dataset[dict[str, Tensor]]):
    """Each element is its index and an augmentation."""

    def __init__(self, length: int = 10) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {"index": torch.tensor(index), "noise": torch.rand(())}


class InMemory(Noisy):
    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        return {"index": indices}


class Broken(Noisy):
    def __getitem__(self, index: int) -> dict[str, Tensor]:
        raise DataError(f"sample {index} is broken")


def take(count: int, dataset: Dataset[Any] | None = None, **options: Any) -> list[dict[str, Any]]:
    with Batches(
        Noisy() if dataset is None else dataset, **{"size": 4, "seed": 0, **options}
    ) as batches:
        return list(itertools.islice(batches, count))


def flat(batches: list[dict[str, Any]], key: str = "index") -> list[float]:
    return [value for batch in batches for value in batch[key].tolist()]


@pytest.mark.parametrize("dataset", [Noisy(), InMemory()])
def test_every_epoch_is_a_permutation_of_its_own(dataset: Noisy) -> None:
    epochs = torch.tensor(flat(take(10, dataset))).reshape(4, 10)
    for epoch in epochs:
        assert sorted(epoch.tolist()) == list(range(10))
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 4
    assert flat(take(10, dataset)) == epochs.flatten().tolist()
    assert flat(take(10, dataset, seed=1)) != epochs.flatten().tolist()


def test_both_kinds_of_data_set_have_one_order() -> None:
    assert flat(take(7, Noisy())) == flat(take(7, InMemory()))


@pytest.mark.parametrize("position", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("workers", [0, 2])
def test_resumes_anywhere(position: int, workers: int) -> None:
    whole = take(10)
    rest = take(10 - position, position=position, workers=workers if position == 3 else 0)
    for key in ("index", "noise"):
        assert flat(rest, key) == flat(whole[position:], key)


def test_independent_of_ranks_and_workers() -> None:
    alone = take(6, size=4)
    for key in ("index", "noise"):
        ranks = [take(6, size=2, rank=rank, world_size=2, workers=2 * rank) for rank in (0, 1)]
        together = [value for pair in zip(*ranks, strict=True) for value in flat(list(pair), key)]
        assert together == flat(alone, key)


def test_accumulation_cuts_the_same_batches() -> None:
    assert flat(take(12, size=2)) == flat(take(6, size=4))


def test_augmentation_differs_by_sample_and_by_epoch() -> None:
    noise = flat(take(10), "noise")
    assert len(set(noise)) == 40
    assert flat(take(10, seed=5), "noise") != noise


@pytest.mark.parametrize("workers", [0, 1])
def test_global_random_state_is_left_alone(workers: int) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    take(3, workers=workers)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_error_stays_one_line(workers: int) -> None:
    with pytest.raises(DataError, match=r"^sample \d is broken$"):
        take(1, Broken(), workers=workers)


def test_empty() -> None:
    with pytest.raises(DataError, match="empty"):
        take(1, Noisy(0))


def test_batches_longer_than_the_data() -> None:
    indices = flat(take(1, Noisy(3), size=9))
    assert [sorted(indices[i : i + 3]) for i in (0, 3, 6)] == [[0, 1, 2]] * 3
