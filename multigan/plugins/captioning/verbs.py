"""``multigan caption``: what is in pictures. Importing it imports no torch."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from multigan.errors import DataError, MultiganError, PluginError

app = typer.Typer()

CHUNK = 32  # pictures in memory at a time


@app.command()
def caption(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, and folders of them.")],
    model: Annotated[
        str, typer.Option(help="A run, a shipped model, a model folder or a hub id.")
    ] = "scenes",
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Captions of each.")] = 1,
    temperature: Annotated[
        float, typer.Option(min=0, help="Below 1 safer, above 1 wilder; 0: the likeliest words.")
    ] = 0.5,
    beam: Annotated[
        int, typer.Option(min=0, help="The likeliest captions among so many; 0: by chance.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same captions.")] = 0,
    choose: Annotated[
        Path | None,
        typer.Option(help="Instead of writing: the captions of this file, a line each, that fit."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a picture.")] = False,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .jsonl file to write as well.")
    ] = None,
) -> None:
    """Say what is in pictures: one line each, or several with -n."""
    if beam and beam < count:
        raise PluginError(f"--beam {beam} cannot find {count} captions; make it {count} or more")
    if output is not None and not output.absolute().parent.is_dir():
        raise PluginError(f"{output}: the folder {output.parent} does not exist; create it first")
    # Mistakes are told before torch is imported, which takes over a second.
    from multigan.data.media import Picture, list_images, read_image

    known = _lines(choose) if choose is not None else []
    problems = 0

    def tell(error: object) -> None:
        nonlocal problems
        problems += 1
        print(f"error: {error}", file=sys.stderr)

    files: list[Path] = []
    for path in paths:
        try:
            files += list_images(path) if path.is_dir() else [path]
        except DataError as error:
            tell(error)
    done: list[tuple[str, list[str]]] = []
    pipe = None
    for start in range(0, len(files), CHUNK):
        pictures: list[Picture] = []
        names: list[str] = []
        for file in files[start : start + CHUNK]:
            try:
                pictures.append(read_image(file))
                names.append(str(file))
            except DataError as error:
                tell(error)
        if not pictures:
            continue
        if pipe is None:
            pipe = _open(model, device)
        if known:
            best = pipe.match(pictures, known).topk(min(count, len(known)), dim=1).indices
            captions = [[known[i] for i in row] for row in best.tolist()]
        else:
            captions = pipe(
                pictures, count=count, temperature=temperature, beam=beam, seed=seed
            ).captions
        for name, of in zip(names, captions, strict=True):
            done.append((name, of))
            if as_json:
                print(json.dumps({"file_name": name, "captions": of}, ensure_ascii=False))
            else:
                print("\n".join(f"{name}: {text}" for text in of))
    if output is not None and done:
        from multigan.plugins.captioning.pipeline import save_captions

        save_captions(done, output)
    if problems:
        raise typer.Exit(2)


def _open(model: str, device: str | None):  # type: ignore[no-untyped-def]
    from multigan import registry
    from multigan.inference.pipeline import pipeline
    from multigan.plugins.captioning.pipeline import CaptionPipeline

    shipped = registry.shipped_models("captioning")
    pipe = pipeline(shipped.get(model, model), device=device)
    if not isinstance(pipe, CaptionPipeline):
        raise PluginError(f"{model} is a model of another kind; it cannot caption pictures")
    return pipe


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MultiganError(f"{path}: cannot be read as UTF-8 text ({error})") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path}: no caption in it; write one a line")
    return lines
