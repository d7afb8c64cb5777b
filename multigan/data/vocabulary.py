"""Words, characters or byte pairs as numbers, and back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor

from multigan.data.byte_pairs import NUM_BYTES, BytePairs, Merge, learn_merges
from multigan.errors import CheckpointError, DataError

Mode = Literal["word", "character", "bpe"]

PAD, BOS, EOS, UNK = range(4)
SPECIALS = ("<pad>", "<bos>", "<eos>", "<unk>")
MOST_COUNTED = 2**18  # different tokens counted at a time, which takes about 50 MB
MOST_PIECES = 30_000  # of byte pairs, where no size is given

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
        tokens: tokens after the special ones, in order; none for "bpe", where they are the 256
            bytes and what the merges make.
        mode: "word" splits at blanks and sets punctuation apart, "character" takes every character,
            "bpe" splits into byte pairs and loses nothing.
        lower: whether texts are put in lower case first.
        merges: for "bpe" only, see `BytePairs`.

    Raises:
        ValueError: a token occurs twice, is empty, or is a special one; tokens or merges do not fit
            the mode.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        *,
        mode: Mode = "word",
        lower: bool = False,
        merges: Sequence[Merge] = (),
    ) -> None:
        if mode not in ("word", "character", "bpe"):
            raise ValueError(f"unknown mode '{mode}'; choose word, character or bpe")
        if tokens if mode == "bpe" else merges:
            raise ValueError("byte pairs are given as merges, words and characters as tokens")
        self.mode: Mode = mode
        self.lower = lower
        self.merges = tuple(merges)
        self._pairs = BytePairs(self.merges) if mode == "bpe" else None
        self.tokens = (*SPECIALS, *(self._pairs.pieces if self._pairs else tokens))
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
        longest: int | None = None,
    ) -> Vocabulary:
        """Count the tokens of texts; the order of the texts does not matter.

        Memory is bounded whatever the number of texts: where there are more than `MOST_COUNTED`
        different tokens, the rarest are forgotten on the way.

        Args:
            texts: the corpus; it is read once.
            mode: "word", "character" or "bpe".
            lower: put texts in lower case first.
            min_count: rarer tokens become `<unk>`; rarer byte pairs are not merged.
            max_size: most tokens there may be, the four special ones included.
            longest: texts of more words or characters are not counted.

        Raises:
            DataError: no token is left, or `max_size` has no room for the bytes of "bpe".
        """
        if mode == "bpe":
            num_pieces = (max_size or MOST_PIECES) - len(SPECIALS)
            if num_pieces < NUM_BYTES:
                least = NUM_BYTES + len(SPECIALS)
                raise DataError(
                    f"byte pairs need vocabulary_size={least} or more: bytes and specials"
                )
            lowered = (text.lower() if lower else text for text in texts)
            merges = learn_merges(lowered, num_pieces=num_pieces, min_count=min_count)
            return cls((), mode=mode, lower=lower, merges=merges)
        splitter = cls((), mode=mode, lower=lower)
        split = (splitter.split(text) for text in texts)
        counts = _count(tokens for tokens in split if longest is None or len(tokens) <= longest)
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
        if self._pairs:
            return self._pairs.split(text)
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
        rows = [[*row[: length - 1], EOS] for row in rows]
        ids = torch.full((len(rows), length), PAD, dtype=torch.long)
        ends = torch.tensor([len(row) for row in rows], dtype=torch.long)
        filled = torch.arange(length) < ends[:, None]
        ids[filled] = torch.tensor([i for row in rows for i in row], dtype=torch.long)
        return ids

    def encode_prefix(self, text: str) -> list[int]:
        """Token numbers of the beginning of a text, for a generator to go on from; no `<eos>`.

        Raises:
            DataError: it has tokens that are not in the vocabulary.
        """
        # In byte pairs a blank belongs to the word after it, which is still to be written.
        tokens = self.split(text.rstrip() if self.mode == "bpe" else text)
        unknown = [f"'{token}'" for token in dict.fromkeys(tokens) if token not in self]
        if unknown:
            raise DataError(
                f"the vocabulary has no {', '.join(unknown)}; use words of the training texts"
            )
        return [self._ids[token] for token in tokens]

    def decode(self, ids: Tensor | Sequence[int]) -> str:
        """One text from token numbers (L,), up to its `<eos>`; `<pad>` and `<bos>` are left out.

        Words are joined by blanks with punctuation attached, the others by nothing.
        """
        words: list[str] = []
        for i in ids.tolist() if isinstance(ids, Tensor) else ids:
            if i == EOS:
                break
            if i not in (PAD, BOS):
                words.append(self.tokens[i])
        if self._pairs:
            return self._pairs.join(words)
        return "".join(words) if self.mode == "character" else _join(words)

    def decode_batch(self, ids: Tensor) -> list[str]:
        """Texts of token numbers (N, L)."""
        return [self.decode(row) for row in ids.tolist()]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able facts, from which `from_dict` makes the same vocabulary."""
        if self.mode == "bpe":
            merges = [list(merge) for merge in self.merges]
            return {"mode": self.mode, "lower": self.lower, "merges": merges}
        tokens = list(self.tokens[len(SPECIALS) :])
        return {"mode": self.mode, "lower": self.lower, "tokens": tokens}

    @classmethod
    def from_dict(cls, facts: Any) -> Vocabulary:
        """The vocabulary that `to_dict` described.

        Raises:
            CheckpointError: the facts are not those of a vocabulary.
        """
        is_bpe = isinstance(facts, dict) and facts.get("mode") == "bpe"
        content = "merges" if is_bpe else "tokens"
        if not isinstance(facts, dict) or set(facts) != {"mode", "lower", content}:
            raise CheckpointError(f"the vocabulary is damaged: expected mode, lower and {content}")
        lower, items = facts["lower"], facts[content]
        fits = _is_merge if is_bpe else _is_text
        if not isinstance(items, list) or not all(map(fits, items)):
            raise CheckpointError(f"the vocabulary is damaged: its {content} are not all texts")
        if not isinstance(lower, bool):
            raise CheckpointError("the vocabulary is damaged: lower is neither true nor false")
        try:
            if is_bpe:
                merges = [(first, second) for first, second in items]
                return cls((), mode="bpe", lower=lower, merges=merges)
            return cls(items, mode=facts["mode"], lower=lower)
        except (ValueError, TypeError) as error:
            raise CheckpointError(f"the vocabulary is damaged: {error}") from None


def lengths(ids: Tensor) -> Tensor:
    """Tokens before and including the first `<eos>`, int64 (N,), of ids (N, L); L where none is."""
    ended = (ids == EOS).long().cumsum(1)
    return (ended - (ids == EOS).long() == 0).sum(1)


def _count(split: Iterable[Sequence[str]]) -> Counter[str]:
    """Occurrences of tokens; of too many different ones, the rarer half is forgotten."""
    counts: Counter[str] = Counter()
    for tokens in split:
        counts.update(tokens)
        if len(counts) > MOST_COUNTED:
            median = sorted(counts.values())[len(counts) // 2]
            counts = Counter({token: n for token, n in counts.items() if n > median})
    return counts


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_merge(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_text, value))


def _join(words: Sequence[str]) -> str:
    text = ""
    for before, word in zip(("", *words), words, strict=False):
        glued = word in _CLOSING or before in _OPENING or _is_chinese(before + word)
        text += word if glued or not text else " " + word
    return text


def _is_chinese(text: str) -> bool:
    return bool(re.fullmatch(rf"[{_CHINESE}]+", text))
