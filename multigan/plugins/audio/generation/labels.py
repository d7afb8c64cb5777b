"""Classes of two parts, such as a word and who says it: "7_jackson".

What stands before the first underscore is the first part; a name without one is its own. Whoever
asks for "7" gets it from one speaker after the other, and whoever asks for nothing gets the first
parts in turn.
"""

from __future__ import annotations

from collections.abc import Sequence


def first_part(name: str) -> str:
    """ "7" of "7_jackson"."""
    return name.partition("_")[0] or name


def members(classes: Sequence[str], label: str) -> list[int]:
    """Numbers of the classes that a label means: the one of that name, or all it is a part of."""
    if label in classes:
        return [list(classes).index(label)]
    return [number for number, name in enumerate(classes) if first_part(name) == label]


def in_turn(classes: Sequence[str], count: int) -> list[int]:
    """Class numbers for so many samples: first parts in turn, of each its classes in turn."""
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(classes):
        groups.setdefault(first_part(name), []).append(number)
    each = list(groups.values())
    turns = [divmod(place, len(each)) for place in range(count)]
    # Neighbours are to differ in both parts, so that a handful of samples shows both.
    return [each[group][(turn + group) % len(each[group])] for turn, group in turns]
