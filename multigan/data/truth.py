"""Whether what a sentence means is true of a scene, and which part of it is.

A sentence of `multigan.data.grammar` means a frame: a subject, perhaps a second one, an object that
it stands beside, a place, a background, what the subject is or does. Where D are the things
described and P is what is said of them: "a D is P": some D is P. "two D are P": exactly two are.
"the D is P": there is one D, and it is P. "both D" and "the two D": there are two, and all are P.
"all three D": there are three, and all are P.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from multigan.data.phrases import Frame
from multigan.data.scenes import Scene, Thing, located, related

CLAIMS = ("objects", "colours", "relations")

_COUNTS = {"some": 1, "the": 1, "two": 2, "both": 2, "three": 3, "all": 3}
_PLACES = ("along", "across")


def holds(frame: Frame, scene: Scene) -> bool:
    """Whether what a frame says is true of a scene."""
    if frame.get("background", scene.background) != scene.background:
        return False
    if "also" in frame and not holds(frame["also"], scene):
        return False
    if not _quantified(frame["subject"], scene, lambda thing: _said_of(thing, frame, scene)):
        return False
    return "second" not in frame or _quantified(frame["second"], scene, lambda thing: True)


def claims(frame: Frame, scene: Scene) -> dict[str, bool]:
    """What a frame claims, kind by kind of `CLAIMS`, and whether the scene has it.

    "objects": things of every shape that is named, at least so many. "colours": things of every
    shape and colour that are named together. "relations": things as described, colour and size too,
    at the place or in the relation that is stated. No kind asks for more, so all three may be right
    where the sentence as a whole is not: two circles, where there are three.

    Returns:
        kind -> right or wrong; kinds that the frame does not speak of are left out.
    """
    clauses = [frame, frame["also"]] if "also" in frame else [frame]
    found: dict[str, bool] = {}
    for clause in clauses:
        for kind, right in _claims(clause, scene):
            found[kind] = found.get(kind, True) and right
    return found


def described(thing: Thing, phrase: Frame) -> bool:
    """Whether a thing has the qualities that a noun phrase names."""
    return all(
        phrase.get(key, value) == value
        for key, value in (("shape", thing.shape), ("colour", thing.colour), ("size", thing.size))
    )


def _claims(clause: Frame, scene: Scene) -> Iterator[tuple[str, bool]]:
    for role in ("subject", "second", "object"):
        if role not in clause:
            continue
        phrase = clause[role]
        if role == "subject":
            phrase = phrase | clause.get("quality", {})
        shape = {"shape": phrase["shape"]} if "shape" in phrase else {}
        enough = _COUNTS[phrase["number"]]
        yield "objects", sum(described(thing, shape) for thing in scene.things) >= enough
        if "colour" in phrase:
            pair = shape | {"colour": phrase["colour"]}
            yield "colours", sum(described(thing, pair) for thing in scene.things) >= enough
    if not clause.keys().isdisjoint(("relation", *_PLACES)):
        fitting = sum(
            described(thing, clause["subject"]) and _stands(thing, clause, scene)
            for thing in scene.things
        )
        yield "relations", fitting >= _COUNTS[clause["subject"]["number"]]


def _stands(thing: Thing, clause: Frame, scene: Scene) -> bool:
    """Whether a thing is at the place of a clause, beside as many others as it names."""
    if not all(located(clause[key], thing) for key in _PLACES if key in clause):
        return False
    if "relation" not in clause:
        return True
    others = sum(
        described(other, clause["object"]) and related(clause["relation"], thing, other)
        for other in scene.things
    )
    return others >= _COUNTS[clause["object"]["number"]]


def _said_of(thing: Thing, frame: Frame, scene: Scene) -> bool:
    """Whether the predicate of a frame is true of a thing."""
    if frame.get("action", thing.action) != thing.action:
        return False
    if "quality" in frame and not described(thing, frame["quality"]):
        return False
    if not all(located(frame[key], thing) for key in _PLACES if key in frame):
        return False
    if "relation" not in frame:
        return True
    return _quantified(
        frame["object"], scene, lambda other: related(frame["relation"], thing, other)
    )


def _quantified(phrase: Frame, scene: Scene, predicate: Callable[[Thing], bool]) -> bool:
    meant = [thing for thing in scene.things if described(thing, phrase)]
    true_of = sum(map(predicate, meant))
    match phrase["number"]:
        case "some":
            return true_of >= 1
        case "two":
            return true_of == 2
        case "three":
            return true_of == 3
    return len(meant) == true_of == _COUNTS[phrase["number"]]
