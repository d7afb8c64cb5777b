"""How much several captions of one picture differ, as Shetty et al. (2017) measure it."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence

from multigan.metrics.caption_bleu import mutual_bleu

Sentence = Sequence[Hashable]


def caption_diversity(captions: Sequence[Sequence[Sentence]]) -> dict[str, float]:
    """Div-1, Div-2 and mBLEU-4 of captions, several of each picture.

    Div-n is the number of different n-grams in the captions of a picture divided by the number of
    *words* in them (for n = 2 too), mean over pictures. mBLEU-4 is coco-caption's corpus BLEU of
    the first captions of all pictures against the other captions of each, the same for the second
    ones and so on, mean of these: high is monotonous. All depend on the number of captions of a
    picture, five in published tables.

    Args:
        captions: for each picture the same number of tokenised captions, at least two.

    Returns:
        "div-1", "div-2" and "mbleu-4".

    Raises:
        ValueError: no picture, fewer than two captions, or not the same number everywhere.
    """
    mutual = mutual_bleu(captions)
    found = {
        f"div-{n}": math.fsum(_div(own, n) for own in captions) / len(captions) for n in (1, 2)
    }
    return found | {"mbleu-4": mutual[4]}


def vocabulary(sentences: Iterable[Sentence]) -> int:
    """Number of different words."""
    return len({word for sentence in sentences for word in sentence})


def _div(captions: Sequence[Sentence], order: int) -> float:
    words = sum(map(len, captions))
    grams = {
        tuple(caption[start : start + order])
        for caption in captions
        for start in range(len(caption) - order + 1)
    }
    return len(grams) / words if words else 0.0
