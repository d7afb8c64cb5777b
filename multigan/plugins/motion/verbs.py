"""``multigan continue``: what comes after a clip. Importing it imports no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import DataError, MultiganError, PluginError

app = typer.Typer()


@app.command("continue")
def continue_(
    clips: Annotated[list[Path], typer.Argument(help="Motion files, such as .bvh.")],
    model: Annotated[str, typer.Option(help="A run, a shipped model, a folder or a hub id.")],
    length: Annotated[int, typer.Option(min=1, help="Frames to generate.")] = 120,
    action: Annotated[
        str | None, typer.Option(help="What to do next, for models that know several actions.")
    ] = None,
    cut: Annotated[
        int | None, typer.Option(min=1, help="Go on after so many frames; default: at the end.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Ways to go on.")] = 1,
    seed: Annotated[int, typer.Option(help="The same seed goes on in the same way.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help=".bvh, .png or film for one clip; else a folder."),
    ] = None,
) -> None:
    """Go on from the last poses of a clip: walk.bvh becomes walk-continued.bvh."""
    if output is not None and output.suffix and not output.is_dir() and len(clips) > 1:
        raise DataError(f"{output}: holds one motion, not {len(clips)}; name a folder")
    from multigan.inference.pipeline import pipeline
    from multigan.plugins.motion.pipeline import MotionPipeline

    pipe = pipeline(model, device=device)
    if not isinstance(pipe, MotionPipeline):
        raise PluginError(f"{model} is a model of another kind; it cannot go on from motions")
    failed = False
    for clip in clips:
        try:
            made = pipe.follow(clip, count, seed=seed, length=length, action=action, cut=cut)
            target = output or clip.with_name(f"{clip.stem}-continued.bvh")
            if not target.suffix or target.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                target = target / (f"{clip.stem}.bvh" if count == 1 else clip.stem)
            elif output is None and count > 1:
                target = target.with_suffix("")
            for path in pipe.save_samples(made, target):
                print(path)
            print(f"generated from frame {made.seam} on", file=sys.stderr)
        except MultiganError as error:
            failed = True
            print(f"error: {error}", file=sys.stderr)
    if failed:
        raise typer.Exit(2)
