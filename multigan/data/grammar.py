"""Captions of `builtin:scenes`: written, recognised and checked by one grammar.

`captions` says true things about a scene the way people do, `is_grammatical` recognises every
sentence of the grammar (it keeps no list of seen ones), `is_true` tells whether one fits a scene,
and `truth` what is wrong where one does not. Captions are lower case, without punctuation, 5 to 16
words long.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from functools import cache

from multigan.data.phrases import Frame, Grammar
from multigan.data.scenes import Scene, Thing, located
from multigan.data.truth import CLAIMS, claims, described, holds

_SENTENCES = """
SENTENCE = STILL | MOVING

STILL = there BE[n] subject:NP[n] GROUND? | LEAD subject:NP[n] GROUND?
| here BE[n] subject:NP[n] GROUND?
| GROUND there BE[n] subject:NP[n] | the background is GREY and there BE[n] subject:NP[n]
| there BE[n] subject:NP[n] and second:NP[m] GROUND? | LEAD subject:NP[n] and second:NP[m] GROUND?
| subject:NP[n] and second:NP[m] are SEEN GROUND? | subject:NP[n] BE[n] SEEN GROUND
| there BE[n] subject:NP[n] WHERE | LEAD subject:NP[n] WHERE | WHERE there BE[n] subject:NP[n]
| WHERE LEAD subject:NP[n] | subject:ANY[n] LIE[n] WHERE | WHERE LIE[n] subject:NP[n]
| there BE[n] subject:NP[n] BESIDE object:ANY[m] | LEAD subject:NP[n] BESIDE object:ANY[m]
| LEAD subject:PLAIN[n] that LIE[n] BESIDE object:ANY[m]
| subject:ANY[n] LIE[n] BESIDE object:ANY[m]
| BESIDE object:ANY[m] there BE[n] subject:NP[n] | BESIDE object:ANY[m] LIE[n] subject:NP[n]
| subject:ANY[n] BE[n] THAN object:ANY[sg]
| there BE[n] subject:PLAIN[n] that BE[n] THAN object:ANY[sg]
| LEAD subject:PLAIN[n] that BE[n] THAN object:ANY[sg] | QUALITY | QUALITY and also:QUALITY

MOVING = MOVE | MOVE CONJUNCTION also:MOVE | LEAD subject:PLAIN[n] that DO[n]
| LEAD subject:NP[n] DOING
| there BE[n] subject:PLAIN[n] that DO[n] | there BE[n] subject:NP[n] DOING
MOVE = subject:ANY[n] DO[n] | subject:ANY[n] BE[n] DOING
CONJUNCTION = and | while
QUALITY = subject:DEF[n] BE[n] quality:HUE[p] | subject:DEF[n] BE[n] quality:SIZE[p]

LEAD = PICTURE shows | PICTURE contains | we see | we can see | you can see
PICTURE = the picture | the image | this picture | this image
SEEN = shown | visible
GROUND = on a GREY background
GREY = white {background=white} | black {background=black} | grey {background=grey}

ANY[n] = NP[n] | DEF[n]
NP[n] = 4* PLAIN[n] | PLAIN[n] that BE[n] HUE[p] | PLAIN[n] that BE[n] SIZE[p]
PLAIN[sg] = a NOM[sg,c] {number=some} | an NOM[sg,v] {number=some}
PLAIN[pl] = two NOM[pl,p] {number=two} | three NOM[pl,p] {number=three}
DEF[sg] = the NOM[sg,p] {number=the}
DEF[pl] = both NOM[pl,p] {number=both} | the two NOM[pl,p] {number=both}
| all three NOM[pl,p] {number=all}
NOM[n,p] = NOUN[n,p] | SIZE[p] NOUN[n,q] | HUE[p] NOUN[n,q] | SIZE[p] HUE[q] NOUN[n,r]

SIZE[c] = small {size=small} | tiny {size=small} | large {size=large} | big {size=large}
SIZE[v] = enormous {size=large}
HUE[c] = red {colour=red} | green {colour=green} | blue {colour=blue} | yellow {colour=yellow}
| purple {colour=purple} | pink {colour=pink} | brown {colour=brown}
HUE[v] = orange {colour=orange}
BE[sg] = is
BE[pl] = are
LIE[n] = BE[n] | can be seen
LIE[sg] = sits | lies
LIE[pl] = sit | lie

