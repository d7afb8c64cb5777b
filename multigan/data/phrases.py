"""A small phrase-structure grammar that one text defines and that works in both directions.

A rule reads `SYMBOL[features] = alternative | alternative`. In an alternative, lower-case words
stand for themselves, upper-case names for other symbols, `X?` for X or nothing; `3*` in front makes
it three times as likely to be said. A feature of one lower-case letter is a variable that runs over
the values given for it and agrees wherever it stands in a rule:

    NP[n] = DET[n] COLOUR NOUN[n]
    COLOUR = red {colour=red} | blue {colour=blue}

What a sentence means is a frame, a dictionary. `{key=value}` sets a key of the frame around it,
`slot:SYMBOL` puts the frame of the symbol under a key of its own. A key is set once: "a red circle
that is red" is no sentence where both set the colour. `parse` turns words into frames and `derive`
turns a frame into words, both by the same rules, so that what is said cannot drift from what is
understood.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Frame = dict[str, Any]  # key -> word of the language of meanings, or another frame


@dataclass(frozen=True)
class Item:
    """One part of an alternative: a word, or a symbol with the slot that its frame goes to."""

    name: str
    is_word: bool
    slot: str | None = None


@dataclass(frozen=True)
class Alternative:
    """One way to say a symbol: its parts in order, the keys it sets, how often it is said."""

    items: tuple[Item, ...]
    sets: Mapping[str, str]
    weight: int = 1


# An alternative and, part by part, the keys of the frame around it that the part sets.
Way = tuple[Alternative, tuple[frozenset[str], ...]]


class Grammar:
    """Rules in one text, without recursion and without empty alternatives.

    Args:
        text: one rule a line; a line that starts with `|` continues the rule above.
        features: values of each feature variable, {"n": ("sg", "pl")}.
        start: the symbol of a whole sentence.

    Raises:
        ValueError: a symbol without a rule, or recursion.
    """

    def __init__(self, text: str, *, features: Mapping[str, Sequence[str]], start: str) -> None:
        self.start = start
        self.rules: dict[str, list[Alternative]] = {}
        for line in re.sub(r"\n\s*\|", " |", text).strip().splitlines():
            if line.strip():
                self._add(line, features)
        self._known: dict[tuple[str, frozenset[Any]], list[Way]] = {}
        self._first: dict[str, frozenset[str]] = {}
        for symbol in self.rules:
            self._first_words(symbol, ())

    def words(self, symbol: str | None = None) -> set[str]:
        """Every word that a symbol, or a sentence, can contain."""
        items = {item for a in self.rules[symbol or self.start] for item in a.items}
        return {i.name for i in items if i.is_word}.union(
            *(self.words(i.name) for i in items if not i.is_word)
        )

    def parse(self, words: Sequence[str]) -> list[Frame]:
        """Frames of all readings of a sentence; an empty list where it is not one."""
        if not words or words[0] not in self._first[self.start]:
            return []
        spans = self._spans(self.start, 0, words, {})
        return [frame for end, frame in spans if end == len(words)]

    def derive(
        self, frame: Frame, rng: random.Random, *, symbol: str | None = None
    ) -> list[str] | None:
        """Words, chosen at random, that say exactly what the frame says; None where none do."""
        return self._derive(symbol or self.start, frame, rng)

    def count(self, symbol: str | None = None) -> int:
        """Number of derivations; two of them seldom give the same sentence."""
        total = 0
        for alternative in self.rules[symbol or self.start]:
            product = 1
            for item in alternative.items:
                product *= 1 if item.is_word else self.count(item.name)
            total += product
        return total

    def _spans(
        self, symbol: str, start: int, words: Sequence[str], memo: dict[tuple[str, int], Any]
    ) -> list[tuple[int, Frame]]:
        """Where a symbol that starts at a word can end, each with its frame."""
        known = memo.get((symbol, start))
        if known is not None:
            return known
        found: list[tuple[int, Frame]] = []
        for alternative in self._starts[symbol].get(words[start], ()):
            partial = [(start, dict(alternative.sets))]
            for item in alternative.items:
                partial = [
                    extended
                    for end, frame in partial
                    if end < len(words)
                    for extended in self._extend(item, end, frame, words, memo)
                ]
            found += partial
        memo[symbol, start] = found
        return found

    def _extend(
        self,
        item: Item,
        start: int,
        frame: Frame,
        words: Sequence[str],
        memo: dict[tuple[str, int], Any],
    ) -> list[tuple[int, Frame]]:
        if item.is_word:
            return [(start + 1, frame)] if words[start] == item.name else []
        if words[start] not in self._first[item.name]:
            return []
        spans = self._spans(item.name, start, words, memo)
        if item.slot:
            return [(end, {**frame, item.slot: inner}) for end, inner in spans]
        merged = [(end, {**frame, **inner}, len(frame) + len(inner)) for end, inner in spans]
        return [(end, both) for end, both, size in merged if len(both) == size]

    def _derive(self, symbol: str, frame: Frame, rng: random.Random) -> list[str] | None:
        way = self._choose(symbol, frame, rng)
        if way is None:
            return None
        words: list[str] = []
        for item, keys in zip(way[0].items, way[1], strict=True):
            if item.is_word:
                words.append(item.name)
            else:
                words += self._derive(item.name, _part(frame, item, keys), rng) or ()
        return words

    def _choose(self, symbol: str, frame: Frame, rng: random.Random) -> Way | None:
        ways = self._ways[symbol].get(frozenset(frame), ())
        if not any(isinstance(value, dict) for value in frame.values()):
            ways = self._possible_ways(symbol, frame)
            return ways[int(rng.random() * len(ways))] if ways else None
        start = int(rng.random() * len(ways))
        for i in range(len(ways)):  # the list is in random order, so that the next is as good
            way = ways[(start + i) % len(ways)]
            if self._is_possible(way, frame):
                return way
        return None

    def _possible_ways(self, symbol: str, frame: Frame) -> list[Way]:
        """Ways to say a frame without frames in it: there are few such frames, so all are kept."""
        key = (symbol, frozenset(frame.items()))
        if key not in self._known:
            ways = self._ways[symbol].get(frozenset(frame), ())
            self._known[key] = [way for way in ways if self._is_possible(way, frame)]
        return self._known[key]

    def _is_possible(self, way: Way, frame: Frame) -> bool:
        alternative, shares = way
        for key, value in alternative.sets.items():
            if frame[key] != value:
                return False
        for item, keys in zip(alternative.items, shares, strict=True):
            if item.is_word:
                continue
            part = _part(frame, item, keys)
            if any(isinstance(value, dict) for value in part.values()):
                ways = self._ways[item.name].get(frozenset(part), ())
                if not any(self._is_possible(inner, part) for inner in ways):
                    return False
            elif not self._possible_ways(item.name, part):
                return False
        return True

    @cached_property
    def _starts(self) -> dict[str, dict[str, list[Alternative]]]:
        """Symbol -> first word -> alternatives that can start with it."""
        starts: dict[str, dict[str, list[Alternative]]] = {}
        for symbol, alternatives in self.rules.items():
            starts[symbol] = {}
            for alternative in alternatives:
                for word in self._first_words_of(alternative.items[0]):
                    starts[symbol].setdefault(word, []).append(alternative)
        return starts

    @cached_property
    def _ways(self) -> dict[str, dict[frozenset[str], list[Way]]]:
        """Symbol -> keys of a frame -> ways to set just those keys, in random order."""
        done: dict[str, dict[frozenset[str], list[Way]]] = {}

        def visit(symbol: str) -> dict[frozenset[str], list[Way]]:
            if symbol not in done:
                ways: dict[frozenset[str], list[Way]] = {}
                for alternative in self.rules[symbol]:
                    for shares in itertools.product(*map(choices, alternative.items)):
                        keys = frozenset(alternative.sets).union(*shares)
                        if len(keys) == len(alternative.sets) + sum(map(len, shares)):
                            same = [(alternative, shares)] * alternative.weight
                            ways.setdefault(keys, []).extend(same)
                for several in ways.values():
                    random.Random(0).shuffle(several)
                done[symbol] = ways
            return done[symbol]

        def choices(item: Item) -> list[frozenset[str]]:
            if item.is_word:
                return [frozenset()]
            inner = list(visit(item.name))
            return [frozenset([item.slot])] if item.slot else inner

        for symbol in self.rules:
            visit(symbol)
        return done

    def _add(self, line: str, features: Mapping[str, Sequence[str]]) -> None:
        head, _, body = line.partition("=")
        for part in re.split(r"\s\|\s", body):
            for optional in _with_and_without(part):
                template = f"{head.strip()} = {optional}"
                bracketed = ",".join(re.findall(r"\[(.*?)\]", template))
                variables = [v for v in features if re.search(rf"\b{v}\b", bracketed)]
                for values in itertools.product(*(features[v] for v in variables)):
                    rule = _bind(template, dict(zip(variables, values, strict=True)))
                    symbol, _, alternative = rule.partition(" = ")
                    self.rules.setdefault(symbol, []).append(_alternative(alternative))

    def _first_words(self, symbol: str, above: tuple[str, ...]) -> frozenset[str]:
        if symbol in above:
            raise ValueError(f"symbol {symbol} contains itself")
        if symbol not in self.rules:
            raise ValueError(f"symbol {symbol} in {above[-1]} has no rule")
        if symbol not in self._first:
            for alternative in self.rules[symbol]:
                for item in alternative.items:
                    if not item.is_word:
                        self._first_words(item.name, (*above, symbol))
            starts = (self._first_words_of(a.items[0]) for a in self.rules[symbol])
            self._first[symbol] = frozenset().union(*starts)
        return self._first[symbol]

    def _first_words_of(self, item: Item) -> frozenset[str]:
        return frozenset([item.name]) if item.is_word else self._first[item.name]


def _part(frame: Frame, item: Item, keys: frozenset[str]) -> Frame:
    return frame[item.slot] if item.slot else {key: frame[key] for key in keys}


def _with_and_without(part: str) -> list[str]:
    """`a B? c` -> `a B c` and `a c`."""
    match = re.search(r"(\S+)\?", part)
    if match is None:
        return [part]
    before, after = part[: match.start()], part[match.end() :]
    return [x for p in (before + match[1] + after, before + after) for x in _with_and_without(p)]


def _bind(template: str, values: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        return "[" + ",".join(values.get(name, name) for name in match[1].split(",")) + "]"

    return re.sub(r"\[(.*?)\]", replace, template)


def _alternative(text: str) -> Alternative:
    sets = dict(pair.split("=") for body in re.findall(r"{(.*?)}", text) for pair in body.split())
    items = []
    weight = re.match(r"\s*(\d+)\*", text)
    for token in re.sub(r"{.*?}|\d+\*", "", text).split():
        slot, _, name = token.rpartition(":")
        items.append(Item(name=name, is_word=not name[0].isupper(), slot=slot or None))
    return Alternative(tuple(items), sets, weight=int(weight[1]) if weight else 1)
