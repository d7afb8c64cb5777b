"""Words or characters as numbers, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from multigan.errors import CheckpointError, DataError

Mode = Literal["word", "character"]

PAD, BOS, EOS, UNK = range(4)
SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")

_CHINESE = (
    r"\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"  # one character, one word
)
_WORD = re.compile(
    rf"[{_CHINESE}]|(?:(?![{_CHINESE}])\w)+(?:['’\-](?:(?![{_CHINESE}])\w)+)*|[^\w\s]"
)
_CLOSING = set(".,;:!?%)]}…") | {"'s"}
_OPENING = set("([{$#")


class Vocabulary:
    """The tokens of a corpus: `<pad> <bos> <eos> <unk>` are 0 to 3, then frequent ones first.

    Args:
        tokens: tokens after the special ones, in order.
        mode: "word" splits at blanks and sets punctuation apart, "character" takes every character.
        lower: whether texts are put in lower case first.

    Raises:
        ValueError: a token occurs twice, is empty, or is a special one.
    """

    def __init__(self, tokens: Sequence[str], *, mode: Mode = "word", lower: bool = False) -> None:
        if mode not in ("word", "character"):
            raise ValueError(f"unknown mode '{mode}'; choose word or character")
        self.mode: Mode = mode
        self.lower = lower
        self.tokens = (*SPECIALS, *tokens)
        self._ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens) or "" in self._ids:
            raise ValueError("tokens have to be different from each other and not empty")

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        *,
        mode: Mode = "word",
        lower: bool = False,
        min_count: int = 1,
        max_size: int | None = None,
    ) -> Vocabulary:
        """Count the tokens of texts; the order of the texts does not matter.

        Args:
            texts: the corpus.
            mode: "word" or "character".
            lower: put texts in lower case first.
            min_count: rarer tokens become `<unk>`.
            max_size: most tokens there may be, the four special ones included.

        Raises:
            DataError: no token is left.
        """
        splitter = cls((), mode=mode, lower=lower)
        counts = Counter(token for text in texts for token in splitter.split(text))
        ordered = sorted(counts, key=lambda token: (-counts[token], token))
        kept = [t for t in ordered if counts[t] >= min_count and t not in SPECIALS]
        if max_size is not None:
            kept = kept[: max(0, max_size - len(SPECIALS))]
        if not kept:
            raise DataError("the texts have no token left; lower min_count or give more text")
        return cls(kept, mode=mode, lower=lower)

    def __len__(self) -> int:
        """Number of tokens with the special ones."""
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def split(self, text: str) -> list[str]:
        """The tokens of a text, known or not."""
        text = text.lower() if self.lower else text
        if self.mode == "word":
            return _WORD.findall(text)
        return [character for character in text if character.isprintable()]

    def encode(self, texts: Sequence[str], *, max_length: int | None = None) -> Tensor:
        """Texts as token numbers, each closed by `<eos>` and filled up with `<pad>`; no `<bos>`.

        A generator starts from `BOS` and a critic sees what it writes, so `<bos>` is never data.

        Args:
            texts: N texts.
            max_length: longest row, its `<eos>` included; longer texts are cut; None fits all.

        Returns:
            int64, (N, L), L = `max_length` or the longest row.
        """
        rows = [[self._ids.get(token, UNK) for token in self.split(text)] for text in texts]
        length = max_length or max((len(row) + 1 for row in rows), default=1)
        ids = torch.full((len(rows), length), PAD, dtype=torch.long)
        for i, row in enumerate(rows):
            row = [*row[: length - 1], EOS]
            ids[i, : len(row)] = torch.tensor(row)
        return ids

    def decode(self, ids: Tensor | Sequence[int]) -> str:
        """One text from token numbers (L,), up to its `<eos>`; `<pad>` and `<bos>` are left out.

        Words are joined by blanks with punctuation attached, Chinese and characters by nothing.
        """
        words: list[str] = []
        for i in ids.tolist() if isinstance(ids, Tensor) else ids:
            if i == EOS:
                break
            if i not in (PAD, BOS):
                words.append(self.tokens[i])
        return "".join(words) if self.mode == "character" else _join(words)

    def decode_batch(self, ids: Tensor) -> list[str]:
        """Texts of token numbers (N, L)."""
        return [self.decode(row) for row in ids.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able facts, from which `from_dict` makes the same vocabulary."""
        tokens = list(self.tokens[len(SPECIALS) :])
        return {"mode": self.mode, "lower": self.lower, "tokens": tokens}

    @classmethod
    def from_dict(cls, facts: Any) -> Vocabulary:
        """The vocabulary that `to_dict` described.

        Raises:
            CheckpointError: the facts are not those of a vocabulary.
        """
        if not isinstance(facts, dict) or set(facts) != {"mode", "lower", "tokens"}:
            raise CheckpointError("the vocabulary is damaged: expected mode, lower and tokens")
        mode, lower, tokens = facts["mode"], facts["lower"], facts["tokens"]
        if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
            raise CheckpointError("the vocabulary is damaged: its tokens are not a list of texts")
        if not isinstance(lower, bool):
            raise CheckpointError("the vocabulary is damaged: lower is neither true nor false")
        try:
            return cls(tokens, mode=mode, lower=lower)
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"the vocabulary is damaged: {error}") from None


def lengths(ids: Tensor) -> Tensor:
    """Tokens before and including the first `<eos>`, int64 (N,), of ids (N, L); L where none is."""
    ended = (ids == EOS).long().cumsum(1)
    return (ended - (ids == EOS).long() == 0).sum(1)


def _join(words: Sequence[str]) -> str:
    text = ""
    for before, word in zip(("", *words), words, strict=False):
        glued = word in _CLOSING or before in _OPENING or _is_chinese(before + word)
        text += word if glued or not text else " " + word
    return text


def _is_chinese(text: str) -> bool:
    return bool(re.fullmatch(rf"[{_CHINESE}]+", text))
