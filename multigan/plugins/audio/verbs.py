"""``multigan vocode``: spectrograms and sounds through a vocoder. Importing it imports no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import MultiganError, PluginError

app = typer.Typer()

SHIPPED = "vocoder-8khz"


@app.command()
def vocode(
    paths: Annotated[
        list[Path], typer.Argument(help="Log-mel spectrograms (.npy), sounds, folders of them.")
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help=f"A vocoder: a run, a model folder or a hub id; {SHIPPED} if none is named, which "
            "makes speech at 8 kHz."
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Instead: another project's checkpoint; see 'list imports'."),
    ] = None,
    griffin_lim: Annotated[
        int, typer.Option(min=0, help="Instead of the network, so many rounds of Griffin-Lim.")
    ] = 0,
    projection: Annotated[
        int, typer.Option(min=0, help="Instead of the network, so many rounds of mel projection.")
    ] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .wav for one input, else a folder.")
    ] = None,
) -> None:
    """Make sounds of spectrograms, and copies of sounds: speech.mp3 becomes speech-vocoded.wav."""
    if model is not None and weights is not None:
        raise PluginError("say one vocoder: --model RUN, or --weights FILE of another project")
    if griffin_lim and projection:
        raise PluginError("say one way: --griffin-lim, or --projection")
    # Mistakes are told before torch is imported, which takes over a second.
    from multigan.plugins.audio.vocoder.targets import plan

    jobs, problems = plan(paths, output)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if jobs:
        from multigan.inference.foreign import open_checkpoint
        from multigan.inference.pipeline import pipeline
        from multigan.plugins.audio.vocoder.files import vocode_file
        from multigan.plugins.audio.vocoder.pipeline import VocoderPipeline
        from multigan.plugins.audio.vocoder.unlearned import without_learning

        if weights is not None:
            pipe = open_checkpoint(weights, device=device)
        else:
            pipe = pipeline(model or SHIPPED, device=device)
        if not isinstance(pipe, VocoderPipeline):
            raise PluginError(f"{weights or model} is a model of another kind, and no vocoder")
        if griffin_lim:
            pipe = without_learning(pipe, "griffin-lim", rounds=griffin_lim)
        if projection:
            pipe = without_learning(pipe, "projection", rounds=projection)
        for job in jobs:
            try:
                made = vocode_file(pipe, job.source, job.target)
                print(
                    f"{job.target}: {made.duration:.1f} s at {pipe.rate} Hz, "
                    f"{made.speed:.1f} times real time"
                )
            except MultiganError as error:
                problems.append(str(error))
                print(f"error: {error}", file=sys.stderr)
    if problems:
        raise typer.Exit(2)
