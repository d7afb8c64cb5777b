"""Scores of captions as published tables have them. Imports no torch."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from multigan.metrics.caption_bleu import caption_bleu
from multigan.metrics.caption_diversity import Sentence, caption_diversity, vocabulary
from multigan.metrics.cider import cider
from multigan.metrics.diversity import novelty
from multigan.metrics.rouge import rouge_l

ACCURACY = ("bleu", "rouge-l", "cider")


def accuracy(
    hypotheses: Sequence[Sentence],
    references: Sequence[Sequence[Sentence]],
    *,
    metrics: Collection[str] = ACCURACY,
) -> dict[str, float]:
    """Scores of one caption for each picture against its references, as coco-caption counts them.

    Args:
        hypotheses: tokenised, one for each picture.
        references: tokenised, at least one for each picture.
        metrics: which of `ACCURACY`.

    Returns:
        "bleu-1" to "bleu-4" and "rouge-l" in [0, 1]; "cider" in [0, 10], and the same as "cider-d",
        its name in the paper.

    Raises:
        ValueError: no picture, or one without references.
    """
    found: dict[str, float] = {}
    if "bleu" in metrics:
        found |= {f"bleu-{n}": value for n, value in caption_bleu(hypotheses, references).items()}
    if "rouge-l" in metrics:
        found["rouge-l"] = _mean(rouge_l(hypotheses, references))
    if "cider" in metrics:
        found["cider"] = found["cider-d"] = _mean(cider(hypotheses, references))
    return found


def variety(
    captions: Sequence[Sequence[Sentence]], *, train: Sequence[Sentence] = ()
) -> dict[str, float]:
    """How varied captions are: in a picture, over all pictures, beside the training data.

    Args:
        captions: tokenised, as many of each picture.
        train: the training captions.

    Returns:
        "div-1", "div-2" and "mbleu-4" where there are several captions of a picture; "vocabulary",
        the number of different words in all; with training captions "novelty", the share that is
        not one of them.

    Raises:
        ValueError: no picture, or not as many captions of each.
    """
    every = [caption for own in captions for caption in own]
    found = {} if len(every) == len(captions) else caption_diversity(captions)
    found["vocabulary"] = vocabulary(every)
    if train:
        found["novelty"] = novelty(every, train)
    return found


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
