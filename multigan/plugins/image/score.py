"""``multigan score images``: generated pictures against real ones; imports no torch by itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from multigan.errors import PluginError, suggestion

if TYPE_CHECKING:
    import torch

    from multigan.plugins.image.scores import Summary

app = typer.Typer()

METRICS = {
    "frechet": "Frechet distance, FID with the weights of FID; lower is better",
    "kernel": "kernel distance, 100 subsets of 1000, KID with the weights of FID; lower is better",
    "prdc": "precision, recall, density, coverage of 5 nearest neighbours; higher is better",
    "inception-score": "sure of each picture, all classes occur, in 10 parts; higher is better",
    "classes": "classes that occur, their balance, agreement with the names of class folders",
}


@app.command()
def images(
    folder: Annotated[str, typer.Argument(help="Generated pictures, any sizes and formats.")],
    references: Annotated[
        str, typer.Option(help="Real pictures: a folder, MNIST-style files, builtin:scenes.")
    ],
    features: Annotated[
        str, typer.Option(help="inception-v3, dinov2, clip, digits or random-conv.")
    ],
    weights: Annotated[
        str | None, typer.Option(help="File of inception-v3; folder or hub id of dinov2, clip.")
    ] = None,
    metrics: Annotated[
        str, typer.Option(help="Separated by commas; all that the features allow if left out.")
    ] = ",".join(METRICS),
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most so many of each, drawn at random.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 50,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a folder of pictures against real ones.

    Both numbers of pictures and the protocol belong to a score: quote them with it.
    """
    chosen = [name.strip() for name in metrics.split(",") if name.strip()]
    for name in chosen:
        if name not in METRICS:
            raise PluginError(f"unknown metric '{name}'{suggestion(name, METRICS)}")
    if not chosen:
        raise PluginError(f"name at least one metric of: {', '.join(METRICS)}")
    from multigan.plugins.image.features import extractor as make_extractor
    from multigan.plugins.image.picture_sets import open_set, summarize
    from multigan.plugins.image.scores import compare

    sets = {
        "samples": open_set(folder, limit=limit),
        "references": open_set(references, limit=limit),
    }
    extractor = make_extractor(features, weights=weights)
    place = _device(device)
    extractor.to(place)
    gathered, unreadable = {}, {}
    for role, given in sets.items():
        gathered[role], unreadable[role] = summarize(
            given, extractor, batch_size=batch_size, device=place
        )
        for problem in unreadable[role]:
            print(f"left out: {problem}", file=sys.stderr)
    scores = compare(gathered["samples"], gathered["references"], metrics=chosen)
    result: dict[str, Any] = {
        "scores": scores,
        "metrics": {name: METRICS[name] for name in chosen},
        "features": extractor.name,
        "protocol": extractor.protocol,
        **{
            role: {
                "source": given.source,
                "count": gathered[role].count,
                "of": given.available,
                "unreadable": len(unreadable[role]),
            }
            for role, given in sets.items()
        },
    }
    if extractor.num_classes and "classes" in chosen:
        for role, summary in gathered.items():
            result[role]["classes"] = summary.classes.tolist()
    notes = _notes(gathered, scores)
    if as_json:
        print(json.dumps({**result, "notes": notes}, indent=1))
    else:
        _print_table(result, notes, extractor.class_names)


def _device(name: str | None) -> torch.device:
    import torch

    if name is None:
        return torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise PluginError(f"no device '{name}' here; leave --device out or say cpu") from error


def _notes(gathered: dict[str, Summary], scores: dict[str, float]) -> list[str]:
    """What a reader of the scores must know."""
    from multigan.plugins.image.scores import KEPT

    notes = []
    width = gathered["references"].statistics.mean.shape[0]
    fewest = min(summary.count for summary in gathered.values())
    if fewest <= width and any(name == "fid" or "frechet" in name for name in scores):
        notes.append(
            f"{fewest} pictures, but {width} features: the Frechet distance is far above its limit"
        )
    if gathered["samples"].count != gathered["references"].count:
        notes.append("unequal numbers of pictures: all but the kernel distance depend on both")
    if any(summary.count > KEPT for summary in gathered.values()):
        notes.append(
            f"kernel distance and prdc look at {KEPT} pictures of a set, drawn with seed 0"
        )
    return notes


def _print_table(result: dict[str, Any], notes: list[str], class_names: tuple[str, ...]) -> None:
    width = max(len(name) for name in result["scores"]) if result["scores"] else 0
    for name, value in result["scores"].items():
        print(f"{name:<{width}}  {value:.5g}")
    for role in ("samples", "references"):
        given = result[role]
        chosen = given["count"] + given["unreadable"]
        drawn = "" if chosen == given["of"] else f" of {given['of']}, drawn with seed 0"
        broken = f", {given['unreadable']} unreadable left out" if given["unreadable"] else ""
        print(f"{role}: {given['count']}{drawn}{broken}, {given['source']}")
        if class_names and (counts := given.get("classes")):
            shares = [
                f"{n} {c / given['count']:.1%}" for n, c in zip(class_names, counts, strict=True)
            ]
            print(f"  {', '.join(shares)}")
    print(f"features: {result['features']}: {result['protocol']}")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
