"""``multigan score video``: generated clips against real ones; imports no torch by itself."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from multigan.errors import MultiganError

if TYPE_CHECKING:
    from multigan.plugins.video.features.extractor import ClipFeatures
    from multigan.plugins.video.scores import Summary

app = typer.Typer()

CHUNK = 16  # clips looked at together


@app.command()
def video(
    folder: Annotated[
        str, typer.Argument(help="Generated clips: films, frame folders, strips, sprite sheets.")
    ],
    references: Annotated[str, typer.Option(help="Real clips, likewise; or builtin:scenes.")],
    features: Annotated[
        str, typer.Option(help="sprite-actions, i3d, or the run of a clip classifier.")
    ] = "sprite-actions",
    weights: Annotated[str | None, typer.Option(help="TorchScript file of i3d.")] = None,
    held_out: Annotated[
        int,
        typer.Option(
            min=0,
            help="Take only every so-manieth film or character of the references: those that a "
            "recipe with this data.held_out was not trained on; 0 takes all.",
        ),
    ] = 0,
    short: Annotated[
        str, typer.Option(help="What clips do that are too short: refuse, hold or loop.")
    ] = "refuse",
    limit: Annotated[
        int | None, typer.Option(min=2, help="At most so many of each, drawn at random.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score clips against real ones: the beginning of each film.

    With i3d, whose protocol says so, real clips are cut at random places, drawn with seed 0.

    Whether the asked action is shown is told by the class folders, or by file names such as
    003-walk-left.mp4. Both numbers of clips and the protocol belong to a score: quote them with it.
    """
    from multigan.plugins.video.features import extractor as make_extractor
    from multigan.plugins.video.scores import compare

    extractor = make_extractor(features, weights=weights)
    extractor.to(device or "cpu")
    common: dict[str, Any] = {"short": short, "limit": limit, "device": device or "cpu"}
    given, unreadable = {}, {}
    for role, source, every in (("samples", folder, 0), ("references", references, held_out)):
        anywhere = extractor.anywhere and role == "references"
        given[role], unreadable[role] = _summary(
            source, extractor, held_out=every, anywhere=anywhere, **common
        )
    scores = compare(given["samples"], given["references"])
    result: dict[str, Any] = {
        "scores": scores,
        "features": extractor.name,
        "protocol": extractor.protocol,
        "samples": {"source": folder, "count": given["samples"].count},
        "references": {"source": references, "count": given["references"].count},
        "unreadable": unreadable,
    }
    width = given["references"].statistics.mean.shape[0]
    fewest = min(summary.count for summary in given.values())
    if fewest <= width:
        result["note"] = (
            f"{fewest} clips, but {width} features: the Frechet distance is far above its limit"
        )
    if as_json:
        print(json.dumps(result, indent=1))
        return
    longest = max(len(name) for name in scores)
    for name, value in scores.items():
        print(f"{name:<{longest}}  {value:.5g}")
    for role in ("samples", "references"):
        print(f"{role}: {result[role]['count']}, {result[role]['source']}")
    print(f"features: {extractor.name}: {extractor.protocol}")
    if "note" in result:
        print(f"note: {result['note']}", file=sys.stderr)


def _summary(
    source: str,
    extractor: ClipFeatures,
    *,
    held_out: int,
    anywhere: bool,
    short: str,
    limit: int | None,
    device: str,
) -> tuple[Summary, list[str]]:
    """What is known of a folder, and a line for each film that could not be used."""
    import torch

    from multigan.plugins.video.clips.dataset import Clips
    from multigan.plugins.video.clips.recipe import VideoData
    from multigan.plugins.video.clips.sources import open_reels
    from multigan.plugins.video.scores import Summary

    settings: dict[str, Any] = {
        "source": source,
        "frames": extractor.frames,
        "size": extractor.size or 128,
        "short": short,
        "held_out": held_out,
        "memory": 0.0,
        "on_error": "raise",
        "builtin_size": limit or 2048,
    }
    config = VideoData(**settings)
    reels = open_reels(config, split="validation" if held_out else "train")
    order = torch.randperm(len(reels), generator=torch.Generator().manual_seed(0))[:limit].tolist()
    clips, summary, problems = Clips(reels, config), Summary(extractor), []
    waiting: list[Any] = []

    def flush() -> None:
        if waiting:
            videos, asked = zip(*waiting, strict=True)
            shown = torch.stack(videos).add(1).div(2).to(device)
            summary.update(shown, list(asked))
            waiting.clear()

    for number in order:
        try:
            with torch.random.fork_rng(devices=()):
                torch.manual_seed(number)
                sample = clips[number] if anywhere else clips.plain(number)
        except MultiganError as error:
            problems.append(str(error))
            print(f"left out: {error}", file=sys.stderr)
            continue
        waiting.append((sample["video"], _asked(reels[number], extractor.class_names)))
        if len(waiting) == CHUNK:
            flush()
    flush()
    return summary, problems


def _asked(reel: Any, classes: tuple[str, ...]) -> str:
    """The class that a film was to show: its folder's, or what follows the number in its name."""
    if reel.label in classes:
        return str(reel.label)
    stem = reel.name.replace("\\", "/").rpartition("/")[2].rpartition(".")[0]
    return str(stem.partition("-")[2])
