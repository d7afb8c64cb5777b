"""A corpus of sentences as rows of numbers, in memory or in a memory-mapped file."""

from __future__ import annotations

import json
import math
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.source import labelled_sentences, sentence_files
from multigan.data.token_rows import cache_folder, open_table, write_table, written_whole
from multigan.data.vocabulary import PAD, Vocabulary
from multigan.errors import CheckpointError, DataError
from multigan.plugins.text.data.encoding import (
    CHUNK,
    Pair,
    choose_held_out,
    encode,
    fit_vocabulary,
    survey,
    without_near_duplicates,
)
from multigan.plugins.text.recipe import TextData

Rows = Tensor | NDArray[Any]
Store = Callable[[Iterable[dict[str, Tensor]]], "Sentences"]


class Sentences(Dataset[dict[str, Tensor]]):
    """Rows of tokens, one by one or in batches.

    Args:
        tokens: (N, L), a tensor in memory or numbers on the disk.
        labels: the number of each sentence's class, (N,).
    """

    def __init__(self, tokens: Rows, labels: Rows | None = None) -> None:
        self.columns = {"tokens": tokens} | ({} if labels is None else {"labels": labels})

    def __len__(self) -> int:
        """Number of sentences."""
        return len(self.columns["tokens"])

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """One sentence: tokens (L,), and its label () where there are labels; int64."""
        return {name: rows[0] for name, rows in self.batch(torch.tensor([index])).items()}

    def batch(self, indices: Tensor) -> dict[str, Tensor]:
        """Sentences by number: tokens (B, L), and labels (B,) where there are labels; int64."""
        return {name: _take(rows, indices) for name, rows in self.columns.items()}


@dataclass(frozen=True)
class Corpus:
    """Sentences as numbers.

    Attributes:
        vocabulary: of the training sentences.
        train: rows (max_length + 1,): tokens, eos, pads.
        test: the same, int64 (N, max_length + 1), of sentences that are not in ``train``; unknown
            tokens may occur.
        max_length: most tokens of a sentence, without its eos.
        mean_length: tokens of a training sentence on average, with its eos.
        has_grammar: whether the grammar of builtin:scenes knows what a sentence is.
        labels: names of the classes, in the order of their numbers; empty where there are none.
        test_labels: int64 (N,), or None where there are none.
        near_duplicates: how many sentences data.near_duplicates took away.
        ends: whether sentences end with an eos; without, each fills its row.
    """

    vocabulary: Vocabulary
    train: Sentences
    test: Tensor
    max_length: int
    mean_length: float
    has_grammar: bool
    labels: tuple[str, ...] = ()
    test_labels: Tensor | None = None
    near_duplicates: int = 0
    ends: bool = True

    def train_rows(self, limit: int | None = None) -> Tensor:
        """The first training sentences, or all, int64 (N, max_length + 1) in memory."""
        count = len(self.train) if limit is None else min(limit, len(self.train))
        return self.train.batch(torch.arange(count))["tokens"]


def load_corpus(config: TextData) -> Corpus:
    """Reads sentences, builds the vocabulary and keeps some sentences for evaluation.

    Sentences that are too long are left out of the training rather than cut, and as a rule those
    with unknown tokens too: the discriminator would recognise real sentences by the scar.

    With `config.streaming` the rows lie in a file in the cache, and only the vocabulary and the
    test sentences in memory; the source is read line by line, five times over, and not at all when
    it is next loaded with the same settings. The corpus is the same either way.

    Raises:
        DataError: no sentence is left, or the source cannot be read.
    """
    return _from_files(config) if config.streaming else _from_memory(config)


def _from_memory(config: TextData) -> Corpus:
    builtin = config.source.startswith("builtin:")
    limit = config.builtin_size if builtin else None
    texts = list(labelled_sentences(config.source, label=config.label, limit=limit))
    test = _separate_test(config)
    dropped = 0
    if config.near_duplicates > 0:
        both, end = [*texts, *(test or ())], len(texts)
        kept = without_near_duplicates(config, both)
        dropped = len(both) - len(kept)
        texts = [both[i] for i in kept if i < end]
        test = None if test is None else [both[i] for i in kept if i >= end]
    return replace(_build(config, lambda: texts, test, _in_memory), near_duplicates=dropped)


def _from_files(config: TextData) -> Corpus:
    files = sentence_files(config.source)
    if config.test is not None:
        files += sentence_files(config.test)
    folder = cache_folder("text", settings=config.model_dump(mode="json"), files=files)
    try:
        return _open(folder)
    except (OSError, ValueError, KeyError, TypeError, CheckpointError):  # absent or damaged
        shutil.rmtree(folder, ignore_errors=True)

    with written_whole(folder) as unfinished:

        def store(chunks: Iterable[dict[str, Tensor]]) -> Sentences:
            dtype = np.uint16 if config.vocabulary_size <= 2**16 else np.int32
            write_table(
                unfinished / "train",
                ({name: rows.numpy().astype(dtype) for name, rows in c.items()} for c in chunks),
            )
            return Sentences(**open_table(unfinished / "train"))

        def texts() -> Iterator[Pair]:
            return labelled_sentences(config.source, label=config.label)

        _save(_build(config, texts, _separate_test(config), store), unfinished)
    return _open(folder)


