"""From sentences to rows of numbers: who is held out, what the tokens are, what fits."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from multigan.data.near_duplicates import first_of_near_duplicates
from multigan.data.vocabulary import EOS, PAD, UNK, Vocabulary
from multigan.errors import DataError
from multigan.plugins.text.recipe import TextData

LONGEST = 128  # tokens; the length that data.max_length=0 chooses never exceeds it
MOST_HELD_OUT = 20_000  # sentences; evaluation would be no surer with more
MOST_LABELS = 1_000
CHUNK = 4096  # sentences at a time

Pair = tuple[str, str]  # a sentence and its label, "" where there are no labels


def without_near_duplicates(config: TextData, pairs: Sequence[Pair]) -> list[int]:
    """Positions of the sentences that stay, see `first_of_near_duplicates`."""
    # By words for byte pairs too: what is similar is no question of the vocabulary.
    mode: Any = "character" if config.tokens == "character" else "word"
    splitter = Vocabulary((), mode=mode, lower=config.lower)
    split = [splitter.split(text) for text, _ in pairs]
    return first_of_near_duplicates(split, threshold=config.near_duplicates)


def survey(config: TextData, pairs: Iterable[Pair]) -> tuple[int, tuple[str, ...]]:
    """Number of sentences, and the names of their labels in order."""
    total, names = 0, set()
    for _, label in pairs:
        total += 1
        names.add(label)
        if len(names) > MOST_LABELS:
            raise DataError(
                f"{config.source}: data.label={config.label} has over {MOST_LABELS} different "
                "values; name a field with classes"
            )
    if config.label is None:
        return total, ()
    if len(names) == 1:
        raise DataError(
            f"{config.source}: data.label={config.label} is '{min(names)}' everywhere; leave it "
            "out or add sentences of another class"
        )
    return total, tuple(sorted(names))


def choose_held_out(total: int, share: float) -> frozenset[int]:
    """Positions of the sentences that are kept for evaluation; they depend on the total only."""
    if total < 2:
        raise DataError("a corpus of one sentence leaves nothing to evaluate with; give more")
    count = min(total - 1, MOST_HELD_OUT, max(1, round(total * share)))
    return frozenset(random.Random(0).sample(range(total), count))


def fit_vocabulary(config: TextData, train: Callable[[], Iterable[Pair]]) -> tuple[Vocabulary, int]:
    """The vocabulary of training sentences, and the most tokens that one of them may have."""

    def build(longest: int | None) -> Vocabulary:
        return Vocabulary.build(
            (text for text, _ in train()),
            mode=config.tokens,
            lower=config.lower,
            min_count=config.min_count,
            max_size=config.vocabulary_size,
            longest=longest,
        )

    # Byte pairs are known after the vocabulary is built, words before it.
    pairs = build(None) if config.tokens == "bpe" else None
    splitter = pairs or Vocabulary((), mode=config.tokens, lower=config.lower)
    lengths = Counter(len(splitter.split(text)) for text, _ in train())
    length = config.max_length or _usual_length(lengths)
    if not any(0 < each <= length for each in lengths):
        raise DataError(
            f"{config.source}: no sentence has 1 to data.max_length={length} tokens; raise it"
        )
    return pairs or build(length), length


def _usual_length(lengths: Counter[int]) -> int:
    """The length that 99% of the sentences do not exceed: rare long ones slow every batch down."""
    wanted = math.ceil(0.99 * lengths.total())
    for length in sorted(lengths):
        wanted -= lengths[length]
        if wanted <= 0:
            break
    return max(1, min(LONGEST, length))


def encode(
    pairs: Iterable[Pair],
    vocabulary: Vocabulary,
    length: int,
    labels: Sequence[str],
    *,
    keep_unknown: bool,
) -> Iterator[dict[str, Tensor]]:
    """Rows of the sentences that are neither empty nor too long, in chunks, at least one."""
    pairs, number = iter(pairs), {label: i for i, label in enumerate(labels)}
    size = CHUNK
    while size == CHUNK:
        chunk = list(islice(pairs, CHUNK))
        size = len(chunk)
        # One place more than fits, in which a sentence that is too long has its eos.
        tokens = vocabulary.encode([text for text, _ in chunk], max_length=length + 2)
        fits = (tokens[:, 0] != EOS) & (tokens[:, -1] == PAD)
        if not keep_unknown:
            fits &= (tokens != UNK).all(1)
        rows = {"tokens": tokens[fits, :-1]}
        if labels:
            classes = torch.tensor([number[label] for _, label in chunk], dtype=torch.long)
            rows["labels"] = classes[fits]
        yield rows