BESIDE = to the left of {relation=left} | left of {relation=left} | to the right of {relation=right}
| right of {relation=right} | above {relation=above}
| below {relation=below} | under {relation=below}
THAN = bigger than {relation=bigger} | larger than {relation=bigger}
| smaller than {relation=smaller}
WHERE = at the EDGE | in the middle {across=middle} | on the SIDE | in the EDGE SIDE corner
EDGE = top {along=top} | bottom {along=bottom}
SIDE = left {across=left} | right {across=right}

DO[sg] = moves WAY | bounces {action=bounce} | grows {action=grow}
| gets bigger {action=grow} | shrinks {action=shrink} | gets smaller {action=shrink}
| spins {action=spin} | stays still {action=still}
DO[pl] = move WAY | bounce {action=bounce} | grow {action=grow} | get bigger {action=grow}
| shrink {action=shrink} | get smaller {action=shrink} | spin {action=spin}
| stay still {action=still}
DOING = moving WAY | bouncing {action=bounce} | growing {action=grow}
| getting bigger {action=grow} | shrinking {action=shrink} | getting smaller {action=shrink}
| spinning {action=spin} | staying still {action=still}
WAY = to the left {action=left} | left {action=left} | to the right {action=right}
| right {action=right} | up {action=up} | down {action=down}
"""
_NOUNS = {
    "circle": ("circle circles",),
    "square": ("square squares", "box boxes"),
    "triangle": ("triangle triangles",),
    "star": ("star stars",),
    "diamond": ("diamond diamonds",),
    "ring": ("ring rings",),
    "cross": ("cross crosses",),
    "oval": ("oval ovals",),
    "": ("shape shapes", "object objects"),
}
_LENGTHS = range(5, 17)


def captions(scene: Scene, n: int = 5, *, moving: bool = False, seed: int = 0) -> list[str]:
    """Different true sentences about a scene, always the same ones for the same scene and seed.

    Args:
        scene: what to speak of.
        n: how many; the first n of more are the same sentences.
        moving: speak of what happens in the clip instead of what the picture shows.
        seed: another seed, other sentences.
    """
    rng = random.Random(f"{seed} {moving} {scene}")
    grammar, symbol = _grammar(), "MOVING" if moving else "STILL"
    found: dict[str, None] = {}
    while len(found) < n:
        frame = _plan_motion(scene, rng) if moving else _plan_still(scene, rng)
        words = grammar.derive(frame, rng, symbol=symbol) if holds(frame, scene) else None
        if words and len(words) in _LENGTHS:
            found[" ".join(words)] = None
    return list(found)


def is_grammatical(sentence: str) -> bool:
    """Whether a sentence is one of the language of captions, true or not, of any length."""
    return bool(_grammar().parse(sentence.split()))


def is_true(sentence: str, scene: Scene) -> bool:
    """Whether a sentence is grammatical and one of its readings is true of a scene."""
    return any(holds(frame, scene) for frame in _grammar().parse(sentence.split()))


def truth(sentences: Sequence[str], scenes: Sequence[Scene]) -> dict[str, float]:
    """How true sentences are, each of the scene beside it.

    Returns:
        Shares: "grammatical" and "true" of all sentences; of the grammatical ones "objects", and of
        those that name a colour, or a place or relation, "colours" and "relations" (see
        `multigan.data.truth.claims`). What no sentence speaks of is left out.

    Raises:
        ValueError: no sentence, or another number of scenes.
    """
    if not sentences or len(sentences) != len(scenes):
        raise ValueError(f"{len(sentences)} sentences and {len(scenes)} scenes: give one for each")
    made, right = Counter[str](), Counter[str]()
    for sentence, scene in zip(sentences, scenes, strict=True):
        frames = _grammar().parse(sentence.split())
        made.update(("grammatical", "true"))
        right["grammatical"] += bool(frames)
        right["true"] += any(holds(frame, scene) for frame in frames)
        found = [claims(frame, scene) for frame in frames]
        for kind in CLAIMS:
            readings = [each[kind] for each in found if kind in each]
            made[kind] += bool(readings)
            right[kind] += any(readings)
    return {kind: right[kind] / number for kind, number in made.items() if number}


def vocabulary(*, moving: bool = False) -> list[str]:
    """All words that captions of pictures, or of clips, can have, in alphabetical order."""
    return sorted(_grammar().words("MOVING" if moving else "STILL"))


@cache
def _grammar() -> Grammar:
    numbers, sounds = ("sg", "pl"), ("c", "v")  # grammatical number; consonant or vowel first
    text = _SENTENCES
    for shape, pairs in _NOUNS.items():
        meaning = f"{{shape={shape}}}" if shape else ""
        for pair in pairs:
            for number, noun in zip(numbers, pair.split(), strict=True):
                sound = "v" if noun[0] in "aeiou" else "c"
                text += f"NOUN[{number},{sound}] = {noun} {meaning}\n"
    features = {"n": numbers, "m": numbers, "p": sounds, "q": sounds, "r": sounds}
    return Grammar(text, features=features, start="SENTENCE")


def _plan_still(scene: Scene, rng: random.Random) -> Frame:
    """Something to say about a picture; it need not be true yet."""
    subject = rng.choice(scene.things)
    others = [thing for thing in scene.things if thing is not subject]
    frame: Frame = {"subject": _describe(subject, scene, rng)}
    kind = rng.choice(
        ["there", "and", "ground", "where", "relation", "relation", "relation", "than", "quality"]
    )
    if kind in ("and", "relation", "than") and not others:
        kind = "where"
    match kind:
        case "and":
            second = [thing for thing in others if not described(thing, frame["subject"])]
            if second:  # else it would count the same thing twice
                frame["second"] = _describe(rng.choice(second), scene, rng)
        case "where":
            axes = (("along", ("top", "bottom")), ("across", ("left", "right", "middle")))
            for key, places in axes:
                fitting = [place for place in places if located(place, subject)]
                if fitting and rng.random() < 0.7:
                    frame[key] = fitting[0]
        case "relation" | "than":
            other = rng.choice(others)
            frame["relation"] = _relation(subject, other, rng, kind)
            frame["object"] = _describe(other, scene, rng)
        case "quality":
            _give_quality(frame, subject, scene, rng)
            if others and rng.random() < 0.8:
                other = rng.choice(others)
                frame["also"] = {"subject": _describe(other, scene, rng)}
                _give_quality(frame["also"], other, scene, rng)
    if kind == "ground" or (kind in ("and", "there") and rng.random() < 0.4):
        frame["background"] = scene.background
    return frame


def _plan_motion(scene: Scene, rng: random.Random) -> Frame:
    """Something to say about a clip; it need not be true yet."""
    first, *rest = rng.sample(scene.things, len(scene.things))
    frame: Frame = {"subject": _describe(first, scene, rng), "action": first.action}
    if rest and rng.random() < 0.4:
        frame["also"] = {"subject": _describe(rest[0], scene, rng), "action": rest[0].action}
    return frame


def _relation(subject: Thing, other: Thing, rng: random.Random, kind: str) -> str:
    if kind == "than":
        return rng.choice(("bigger", "smaller"))
    dx, dy = subject.x - other.x, subject.y - other.y
    if abs(dx) > abs(dy):  # what people would say first
        return "left" if dx < 0 else "right"
    return "above" if dy < 0 else "below"


def _describe(thing: Thing, scene: Scene, rng: random.Random) -> Frame:
    """A noun phrase that fits a thing, with some of its qualities and a number that is right."""
    phrase: Frame = {}
    for key, chance in (("shape", 0.93), ("colour", 0.75), ("size", 0.5)):
        if rng.random() < chance:
            phrase[key] = getattr(thing, key)
    number = sum(described(other, phrase) for other in scene.things)
    # "a" is always right: of two that look alike only one may do what is said.
    numbers = ("some the", "two both some", "three all some")[number - 1]
    phrase["number"] = rng.choice(numbers.split())
    return phrase


def _give_quality(frame: Frame, thing: Thing, scene: Scene, rng: random.Random) -> None:
    """Turn "the red circle" into "the circle is red"."""
    key = rng.choice(("colour", "size"))
    frame["subject"].pop(key, None)
    frame["quality"] = {key: getattr(thing, key)}
    number = sum(described(other, frame["subject"]) for other in scene.things)
    frame["subject"]["number"] = ("the", "both", "all")[number - 1]
