"""``multigan detect``: which pictures are unusual. Importing this imports no torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from multigan.errors import DataError, MultiganError, PluginError

if TYPE_CHECKING:
    from multigan.plugins.image.anomaly.detector import Detector
    from multigan.plugins.image.anomaly.pictures import Candidate

SHARE = 0.05  # of normal pictures are called unusual, unless asked otherwise

app = typer.Typer()


@app.command()
def detect(
    model: Annotated[str, typer.Argument(help="A run, a model folder or a hub id.")],
    paths: Annotated[list[Path], typer.Argument(help="Pictures, folders of them, idx folders.")],
    share: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help=f"Of normal pictures that may seem unusual; default {SHARE}."
        ),
    ] = None,
    normal: Annotated[
        str | None,
        typer.Option(help="Classes that are normal, with commas: how well are the others found?"),
    ] = None,
    maps: Annotated[
        Path | None, typer.Option(help="Folder for: picture, what was made of it, difference.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Scores as .csv.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Annotated[int, typer.Option(help="Of the search, for models without encoder.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
) -> None:
    """Find unusual pictures with a model that was trained on usual ones.

    The score is the squared difference, in pixels and features, between a picture and the nearest
    that the model can make.
    """
    if output is not None and (output.suffix != ".csv" or not output.parent.is_dir()):
        raise DataError(f"{output}: scores are written as .csv, into a folder that exists")
    if maps is not None and maps.exists() and not maps.is_dir():
        raise DataError(f"{maps}: is a file; name a folder for --maps")

    from multigan.data.files import write_atomic
    from multigan.inference.pipeline import pipeline
    from multigan.plugins.image.anomaly.detector import Detector
    from multigan.plugins.image.anomaly.pictures import known_as_normal
    from multigan.plugins.image.anomaly.report import as_csv, found_apart, scored
    from multigan.plugins.image.pipeline import ImagePipeline

    pipe = pipeline(model, device=device)
    if not isinstance(pipe, ImagePipeline):
        raise PluginError(f"{model} is a model of another kind; it cannot judge pictures")
    detector = Detector(pipe, seed=seed)
    allowed = SHARE if share is None else share
    threshold = detector.threshold(allowed)
    if threshold is None and share is not None:
        raise PluginError(f"{model} does not know the scores of normal pictures; leave --share out")

    problems: list[str] = []
    candidates = _candidates(paths, detector, problems)
    truth = known_as_normal(candidates, _words(normal)) if normal else {}
    if detector.encoder is None:
        slow = f"no encoder in this model: latents of {len(candidates)} pictures are searched for"
        print(f"note: {slow}, which takes long; steps.encoder trains one", file=sys.stderr)
    rows = scored(
        candidates,
        detector,
        threshold=threshold,
        maps=maps,
        on_error=lambda error: _tell(error, problems),
    )
    result: dict[str, Any] = {
        "pictures": rows,
        "threshold": threshold,
        "share": None if threshold is None else allowed,
        "normal": {"pictures": detector.pictures, "held_out": detector.held_out},
    }
    if truth:
        result["auroc"] = found_apart(rows, truth)
    if output is not None:
        write_atomic(output, as_csv(rows))
    if as_json:
        print(json.dumps(result, indent=1))
    elif rows:
        _print_table(result)
    if problems:
        raise typer.Exit(2)


def _candidates(paths: Sequence[Path], detector: Detector, problems: list[str]) -> list[Candidate]:
    """All pictures of all paths; paths without any are told, and the rest goes on."""
    from multigan.plugins.image.anomaly.pictures import candidates

    found: dict[str, Candidate] = {}
    for path in paths:
        try:
            for candidate in candidates(path, detector.data):
                found.setdefault(candidate.path, candidate)  # once, however often it was named
        except DataError as error:
            _tell(error, problems)
    return list(found.values())


def _print_table(result: Mapping[str, Any]) -> None:
    from multigan.plugins.image.anomaly.report import word

    print("score     unusual  path")
    for row in result["pictures"]:
        print(f"{row['score']:<8.4g}  {word(row['unusual']):<7}  {row['path']}")
    if result["threshold"] is not None:
        found = sum(row["unusual"] for row in result["pictures"])
        usual = result["normal"]
        kind = "held-out normal" if usual["held_out"] else "normal training"
        print(
            f"{found} of {len(result['pictures'])} are unusual: above {result['threshold']:.4g}, "
            f"which {result['share']:.1%} of {usual['pictures']} {kind} pictures exceed"
        )
    if auroc := result.get("auroc"):
        print(f"AUROC {auroc['value']:.4f}: {auroc['normal']} normal, {auroc['others']} others")


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _tell(error: MultiganError, problems: list[str]) -> None:
    problems.append(str(error))
    print(f"error: {error}", file=sys.stderr)
