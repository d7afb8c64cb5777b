"""Runs beside the pretraining that they started from: the default report of a text GAN."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from multigan.config.recipe import load_recipe
from multigan.errors import CheckpointError
from multigan.inference.pipeline import pipeline
from multigan.plugins.text.data.corpus import Corpus, load_corpus
from multigan.plugins.text.data.oracle import Oracle
from multigan.plugins.text.data.oracle_corpus import SHIFT, load_oracle
from multigan.plugins.text.evaluation.scores import words
from multigan.plugins.text.evaluation.sweep import REAL_TRAIN, Measure, Row, Writer, sweep
from multigan.plugins.text.evaluation.sweep_report import ORACLE_PAIRS, PAIRS, READING, write_sweep
from multigan.plugins.text.pipeline import TextPipeline
from multigan.plugins.text.recipe import TextRecipe

GAN, MLE = "GAN", "MLE"


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        samples: sentences for each point.
        references: most held-out sentences that they are compared with.
        temperatures: 1 among them.
        seeds: samples for each point of one run.
    """

    samples: int
    references: int
    temperatures: Sequence[float]
    seeds: int


def settings_of(run: Path) -> Settings:
    """What the recipe of a run asks for."""
    evaluate = _recipe(run).evaluate
    return Settings(evaluate.samples, evaluate.references, evaluate.temperatures, evaluate.seeds)


def compare_runs(runs: Sequence[Path], folder: Path, *, settings: Settings) -> list[Path]:
    """Writes the temperature sweep of runs into a folder: table, measurements and picture.

    One run is sampled with several seeds. Of several runs, trained on the same data with seeds of
    their own, each is sampled once: the spread then is that between trainings, which is what a
    comparison of methods needs.

    Args:
        runs: run folders; each has its model and, if it had a pretraining, ``stages/mle``.
        folder: where to.
        settings: what is measured.

    Returns:
        The files written.

    Raises:
        CheckpointError: a folder is no run, or runs differ in their data.
    """
    recipes = [_recipe(run) for run in runs]
    if any(recipe.data != recipes[0].data for recipe in recipes):
        raise CheckpointError(
            "these runs were trained on different data: compare runs with equal data sections"
        )
    oracle: Oracle | None = None
    if recipes[0].data.source == "builtin:oracle":
        oracle, corpus = load_oracle(recipes[0].data.oracle)
    else:
        corpus = load_corpus(recipes[0].data)
    count = min(settings.samples, len(corpus.train))
    settings = replace(settings, samples=count)
    rows: list[Row] = []
    for number, run in enumerate(runs):
        seeds = range(settings.seeds) if len(runs) == 1 else [number]
        rows += _sweep_run(run, corpus, oracle, settings, seeds)
    has_pretraining = any(row.model == MLE for row in rows)
    compare = (GAN, MLE) if has_pretraining and 1 in settings.temperatures else None
    reading = READING if oracle is None else _oracle_reading(oracle, corpus)
    pairs = PAIRS if oracle is None else ORACLE_PAIRS
    return write_sweep(rows, folder, compare=compare, pairs=pairs, reading=reading)


def _sweep_run(
    run: Path, corpus: Corpus, oracle: Oracle | None, settings: Settings, seeds: Sequence[int]
) -> list[Row]:
    pipes = {GAN: _load(run / "model", run)}
    if (run / "stages" / "mle").is_dir():
        pipes[MLE] = _load(run / "stages" / "mle", run)
    test = corpus.test[: settings.references]
    labels = () if corpus.test_labels is None else corpus.test_labels[: len(test)].tolist()
    further: dict[str, Measure] = {
        name: _measure(pipe, test, labels, oracle) for name, pipe in pipes.items()
    }
    if oracle is not None:
        own = oracle.nll(test - SHIFT)
        further[REAL_TRAIN] = lambda sample, _: {
            "nll-oracle": oracle.nll(torch.tensor(sample) - SHIFT), "nll-test": own,
        }  # fmt: skip
    return sweep(
        {name: _writer(pipe) for name, pipe in pipes.items()},
        references=words(test),
        train=words(corpus.train_rows(max(settings.samples, settings.references))),
        count=settings.samples,
        temperatures=settings.temperatures,
        seeds=seeds,
        further=further,
        as_text=oracle is None,
    )


def _load(folder: Path, run: Path) -> TextPipeline:
    made = pipeline(folder)
    if not isinstance(made, TextPipeline):
        raise CheckpointError(f"{run} is not the run of a text GAN")
    return made


def _writer(pipe: TextPipeline) -> Writer:
    def write(count: int, seed: int, temperature: float) -> list[list[int]]:
        return words(pipe(count, seed=seed, temperature=temperature).tokens)

    return write


def _measure(
    pipe: TextPipeline, test: torch.Tensor, labels: Sequence[int], oracle: Oracle | None
) -> Measure:
    """NLL of held-out sentences, and with an oracle that of the sample."""
    known: dict[float, float] = {}  # the same for all seeds

    def measure(sample: Any, temperature: float | None) -> Mapping[str, float]:
        assert temperature is not None
        if temperature not in known:
            known[temperature] = pipe.nll(test, labels=labels, temperature=temperature)
        scores = {"nll-test": known[temperature]}
        if oracle is not None:
            scores["nll-oracle"] = oracle.nll(torch.tensor(sample) - SHIFT)
        return scores

    return measure


def _oracle_reading(oracle: Oracle, corpus: Corpus) -> str:
    own = oracle.nll(corpus.test - SHIFT)
    return (
        "Mean ± standard deviation over seeds, nats a token. nll-oracle is that of the samples "
        "under the oracle, nll-test that of held-out oracle sentences under the model: a low "
        "nll-oracle alone is had by writing few safe sentences. Numbers compare on this oracle "
        f"only: {oracle.name}, own-sample NLL {own:.4f} ({len(corpus.test)} sentences)."
    )


def _recipe(run: Path) -> TextRecipe:
    path = run / "recipe.yaml"
    if not path.is_file():
        raise CheckpointError(f"{run} is not a run folder: it has no recipe.yaml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recipe = load_recipe(path)
    if not isinstance(recipe, TextRecipe):
        raise CheckpointError(f"{run} is not the run of a text GAN")
    return recipe
