"""``multigan score audio``: generated sounds against real ones; imports no torch by itself."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from multigan.errors import PluginError

if TYPE_CHECKING:
    from multigan.plugins.audio.scores import SoundSet

app = typer.Typer()

DIGITS = "^([^_.]+)[_.]"  # 7_nicolas_12.wav, as sets of spoken words name their files


@app.command()
def audio(
    folder: Annotated[Path, typer.Argument(help="Generated sounds, any formats and rates.")],
    references: Annotated[Path, typer.Option(help="A folder of real sounds.")],
    features: Annotated[
        str, typer.Option(help="A classifier of sounds: spoken-digits, or a run or model folder.")
    ] = "spoken-digits",
    labels: Annotated[
        str,
        typer.Option(
            help="Regular expression whose group is the class that a file's name asks for."
        ),
    ] = DIGITS,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Also compare files of the same names frame by frame.")
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most so many of each, drawn at random.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a folder of sounds against real ones.

    Both numbers of sounds and the classifier belong to a score: quote them with it.
    """
    try:
        groups = re.compile(labels).groups
    except re.error as error:
        raise PluginError(f"--labels '{labels}' is not a regular expression: {error}") from error
    if groups != 1:
        raise PluginError(f"--labels '{labels}' needs one group around the class, as in {DIGITS}")
    from multigan.plugins.audio.judge import open_judge
    from multigan.plugins.audio.pairs import compare_pairs
    from multigan.plugins.audio.scores import compare, listen

    judge = open_judge(features, device=device)
    sets = {
        "samples": listen(folder, judge, labels=labels, limit=limit),
        "references": listen(references, judge, labels=labels, limit=limit),
    }
    for given in sets.values():
        for problem in given.unreadable:
            print(f"left out: {problem}", file=sys.stderr)
    scores = compare(sets["samples"], sets["references"], judge)
    notes = _notes(sets)
    compared = None
    if pairs:
        compared = compare_pairs(folder, references)
        scores |= compared.scores
        if compared.alone:
            notes.append(f"{compared.alone} files have no partner of their name; left out of pairs")
    result: dict[str, Any] = {
        "scores": scores,
        "features": judge.name,
        "protocol": judge.protocol,
        **{
            role: {
                "source": given.source,
                "count": given.count,
                "of": given.available,
                "unreadable": len(given.unreadable),
                "classes": given.classes,
                "sanity": given.sanity,
            }
            for role, given in sets.items()
        },
    }
    if compared is not None:
        result["pairs"] = {"count": compared.count, "protocol": compared.protocol}
    if as_json:
        print(json.dumps({**result, "notes": notes}, indent=1))
    else:
        _print_table(result, notes)


def _notes(sets: dict[str, SoundSet]) -> list[str]:
    """What a reader of the scores must know."""
    notes = []
    samples, references = sets["samples"], sets["references"]
    width = samples.features.shape[1]
    fewest = min(samples.count, references.count)
    if fewest <= width:
        notes.append(
            f"{fewest} sounds, but {width} features: the Frechet distance is far above its limit"
        )
    if samples.count != references.count:
        notes.append("unequal numbers of sounds: all but the kernel distance depend on both")
    if 0 < samples.labelled < samples.count:
        notes.append(f"agreement is of {samples.labelled} samples: other names ask for no class")
    return notes


def _print_table(result: dict[str, Any], notes: list[str]) -> None:
    width = max(len(name) for name in result["scores"])
    for name, value in result["scores"].items():
        print(f"{name:<{width}}  {value:.5g}")
    for role in ("samples", "references"):
        given = result[role]
        drawn = "" if given["count"] + given["unreadable"] == given["of"] else f" of {given['of']}"
        broken = f", {given['unreadable']} unreadable left out" if given["unreadable"] else ""
        print(f"{role}: {given['count']}{drawn}{broken}, {given['source']}")
        print(
            "  " + ", ".join(f"{k} {v / given['count']:.1%}" for k, v in given["classes"].items())
        )
        print("  " + ", ".join(f"{name} {value:.3g}" for name, value in given["sanity"].items()))
    print(f"features: {result['features']}: {result['protocol']}")
    if "pairs" in result:
        print(f"pairs: {result['pairs']['count']}: {result['pairs']['protocol']}")
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
