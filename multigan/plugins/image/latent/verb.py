"""``multigan edit``: pictures moved through a generator's latent space. Imports no torch."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from multigan.errors import DataError, PluginError

if TYPE_CHECKING:
    from multigan.plugins.image.latent.projection import Projection
    from multigan.plugins.image.pipeline import ImageOutput, ImagePipeline

app = typer.Typer()

SHOWN = 9  # samples, or directions on the sheet, unless asked otherwise
REACH = 3.0  # standard deviations to either side
STOPS = 7  # pictures of a way, when it is shown and not filmed
FRAMES = 80
POOR = 0.85  # of a picture's variance; our digits model finds 0.965 of digits, 0.39 of clothes


@app.command()
def edit(
    model: Annotated[str, typer.Argument(help="A run, a shipped model, a folder or a hub id.")],
    direction: Annotated[
        int | None,
        typer.Option(min=1, help="Row on the sheet of directions; left out: draws that sheet."),
    ] = None,
    alpha: Annotated[
        float | None,
        typer.Option(
            help="How far: in standard deviations, or from 0 to 1 to the other picture. Left out: "
            "shows the way."
        ),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(help="Edit this picture, as near as the model comes to it.")
    ] = None,
    other: Annotated[
        Path | None, typer.Option("--with", help="Another picture, to blend the first one with.")
    ] = None,
    matrix: Annotated[
        Path | None,
        typer.Option(help=".npy or .safetensors: transforms what is blended with the first one."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="The class, for models that have any.")] = None,
    count: Annotated[
        int | None,
        typer.Option("--count", "-n", min=1, help=f"Samples, or rows of the sheet: {SHOWN}."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the samples, or of the search.")] = 0,
    truncation: Annotated[float | None, typer.Option(help="As of 'multigan sample'.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File or folder.")] = None,
    film: Annotated[
        Path | None, typer.Option(help="The way, there and back, as .mp4 or .gif.")
    ] = None,
) -> None:
    """Move samples or a picture of yours along directions, or blend two pictures.

    A picture is first projected: the model's own one that is most like it is searched for. How near
    that came is printed.
    """
    given = {
        "--direction": direction, "--alpha": alpha, "--image": image, "--with": other,
        "--matrix": matrix, "--count": count, "--truncation": truncation, "--film": film,
    }  # fmt: skip
    _check_options({name for name, value in given.items() if value is not None}, alpha)
    _check_files(output, film)
    from multigan.data.media import read_image

    paths = [path for path in (image, other) if path is not None]
    pictures = [read_image(path) for path in paths]
    from multigan.inference.pipeline import pipeline
    from multigan.plugins.image.latent.edits import read_matrix
    from multigan.plugins.image.pipeline import ImagePipeline

    transform = None if matrix is None else read_matrix(matrix)
    pipe = pipeline(model, device=device)
    if not isinstance(pipe, ImagePipeline) or pipe.colours == "points":
        raise PluginError(f"{model} is a model of another kind; it has no pictures to edit")
    if pictures:
        found = pipe.project(pictures, label=label, seed=seed)
        _print_distances(pipe, paths, found)
        points = found.points
    else:
        samples = 1 if direction is None else count or SHOWN
        points = pipe.points(samples, seed=seed, labels=label, truncation=truncation)

    draw: Callable[..., ImageOutput]
    blending = other is not None or transform is not None
    if blending:
        one, *others = points.each()
        draw = partial(pipe.blend, one, *others, matrix=transform)
        farthest = 1.0 if alpha is None else alpha
    else:
        vectors = pipe.directions().vectors
        wanted = direction or count or min(SHOWN, len(vectors))
        if wanted > len(vectors):
            raise PluginError(f"this model has directions 1 to {len(vectors)}, not {wanted}")
        chosen = vectors[:wanted] if direction is None else vectors[direction - 1]
        draw = partial(pipe.edit, points, direction=chosen)
        farthest = REACH if alpha is None else alpha

    if output is not None:
        shares = [stop / (STOPS - 1) for stop in range(STOPS)]
        way = [farthest * (share if blending else 2.0 * share - 1.0) for share in shares]
        made = draw(alpha=way if alpha is None else alpha)
        for path in pipe.save_samples(made, output):
            print(path)
    if film is not None:
        print(_write_film(draw, film, farthest, blending=blending))


def _check_options(given: set[str], alpha: float | None) -> None:
    """Refuses what contradicts itself before anything is loaded."""
    blending = given & {"--with", "--matrix"}
    for name in sorted(blending):
        if "--image" not in given:
            raise PluginError(f"{name} needs --image FILE: the picture where the blend begins")
    if blending and given & {"--direction", "--count"}:
        raise PluginError(
            "a blend has no --direction and no --count; or leave --with, --matrix out"
        )
    moving = blending or "--direction" in given
    for name in sorted(given & {"--alpha", "--film"}):
        if not moving:
            raise PluginError(f"{name} needs --direction N, or --image FILE --with FILE")
    if "--image" in given and "--truncation" in given:
        raise PluginError("--truncation is for samples; leave it or --image out")
    if {"--image", "--direction", "--count"} <= given:
        raise PluginError("--image is one picture; leave --count out")
    if alpha is not None and not (0 <= alpha <= 1 if blending else math.isfinite(alpha)):
        raise PluginError(f"--alpha {alpha}: give {'0 to 1' if blending else 'a finite number'}")


def _check_files(output: Path | None, film: Path | None) -> None:
    from multigan.data.frames import FILMS
    from multigan.data.media import SUFFIXES

    if output is None and film is None:
        raise DataError("say where to write: -o picture.png, a folder, or --film film.mp4")
    if film is not None and film.suffix.lower() not in FILMS:
        raise DataError(f"{film}: cannot write this kind of film; use {' '.join(FILMS)}")
    for path in (output, film):
        if path is not None and not path.parent.is_dir():
            raise DataError(f"{path.parent} does not exist; make the folder first")
    suffix = "" if output is None or output.is_dir() else output.suffix
    if suffix and suffix.lower() not in SUFFIXES:
        raise DataError(f"{output}: cannot write {suffix} files; use one of {' '.join(SUFFIXES)}")


def _print_distances(pipe: ImagePipeline, paths: Sequence[Path], found: Projection) -> None:
    """Says how near each picture was come to, so that nobody takes another one for it."""
    for number, path in enumerate(paths):
        labels = found.points.labels
        kind = "" if labels is None else f"class {pipe.classes[int(labels[number])]}, "
        share = max(0.0, float(found.explained[number]))
        print(
            f"{path}: {kind}distance {float(found.distances[number]):.3f} "
            f"({float(found.starts[number]):.3f} at the start), {share:.0%} of the picture found"
        )
        if share < POOR:
            hint = "what follows edits another picture, the nearest that it makes"
            print(f"note: {path}: the model cannot make this one; {hint}", file=sys.stderr)


def _write_film(
    draw: Callable[..., ImageOutput], path: Path, farthest: float, *, blending: bool
) -> Path:
    """There and back, so that the film can repeat; along a direction to both sides."""
    from multigan.data.film import write_film
    from multigan.plugins.image.pipeline import ImageOutput, grid_of

    turns = [2.0 * math.pi * frame / FRAMES for frame in range(FRAMES)]
    if blending:
        way = [farthest * (1.0 - math.cos(turn)) / 2.0 for turn in turns]
    else:
        way = [farthest * math.sin(turn) for turn in turns]
    made = draw(alpha=way)
    # Of every sample come all frames in turn; a frame shows all samples.
    frames = [made.images[frame::FRAMES] for frame in range(FRAMES)]
    return write_film([grid_of(ImageOutput(each, made.tensor)) for each in frames], path)
