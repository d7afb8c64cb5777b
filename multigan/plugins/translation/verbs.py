"""``multigan translate``: pictures in, pictures out. Importing this imports no torch."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import DataError, MultiganError, PluginError
from multigan.plugins.translation.stylize.verbs import app as stylize

app = typer.Typer()
app.registered_commands.extend(stylize.registered_commands)


@app.command()
def translate(
    paths: Annotated[list[Path], typer.Argument(help="Pictures and folders of pictures.")],
    style: Annotated[
        str | None, typer.Option(help="A style that comes with multigan; see 'list styles'.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Instead of a style: a run, a model folder or a hub id.")
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
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file for one picture, else a folder.")
    ] = None,
) -> None:
    """Turn pictures into another style: photo.jpg becomes photo-cartoon.jpg."""
    if (style is None) == (model is None):
        raise PluginError("say either --style NAME (see 'multigan list styles') or --model RUN")
    # Mistakes are told before torch is imported, which takes over a second.
    from multigan import registry
    from multigan.data.media import read_image, write_image

    if style is not None:
        registry.shipped_model("translation", style)
    jobs, problems = _plan(paths, _label(style, model), output)

    if jobs:
        from multigan.inference.pipeline import pipeline
        from multigan.plugins.translation.pipeline import TranslationPipeline

        pipe = pipeline(model or "translation", style=style, device=device)
        if not isinstance(pipe, TranslationPipeline):
            raise PluginError(f"{model} is a model of another kind; it cannot translate pictures")
        for source, target in jobs:
            try:
                picture = pipe.translate(read_image(source), direction=direction, side=side)
                target.parent.mkdir(parents=True, exist_ok=True)
                print(write_image(picture, target))
            except (MultiganError, OSError) as error:
                problems.append(f"{source}: {error}" if isinstance(error, OSError) else str(error))
                print(f"error: {problems[-1]}", file=sys.stderr)
    if problems:
        raise typer.Exit(2)


def _label(style: str | None, model: str | None) -> str:
    """What is appended to file names."""
    if style is not None:
        return style
    path = Path(str(model))
    return path.parent.name if path.name == "model" else path.name


def _plan(
    paths: list[Path], label: str, output: Path | None
) -> tuple[list[tuple[Path, Path]], list[str]]:
    """Decides what is written where.

    Returns:
        (source, target) pairs, and the problems of paths that cannot be read, already printed.
    """
    jobs: list[tuple[Path, Path]] = []
    problems: list[str] = []
    single = len(paths) == 1 and not paths[0].is_dir()
    for path in paths:
        try:
            jobs += list(_targets(path, label, output, single=single))
        except DataError as error:
            problems.append(str(error))
            print(f"error: {error}", file=sys.stderr)
    taken: dict[Path, Path] = {}
    sources = {source.resolve() for source, _ in jobs}
    for source, target in jobs:
        if target.resolve() in sources:
            raise DataError(f"{target} would overwrite an input; choose another -o")
        if target in taken:
            raise DataError(f"{taken[target]} and {source} would both become {target}")
        taken[target] = source
    return jobs, problems


def _targets(
    path: Path, label: str, output: Path | None, *, single: bool
) -> Iterator[tuple[Path, Path]]:
    from multigan.data.media import SUFFIXES, list_images

    def named(file: Path) -> str:
        # A file without a suffix that we can write gets the format that it turns out to have.
        return f"{file.stem}-{label}{file.suffix}"

    if path.is_dir():
        folder = output or path.with_name(f"{path.resolve().name}-{label}")
        for file in list_images(path):
            yield file, folder / file.relative_to(path).with_name(named(file))
    elif not path.exists():
        raise DataError(f"{path} does not exist")
    elif output is None:
        yield path, path.with_name(named(path))
    elif output.is_dir() or output.suffix.lower() not in SUFFIXES:
        if output.suffix and not output.is_dir():
            known = ", ".join(sorted(SUFFIXES))
            raise DataError(f"{output}: cannot write {output.suffix} files; choose one of: {known}")
        yield path, output / named(path)
    elif single:
        yield path, output
    else:
        raise DataError(f"{output} is one file, but there are several pictures; name a folder")
