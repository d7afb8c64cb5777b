"""``multigan score motion``: generated motions against real ones; imports no torch by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from multigan.errors import DataError, PluginError

app = typer.Typer()

FEATURES = "motion-recogniser"
PROTOCOL = (
    "30 frames a second, metres (a leg of another unit: 1 m), floor at the 2nd percentile of the "
    "feet; seam: the larger change of a joint's velocity at the last given and the first "
    "generated frame"
)


@app.command()
def motion(
    folder: Annotated[Path, typer.Argument(help="Generated motions: .bvh, .npz, .json.")],
    references: Annotated[Path, typer.Option(help="Real motions of the same skeleton.")],
    features: Annotated[
        str, typer.Option(help="A recogniser: a shipped one, a run, a folder; or none.")
    ] = FEATURES,
    classes: Annotated[
        str, typer.Option(help="Only these actions of the references, separated by commas.")
    ] = "",
    rename: Annotated[
        str, typer.Option(help="Folders that show another action: 'walk2=walking,jog=running'.")
    ] = "",
    seam: Annotated[
        int | None, typer.Option(min=2, help="The first generated frame of continued motions.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Score a folder of motions against real ones.

    Actions are the folders that clips lie in, or the end of names such as 03-walking.bvh.
    """
    renamed = dict(_pair(word) for word in rename.split(",") if word)
    from multigan.plugins.motion.data import read_folder
    from multigan.plugins.motion.evaluation import compare, score_bodies, score_seams
    from multigan.plugins.motion.recipe import MotionData

    chosen = tuple(name for name in classes.split(",") if name)
    made = read_folder(MotionData(source=str(folder), rename=renamed))
    real = read_folder(MotionData(source=str(references), classes=chosen, rename=renamed))
    scores: dict[str, Any] = score_bodies(made, real)
    if seam is not None:
        scores |= score_seams(made, real, seam=seam)
    notes = [PROTOCOL]
    if features != "none":
        judge = _judge(features)
        short = [m for m in (*made, *real) if len(m) < judge.network.frames]
        if short:
            notes.append(f"{len(short)} clips shorter than {judge.network.frames} frames left out")
        samples, known = (judge([m for m in part if m not in short]) for part in (made, real))
        scores |= compare(samples, known)
        if "action-accuracy" in scores:
            scores["action-accuracy-real"] = compare(known, known)["action-accuracy"]
        width, fewest = samples.features.shape[1], min(len(samples.asked), len(known.asked))
        notes.append(f"features: {features}, {len(samples.asked)} and {len(known.asked)} windows")
        if fewest <= 2 * width:
            notes.append(f"{fewest} windows for {width} features: too few for frechet-motion")
    result = {"scores": scores, "samples": len(made), "references": len(real), "notes": notes}
    if as_json:
        print(json.dumps(result, indent=1))
        return
    width = max(map(len, scores))
    for name, value in scores.items():
        print(f"{name:<{width}}  {value:.4g}")
    print(f"samples: {len(made)} motions, {folder}\nreferences: {len(real)} motions, {references}")
    print("\n".join(f"note: {note}" for note in notes))


def _pair(word: str) -> tuple[str, str]:
    old, equals, new = word.partition("=")
    if not equals:
        raise PluginError(f"--rename {word}: write OLD=NEW")
    return old, new


def _judge(features: str) -> Any:
    from multigan.inference.pipeline import pipeline
    from multigan.plugins.motion.recogniser.pipeline import RecogniserPipeline

    judge = pipeline(features)
    if not isinstance(judge, RecogniserPipeline):
        raise DataError(f"{features} is a model of another kind; --features takes a recogniser")
    return judge
