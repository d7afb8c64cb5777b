"""``multigan translate``: pictures and films into another style. Importing it imports no torch."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import MultiganError, PluginError
from multigan.plugins.translation.stylize.verbs import app as stylize

app = typer.Typer()
app.registered_commands.extend(stylize.registered_commands)


@app.command()
def translate(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, films, and folders of them.")],
    style: Annotated[
        str | None, typer.Option(help="A style that comes with multigan; see 'list styles'.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Instead of a style: a run, a model folder or a hub id.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="Instead of a style: another project's checkpoint; see 'list imports'."),
    ] = None,
    direction: Annotated[
        str | None, typer.Option(help="For models that know several: ab, ba.")
    ] = None,
    side: Annotated[
        int | None,
        typer.Option(
            min=0, help="Draw larger pictures at this shorter side; 0: at their own, finer lines."
        ),
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="For inpainting: a picture, white where to fill.")
    ] = None,
    smooth: Annotated[
        float,
        typer.Option(min=0, max=1, help="Of films: how much flicker to take out; 0: none."),
    ] = 0.8,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file for one input, else a folder.")
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Threads that read and write files beside the network.")
    ] = 2,
) -> None:
    """Turn pictures and films into another style: photo.jpg becomes photo-cartoon.jpg."""
    if [style, model, weights].count(None) != 2:
        raise PluginError(
            "say one of --style NAME (see 'multigan list styles'), --model RUN and --weights FILE"
        )
    # Mistakes are told before torch is imported, which takes over a second.
    from multigan import registry
    from multigan.plugins.translation.targets import plan

    if style is not None:
        registry.shipped_model("translation", style)
    jobs, problems = plan(paths, weights.stem if weights else _label(style, model), output)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)

    if jobs:
        from multigan.data.media import read_image
        from multigan.inference.pipeline import pipeline
        from multigan.plugins.translation.films.progress import film_progress
        from multigan.plugins.translation.films.translate import translate_film
        from multigan.plugins.translation.folders import translate_files
        from multigan.plugins.translation.pipeline import TranslationPipeline
        from multigan.plugins.translation.restoration.pipeline import InpaintingPipeline, masked

        if weights is not None:
            from multigan.inference.foreign import open_checkpoint

            pipe = open_checkpoint(weights, device=device)
        else:
            pipe = pipeline(model or "translation", style=style, device=device)
        if not isinstance(pipe, TranslationPipeline):
            raise PluginError(
                f"{weights or model} is a model of another kind; it cannot translate pictures"
            )
        if mask is not None and not isinstance(pipe, InpaintingPipeline):
            raise PluginError("--mask is for inpainting models; leave it out")
        read = read_image if mask is None else lambda path: masked(read_image(path), mask)
        pictures = [(job.source, job.target) for job in jobs if not job.film]
        for made in translate_files(
            pipe, pictures, read=read, workers=workers, direction=direction, side=side
        ):
            if isinstance(made, MultiganError):
                problems.append(str(made))
                print(f"error: {made}", file=sys.stderr)
            else:
                print(made)
        for job in jobs:
            if not job.film:
                continue
            try:
                with film_progress(job.source.name) as progress:
                    warnings = translate_film(
                        pipe, job.source, job.target,
                        direction=direction, side=side, smooth=smooth, progress=progress,
                    )  # fmt: skip
                for warning in warnings:
                    print(f"warning: {warning}", file=sys.stderr)
                print(job.target)
            except (MultiganError, OSError) as error:
                known = isinstance(error, MultiganError)
                problems.append(str(error) if known else f"{job.source}: {error}")
                print(f"error: {problems[-1]}", file=sys.stderr)
    if problems:
        raise typer.Exit(2)


def _label(style: str | None, model: str | None) -> str:
    """What is appended to file names."""
    if style is not None:
        return style
    path = Path(str(model))
    return path.parent.name if path.name == "model" else path.name