def _separate_test(config: TextData) -> list[Pair] | None:
    """Sentences to evaluate with that are not among those of the source."""
    if config.test is not None:
        return list(labelled_sentences(config.test, label=config.label))
    if config.source.startswith("builtin:"):
        size = max(1, math.ceil(config.builtin_size * config.held_out))
        return list(labelled_sentences(config.source, split="validation", limit=size))
    return None


def _in_memory(chunks: Iterable[dict[str, Tensor]]) -> Sentences:
    chunks = list(chunks)
    return Sentences(**{name: torch.cat([chunk[name] for chunk in chunks]) for name in chunks[0]})


def _save(corpus: Corpus, folder: Path) -> None:
    """Writes what is not there yet: all but the training rows."""
    test = {"tokens": corpus.test}
    if corpus.test_labels is not None:
        test["labels"] = corpus.test_labels
    write_table(folder / "test", [{name: rows.numpy() for name, rows in test.items()}])
    facts = {
        "vocabulary": corpus.vocabulary.to_dict(),
        "labels": corpus.labels,
        "max_length": corpus.max_length,
        "mean_length": corpus.mean_length,
    }
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def _open(folder: Path) -> Corpus:
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    test = Sentences(**open_table(folder / "test"))
    rows = test.batch(torch.arange(len(test)))
    return Corpus(
        vocabulary=Vocabulary.from_dict(facts["vocabulary"]),
        train=Sentences(**open_table(folder / "train")),
        test=rows["tokens"],
        max_length=facts["max_length"],
        mean_length=facts["mean_length"],
        has_grammar=False,
        labels=tuple(facts["labels"]),
        test_labels=rows.get("labels"),
    )


def _build(
    config: TextData,
    texts: Callable[[], Iterable[Pair]],
    test: Sequence[Pair] | None,
    store: Store,
) -> Corpus:
    """The corpus of sentences that can be read again and again.

    Args:
        config: how.
        texts: gives all sentences of the source from the first on, whenever it is called.
        test: to evaluate with; None keeps some of the source for it.
        store: puts rows where they stay.
    """
    total, labels = survey(config, texts())
    held_out = choose_held_out(total, config.held_out) if test is None else frozenset()
    if test is None:
        test = [pair for i, pair in enumerate(texts()) if i in held_out]
    elif strange := {label for _, label in test} - set(labels or ("",)):
        raise DataError(f"{config.test}: label '{min(strange)}' does not occur in {config.source}")

    def train() -> Iterator[Pair]:
        return (pair for i, pair in enumerate(texts()) if i not in held_out)

    vocabulary, length = fit_vocabulary(config, train)
    keep = config.unknown == "keep"
    rows = store(encode(train(), vocabulary, length, labels, keep_unknown=keep))
    total -= len(held_out)
    if len(rows) == 0:
        raise DataError(
            f"{config.source}: every sentence has a token outside the vocabulary; lower "
            "data.min_count, raise data.vocabulary_size, or choose data.unknown=keep"
        )
    if len(rows) < total / 2:
        warnings.warn(
            f"{config.source}: {total - len(rows)} of {total} sentences are left out as too long "
            "or with rare tokens; see data.max_length, data.min_count, data.vocabulary_size and "
            "data.unknown",
            stacklevel=2,
        )
    tests = _in_memory(encode(test, vocabulary, length, labels, keep_unknown=True))
    return _finished(config, vocabulary, length, labels, rows, tests)


def _finished(
    config: TextData,
    vocabulary: Vocabulary,
    length: int,
    labels: tuple[str, ...],
    train: Sentences,
    test: Sentences,
) -> Corpus:
    """The corpus, with no test sentence that is a training sentence too."""
    tokens = test.batch(torch.arange(len(test)))
    wanted = _keys(tokens["tokens"])
    seen: set[bytes] = set()
    num_tokens, sizes = 0, torch.zeros(len(labels), dtype=torch.long)
    for start in range(0, len(train), CHUNK):
        rows = train.batch(torch.arange(start, min(start + CHUNK, len(train))))
        num_tokens += int((rows["tokens"] != PAD).sum())
        seen |= set(wanted).intersection(_keys(rows["tokens"]))
        if labels:
            sizes += rows["labels"].bincount(minlength=len(labels))
    if labels and not sizes.all():
        name = labels[int(sizes.argmin())]
        raise DataError(
            f"{config.source}: no training sentence with the label '{name}' is left; give it more "
            "sentences or leave it out"
        )
    unseen = torch.tensor([key not in seen for key in wanted], dtype=torch.bool)
    if not unseen.any():
        if config.test is not None:
            raise DataError(
                f"{config.test}: every sentence is too long, or one of {config.source} too; give "
                "others"
            )
        # A tiny corpus may have no other sentence.
        warnings.warn(
            f"{config.source}: what is held out is also trained on, so that scores against it mean "
            "nothing; name other sentences in data.test",
            stacklevel=2,
        )
        tokens, unseen = train.batch(torch.arange(1)), torch.tensor([True])
    return Corpus(
        vocabulary=vocabulary,
        train=train,
        test=tokens["tokens"][unseen],
        max_length=length,
        mean_length=num_tokens / len(train),
        has_grammar=config.source == "builtin:scenes",
        labels=labels,
        test_labels=tokens["labels"][unseen] if labels else None,
    )


def _keys(tokens: Tensor) -> list[bytes]:
    return [row.tobytes() for row in tokens.numpy()]


def _take(rows: Rows, indices: Tensor) -> Tensor:
    if isinstance(rows, Tensor):
        return rows[indices]
    return torch.from_numpy(rows[indices.numpy()].astype(np.int64))
