"""``multigan sweep``: text GANs beside their pretraining, over temperatures. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import PluginError

app = typer.Typer()


@app.command()
def sweep(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of text GANs on equal data.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder; default exhibits/ of the run, or sweep/."),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(min=2, help="Sentences for each point; default the recipe's.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Samples for each point of one run.")
    ] = None,
    temperatures: Annotated[
        str | None, typer.Option(help="For example 0.7,1,1.3; default the recipe's.")
    ] = None,
) -> None:
    """Compare text GANs with the likelihood training that they started from, temperature by
    temperature.

    Of several runs (seeds) each is sampled once, so that the spread is that between trainings.
    """
    from dataclasses import replace

    from multigan.plugins.text.evaluation.compare import compare_runs, settings_of

    settings = settings_of(runs[0])
    if samples:
        settings = replace(settings, samples=samples)
    if seeds:
        settings = replace(settings, seeds=seeds)
    if temperatures:
        settings = replace(settings, temperatures=_numbers(temperatures))
    folder = output or (runs[0] / "exhibits" if len(runs) == 1 else Path("sweep"))
    for path in compare_runs(runs, folder, settings=settings):
        print(path)


def _numbers(text: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) <= 0:
        raise PluginError(f"--temperatures {text}: give positive numbers such as 0.7,1,1.3")
    return numbers
