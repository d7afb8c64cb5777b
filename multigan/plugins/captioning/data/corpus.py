"""Pictures and their captions as numbers."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from multigan.data.source import sentences
from multigan.data.transforms import image_transform, to_uint8
from multigan.data.vocabulary import EOS, PAD, UNK, Vocabulary
from multigan.errors import DataError
from multigan.plugins.captioning.data.collection import Collection, divide, open_collection
from multigan.plugins.captioning.recipe import CaptionData

LONGEST = 60  # words, where nobody says how many
COUNTED = 1000  # scenes whose captions are counted: they have no end
KEPT = 400_000_000  # bytes of pictures kept in memory


class Pictures(Dataset[dict[str, Tensor]]):
    """Pictures with some of their captions, drawn anew each time.

    Args:
        collection: what to read.
        captions: rows of tokens (C, L) of each picture, or None to encode them when asked for.
        vocabulary: of the captions.
        length: L, tokens of a row.
        count: K, captions of a picture in a sample; of a picture with fewer, some come twice.
        size: side that pictures are squeezed to.
        flip: mirror half of them.
        text: sentences (N, L), of which each sample has K beside; None: none.
    """

    def __init__(
        self,
        collection: Collection,
        captions: Sequence[Tensor] | None,
        *,
        vocabulary: Vocabulary,
        length: int,
        count: int,
        size: int,
        flip: bool = False,
        text: Tensor | None = None,
    ) -> None:
        self.collection, self.captions, self.vocabulary = collection, captions, vocabulary
        self.length, self.count, self.size, self.text = length, count, size, text
        self.flip = flip
        self._squeeze = image_transform(size, crop="none", flip=False)
        # A scene is drawn faster than it would be found again, and there are too many to keep.
        self._room = 0 if collection.scene else KEPT // (3 * size * size)
        self._kept: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.collection)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """``image`` uint8 (3, size, size), ``tokens`` int64 (K, L), and ``text`` if there is."""
        image, rows_CL = self.picture(index), self.rows(index)
        if self.flip and torch.rand(()) < 0.5:
            image = image.flip(2)
        order = torch.randperm(len(rows_CL))[: self.count]
        order = order.repeat(-(-self.count // len(order)))[: self.count]
        sample = {"image": image, "tokens": rows_CL[order]}
        if self.text is not None:
            sample["text"] = self.text[torch.randint(len(self.text), (self.count,))]
        return sample

    def picture(self, index: int) -> Tensor:
        """Uint8 (3, size, size)."""
        if index in self._kept:
            return self._kept[index]
        image = squeezed(self.collection.load(index), self.size, self._squeeze)
        if len(self._kept) < self._room:
            self._kept[index] = image
        return image

    def rows(self, index: int) -> Tensor:
        """All captions of a picture, int64 (C, L)."""
        if self.captions is not None:
            return self.captions[index]
        return self.vocabulary.encode(self.collection.captions(index), max_length=self.length)


def squeezed(pixels: Any, size: int, transform: Any = None) -> Tensor:
    """A picture, uint8 (H, W, 3), as uint8 (3, size, size): whole, whatever its shape was."""
    if pixels.shape == (size, size, 3):
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
    transform = transform or image_transform(size, crop="none", flip=False)
    return to_uint8(transform(pixels))


@dataclass(frozen=True)
class Corpus:
    """Pictures to train on and to evaluate with.

    Attributes:
        vocabulary: of the training captions.
        train: the data set.
        test: pictures to evaluate with; their captions may have any words.
        max_length: most words of a caption, without its eos.
        mean_length: tokens of a training caption on average, with its eos.
        several: whether pictures have more than one caption.
        known: training captions in words, to tell which captions are new; empty for scenes.
    """

    vocabulary: Vocabulary
    train: Pictures
    test: Collection
    max_length: int
    mean_length: float
    several: bool
    known: frozenset[str] = field(default=frozenset(), repr=False)


def load_corpus(config: CaptionData) -> Corpus:
    """Reads captions, builds the vocabulary and keeps some pictures for evaluation.

    Captions that are too long or have rare words are left out rather than cut: the evaluator would
    recognise people's captions by the scar.

    Raises:
        DataError: no caption is left, or the source cannot be read.
    """
    train = open_collection(
        config.source,
        pictures=config.pictures,
        group=config.group,
        builtin_size=config.builtin_size,
        crowded=config.crowded,
        size=config.size,
    )
    if train.scene is not None:
        test = open_collection(config.source, split="validation", size=config.size)
    elif config.test is not None:
        folder = config.test_pictures or config.pictures
        test = open_collection(config.test, pictures=folder, split="validation")
    else:
        train, test = divide(train, share=config.held_out)
    return _scenes(config, train, test) if train.scene else _read(config, train, test)


def _scenes(config: CaptionData, train: Collection, test: Collection) -> Corpus:
    """All words are known beforehand, and captions are said when they are asked for."""
    from multigan.data.grammar import vocabulary

    words = Vocabulary.build(vocabulary(), lower=True)
    counted = range(min(COUNTED, len(train)))
    lengths = [len(words.split(text)) for i in counted for text in train.captions(i)]
    longest = config.max_length or max(lengths)
    if longest < max(lengths):
        raise DataError(f"captions of scenes have up to {max(lengths)} words: leave max_length out")
    pictures = Pictures(
        train, None, vocabulary=words, length=longest + 1, count=config.captions,
        size=config.size, flip=config.flip,
    )  # fmt: skip
    mean = 1 + sum(lengths) / len(lengths)
    return Corpus(words, pictures, test, longest, mean, several=config.captions > 1)


def _read(config: CaptionData, train: Collection, test: Collection) -> Corpus:
    texts = [list(train.captions(i)) for i in range(len(train))]
    language = sentences(config.text) if config.text is not None else []
    splitter = Vocabulary((), lower=True)
    lengths = Counter(len(splitter.split(text)) for of in texts for text in of)
    longest = config.max_length or _usual(lengths)
    vocabulary = Vocabulary.build(
        (text for of in (*texts, language) for text in of),
        lower=True,
        min_count=config.min_count,
        max_size=config.vocabulary_size,
        longest=None if language else longest,
    )
    encoded = [_encode(of, vocabulary, longest) for of in texts]
    kept = [i for i, rows in enumerate(encoded) if len(rows)]
    if not kept:
        raise DataError(
            f"{config.source}: every caption is too long or has a rare word; raise "
            "data.max_length or lower data.min_count"
        )
    dropped = sum(map(len, texts)) - sum(map(len, encoded))
    if dropped > sum(map(len, texts)) / 2:
        warnings.warn(
            f"{config.source}: {dropped} captions are left out as too long or with rare words; see "
            "data.max_length, data.min_count and data.vocabulary_size",
            stacklevel=2,
        )
    rows = [encoded[i] for i in kept]
    text = _encode(language, vocabulary, longest) if language else None
    if text is not None and not len(text):
        raise DataError(f"{config.text}: every sentence is too long or has a rare word")
    count = min(config.captions, max(map(len, rows)))
    pictures = Pictures(
        train.some(kept), rows, vocabulary=vocabulary, length=longest + 1, count=count,
        size=config.size, flip=config.flip, text=text,
    )  # fmt: skip
    tokens = torch.cat(rows)
    return Corpus(
        vocabulary,
        pictures,
        test,
        longest,
        float((tokens != PAD).sum() / len(tokens)),
        several=min(map(len, rows)) > 1,
        known=frozenset(vocabulary.decode_batch(tokens)),
    )


def _usual(lengths: Counter[int]) -> int:
    """The length that 99% of the captions do not exceed: rare long ones slow every batch down."""
    wanted = math.ceil(0.99 * lengths.total())
    for length in sorted(lengths):
        wanted -= lengths[length]
        if wanted <= 0:
            break
    return max(1, min(LONGEST, length))


def _encode(texts: Sequence[str], vocabulary: Vocabulary, length: int) -> Tensor:
    """Rows (N, length + 1) of those captions that are short and whose words are all known."""
    # One place more than fits, in which a caption that is too long has its eos.
    tokens = vocabulary.encode(texts, max_length=length + 2)
    fits = (tokens[:, 0] != EOS) & (tokens[:, -1] == PAD) & (tokens != UNK).all(1)
    return tokens[fits, :-1]
