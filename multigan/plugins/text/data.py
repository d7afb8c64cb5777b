"""A corpus of sentences as one tensor in memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.source import sentences
from multigan.data.vocabulary import UNK, Vocabulary
from multigan.errors import DataError
from multigan.plugins.text.recipe import TextData

LONGEST = 128  # tokens; the length that data.max_length=0 chooses never exceeds it


@dataclass(frozen=True)
class Corpus:
    """Sentences as numbers.

    Attributes:
        vocabulary: of the training sentences.
        train: int64 (N, max_length + 1): tokens, eos, pads.
        test: the same, of sentences that are not in ``train``; unknown tokens may occur.
        max_length: most tokens of a sentence, without its eos.
        has_grammar: whether the grammar of builtin:scenes knows what a sentence is.
    """

    vocabulary: Vocabulary
    train: Tensor
    test: Tensor
    max_length: int
    has_grammar: bool


class Sentences(Dataset[dict[str, Tensor]]):
    """Rows of a tensor of tokens, one by one or in batches.

    Args:
        tokens: int64 (N, L).
    """

    def __init__(self, tokens: Tensor) -> None:
        self.tokens = tokens

    def __len__(self) -> int:
        """Number of sentences."""
        return len(self.tokens)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One sentence, (L,)."""
        return {"tokens": self.tokens[index]}

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Sentences by number, (B, L)."""
        return {"tokens": self.tokens[indices]}


def load_corpus(config: TextData) -> Corpus:
    """Reads sentences, builds the vocabulary and keeps some sentences for evaluation.

    Sentences that are too long or have unknown tokens are left out of the training rather than cut
    or patched: the discriminator would recognise real sentences by the scar.

    Raises:
        DataError: no sentence is left, or the source cannot be read.
    """
    builtin = config.source.startswith("builtin:")
    if builtin:
        size = config.builtin_size
        train = sentences(config.source, limit=size)
        test_size = max(1, math.ceil(size * config.held_out))
        test = sentences(config.source, split="validation", limit=test_size)
    else:
        train, test = _split(sentences(config.source), config.held_out)
    splitter = Vocabulary((), mode=config.tokens, lower=config.lower)
    length = config.max_length or _usual_length([len(splitter.split(text)) for text in train])
    fitting = [text for text in train if 0 < len(splitter.split(text)) <= length]
    if not fitting:
        raise DataError(
            f"{config.source}: no sentence has 1 to data.max_length={length} tokens; raise it"
        )
    vocabulary = Vocabulary.build(
        fitting,
        mode=config.tokens,
        lower=config.lower,
        min_count=config.min_count,
        max_size=config.vocabulary_size,
    )
    tokens = vocabulary.encode(fitting, max_length=length + 1)
    tokens = tokens[(tokens != UNK).all(1)]
    if len(tokens) == 0:
        raise DataError(
            f"{config.source}: every sentence has a token outside the vocabulary; lower "
            "data.min_count or raise data.vocabulary_size"
        )
    if len(tokens) < len(train) / 2:
        warnings.warn(
            f"{config.source}: {len(train) - len(tokens)} of {len(train)} sentences are left out "
            "as too long or with rare tokens; see data.max_length, data.min_count and "
            "data.vocabulary_size",
            stacklevel=2,
        )
    seen = set(fitting)
    unseen = [t for t in test if t not in seen and 0 < len(splitter.split(t)) <= length]
    return Corpus(
        vocabulary=vocabulary,
        train=tokens,
        # A tiny corpus may have no other sentence.
        test=vocabulary.encode(unseen or fitting[:1], max_length=length + 1),
        max_length=length,
        has_grammar=config.source == "builtin:scenes",
    )


def _split(texts: Sequence[str], share: float) -> tuple[list[str], list[str]]:
    """Training and held-out texts; which is which depends on their number only."""
    if len(texts) < 2:
        raise DataError("a corpus of one sentence leaves nothing to evaluate with; give more")
    order = torch.randperm(len(texts), generator=torch.Generator().manual_seed(0)).tolist()
    count = min(len(texts) - 1, max(1, round(len(texts) * share)))
    held_out = set(order[:count])
    train = [text for i, text in enumerate(texts) if i not in held_out]
    return train, [texts[i] for i in sorted(held_out)]


def _usual_length(lengths: Sequence[int]) -> int:
    """The length that 99% of the sentences do not exceed: rare long ones slow every batch down."""
    ordered = sorted(lengths)
    return max(1, min(LONGEST, ordered[math.ceil(0.99 * len(ordered)) - 1]))
