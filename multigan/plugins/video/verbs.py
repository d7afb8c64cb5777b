"""``multigan animate``: a picture does what a film shows. Importing this imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import PluginError

app = typer.Typer()


@app.command()
def animate(
    portrait: Annotated[Path, typer.Argument(help="The picture that is to move.")],
    driving: Annotated[Path, typer.Option(help="A film, an animation or a folder of frames.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help=".mp4, .gif ... or .png for a contact sheet.")
    ],
    model: Annotated[
        str,
        typer.Option(help="A run of the method animate, or its model; a model of sprites else."),
    ] = "sprite-animator",
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
) -> None:
    """Let a picture do what a film shows, frame for frame: the portrait's looks, its actions."""
    from multigan.inference.pipeline import pipeline
    from multigan.plugins.video.animate.pipeline import AnimatePipeline

    pipe = pipeline(model, device=device)
    if not isinstance(pipe, AnimatePipeline):
        raise PluginError(f"{model} is a model of another kind; it cannot animate pictures")
    for path in pipe.save_samples(pipe(portrait, driving=driving), output):
        print(path)
