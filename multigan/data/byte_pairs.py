"""Byte-level byte-pair encoding: texts as pieces of words, with nothing unknown and nothing lost.

The pieces are the 256 bytes, and what learnt merges make of them (Sennrich et al. 2016, on bytes as
in GPT-2, Radford et al. 2019). They are written as `tokenizers` writes them: one printable
character a byte, "Ġ" for a blank, so that "a dog" may be "a", "Ġdog".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

NUM_BYTES = 256
MOST_CHARACTERS = 10_000_000  # of the texts that merges are learnt from: 2 s and 100 MB

Merge = tuple[str, str]


class BytePairs:
    """Splits texts into pieces and joins pieces to texts; every text survives exactly.

    Args:
        merges: pairs of pieces that become one, the first to be merged first.

    Raises:
        ValueError: a merge is of pieces that no byte and no merge before it gives.
    """

    def __init__(self, merges: Sequence[Merge]) -> None:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers

        ids = {piece: i for i, piece in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
        for first, second in merges:
            if first not in ids or second not in ids:
                raise ValueError(f"it merges '{first}' and '{second}' before they exist")
            ids.setdefault(first + second, len(ids))
        self.pieces = tuple(ids)
        self._tokenizer = Tokenizer(models.BPE(vocab=ids, merges=list(merges)))
        self._tokenizer.pre_tokenizer = _words(pre_tokenizers)
        self._decoder = decoders.ByteLevel()

    def split(self, text: str) -> list[str]:
        """The pieces of a text."""
        pieces: list[str] = self._tokenizer.encode(text).tokens
        return pieces

    def join(self, pieces: Sequence[str]) -> str:
        """The text of pieces; bytes that are no UTF-8 become U+FFFD."""
        text: str = self._decoder.decode(list(pieces))
        return text


def learn_merges(texts: Iterable[str], *, num_pieces: int, min_count: int = 1) -> list[Merge]:
    """The merges that shorten texts most; the order of the texts does not matter.

    Of more than `MOST_CHARACTERS` characters an even sample is learnt from, which does depend on
    the order.

    Args:
        texts: the corpus; it is read once.
        num_pieces: most pieces there are to be, the 256 bytes included.
        min_count: pairs that occur less often are not merged.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _words(pre_tokenizers)
    trainer = trainers.BpeTrainer(
        vocab_size=num_pieces,
        min_frequency=min_count,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample(texts), trainer)
    facts = json.loads(tokenizer.to_str())
    return [(first, second) for first, second in facts["model"]["merges"]]


def _words(pre_tokenizers: Any) -> Any:
    """No piece reaches over the border of a word; a blank belongs to the word after it."""
    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def _sample(texts: Iterable[str]) -> list[str]:
    """Every text, or every second, fourth ... where all would be too many characters."""
    kept: list[str] = []
    size, stride = 0, 1
    for i, text in enumerate(texts):
        if i % stride == 0:
            kept.append(text)
            size += len(text)
        if size > MOST_CHARACTERS:
            kept, stride = kept[::2], 2 * stride
            size = sum(map(len, kept))
    return kept
