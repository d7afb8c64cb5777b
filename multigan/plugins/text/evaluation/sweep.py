"""The temperature sweep: a GAN beside its baseline over the whole range of quality and diversity.

A low temperature makes any language model write better and less varied sentences, so one number for
quality says nothing about a generator, and GANs that beat likelihood training at temperature 1 have
lost to it at the same diversity (Caccia et al. 2020). Here every model is scored at several
temperatures with the same seeds, counts and references; real text scored in the same way says what
can be reached.
"""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from multigan.metrics.bleu import bleu, self_bleu
from multigan.metrics.diversity import distinct
from multigan.metrics.language_model import LanguageModel, count_words

Sentences = Sequence[Sequence[Hashable]]
Writer = Callable[[int, int, float], Sentences]
"""(count, seed, temperature) -> so many sentences, each a list of words or of their numbers."""
Measure = Callable[[Sentences, float | None], Mapping[str, float]]
"""(sample, temperature) -> further scores, such as the NLL of held-out text at a temperature."""

TEMPERATURES = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
REAL_TRAIN, REAL_TEST = "real: training", "real: held out"
ORDERS = (2, 3, 4, 5)
LOWER_IS_BETTER = ("lm", "nll-test", "nll-oracle")  # of the scores of quality


@dataclass(frozen=True)
class Row:
    """Scores of one sample.

    Attributes:
        model: who wrote it; `REAL_TRAIN` and `REAL_TEST` are people.
        temperature: None for real text.
        seed: of the sample.
        num_samples: sentences scored.
        num_references: held-out sentences that they were compared with.
        scores: name -> value.
    """

    model: str
    temperature: float | None
    seed: int
    num_samples: int
    num_references: int
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Matched:
    """Quality of a model minus that of its baseline at the same diversity.

    Attributes:
        difference: mean over seeds.
        spread: standard deviation over seeds; 0 where there is one.
        num_seeds: how many.
    """

    difference: float
    spread: float
    num_seeds: int


def sweep(
    writers: Mapping[str, Writer],
    *,
    references: Sentences,
    train: Sentences,
    count: int = 1000,
    temperatures: Sequence[float] = TEMPERATURES,
    seeds: Sequence[int] = (0, 1, 2),
    further: Mapping[str, Measure] | None = None,
    as_text: bool = True,
) -> list[Row]:
    """Scores every model at every temperature and seed, and real text in the same way.

    Scores: BLEU-2..5 against the references, self-BLEU-2..5, lm, reverse-lm, distinct-2. The
    language models of all rows have one vocabulary, that of all texts together.

    Args:
        writers: name -> what writes the sentences.
        references: held-out sentences, tokenised as the writers' are.
        train: sentences that the models were trained on.
        count: sentences a sample; the same everywhere, as most scores depend on it.
        temperatures: of the curve; `matched` needs 1 among them.
        seeds: each gives one sample a temperature.
        further: name of a model, or `REAL_TRAIN` -> what else is measured of its samples.
        as_text: False for sentences of which only the further scores mean something.

    Returns:
        Rows of the models, then as many of real text: training sentences scored as if generated
        and, where there are ``count`` of them, held-out sentences, which have no score against
        themselves.

    Raises:
        ValueError: fewer than two sentences a sample, too few real ones to draw so many from, or a
            writer that writes another number of them.
    """
    if not 2 <= count <= len(train):
        raise ValueError(
            f"count={count}: give 2 or more, and no more than the {len(train)} training sentences"
        )
    texts = {
        (name, temperature, seed): write(count, seed, temperature)
        for name, write in writers.items()
        for temperature in temperatures
        for seed in seeds
    }
    for (name, _, _), sample in texts.items():
        if len(sample) != count:
            raise ValueError(f"'{name}' wrote {len(sample)} sentences instead of {count}")
    judge = _judge(references, train, *texts.values()) if as_text else None
    measures = further or {}

    def row(name: str, temperature: float | None, seed: int, sample: Sentences) -> Row:
        scores = judge(sample) if judge else {}
        if name in measures:
            scores |= measures[name](sample, temperature)
        return Row(name, temperature, seed, count, len(references), scores)

    rows = [row(*key, sample) for key, sample in texts.items()]
    for seed in seeds:
        rows.append(row(REAL_TRAIN, None, seed, random.Random(seed).sample(train, count)))
    if judge and len(references) >= count:
        for seed in seeds:
            sample = random.Random(seed).sample(references, count)
            rows.append(Row(REAL_TEST, None, seed, count, 0, _diversity(sample)))
    return rows


def matched(
    rows: Sequence[Row], *, quality: str, diversity: str, model: str, baseline: str
) -> Matched | None:
    """The number that says whether a model beats its baseline, seed by seed.

    The quality of the model at temperature 1, minus that of the baseline where its curve, drawn
    straight from temperature to temperature, has the diversity of the model. A curve may pass there
    twice, since too high a temperature costs both; then the better quality counts.

    Args:
        rows: from `sweep`.
        quality: name of a score such as "bleu-4".
        diversity: name of a score such as "self-bleu-4".
        model: name of a writer.
        baseline: name of another.

    Returns:
        None where the baseline's curve does not reach the diversity of the model with every seed.

    Raises:
        ValueError: a model has no row at temperature 1, or the baseline none with its seed.
    """
    at_one = [row for row in rows if row.model == model and row.temperature == 1]
    if not at_one:
        raise ValueError(f"there is no row of '{model}' at temperature 1")
    best = min if quality in LOWER_IS_BETTER else max
    differences = []
    for row in at_one:
        curve = [
            (each.temperature or 0.0, each.scores[diversity], each.scores[quality])
            for each in rows
            if each.model == baseline and each.seed == row.seed
        ]
        if not curve:
            raise ValueError(f"there is no row of '{baseline}' with seed {row.seed}")
        points = [(x, y) for _, x, y in sorted(curve)]
        reached = _heights(points, row.scores[diversity])
        if not reached:
            return None
        differences.append(row.scores[quality] - best(reached))
    return Matched(*mean_and_spread(differences), len(differences))


def group(rows: Sequence[Row]) -> dict[tuple[str, float | None], list[Row]]:
    """Rows that differ by their seed only, under their model and temperature."""
    groups: dict[tuple[str, float | None], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.model, row.temperature), []).append(row)
    return groups


def mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation; of one value the deviation is 0."""
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def _heights(points: Sequence[tuple[float, float]], x: float) -> list[float]:
    """Where a line from point to point stands above x: one height each time it passes."""
    heights = [y for at, y in points if at == x]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if min(x0, x1) < x < max(x0, x1):
            heights.append(y0 + (y1 - y0) * (x - x0) / (x1 - x0))
    return heights


def _judge(references: Sentences, *others: Sentences) -> Callable[[Sentences], dict[str, float]]:
    """Scores of a sample against references, with the words of all texts as the vocabulary."""
    vocabulary_size = count_words(references, *others)
    model = LanguageModel(references, vocabulary_size=vocabulary_size)

    def scores(sample: Sentences) -> dict[str, float]:
        reverse = LanguageModel(sample, vocabulary_size=vocabulary_size)
        return {
            **{f"bleu-{n}": value for n, value in bleu(sample, references, orders=ORDERS).items()},
            **_diversity(sample),
            "lm": model.nll(sample),
            "reverse-lm": reverse.nll(references),
        }

    return scores


def _diversity(sample: Sentences) -> dict[str, float]:
    values = self_bleu(sample, orders=ORDERS)
    return {
        **{f"self-bleu-{n}": value for n, value in values.items()},
        "distinct-2": distinct(sample, order=2),
    }
