"""The command line: parses, calls, prints. Importing it imports no torch.

A plugin's own verbs (``translate``, for example) are mounted beside these. What a user can mend is
printed as one line with exit code 2; anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from multigan import __version__, registry
from multigan.errors import MultiganError, PluginError, suggestion
from multigan.plugin import load

app = typer.Typer(
    name="multigan",
    help="Adversarial generation in every modality.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

score = typer.Typer(no_args_is_help=True)
app.add_typer(score, name="score", help="Score samples against real data; plugins say how.")

# The base of all that Typer finds wrong with what was typed (click's ClickException, or its copy).
Usage: Any = typer.BadParameter.__mro__[2]


def main() -> None:
    """The entry point of the ``multigan`` command."""
    quiet = not {"--help", "--version"}.isdisjoint(sys.argv)
    for plugin in registry.plugins().values():
        for commands, reference in ((app, plugin.verbs), (score, plugin.scores)):
            if reference:
                try:
                    verbs: typer.Typer = load(reference)
                    mounted = commands.registered_commands
                    # Once: a process may call this again and again.
                    mounted += [verb for verb in verbs.registered_commands if verb not in mounted]
                except Exception as error:  # a broken plugin hurts nobody else
                    if not quiet:
                        why = (str(error).splitlines() or [type(error).__name__])[0]
                        print(
                            f"warning: without the commands of plugin '{plugin.name}': {why}; see "
                            "'multigan doctor'",
                            file=sys.stderr,
                        )
    try:
        sys.exit(app(standalone_mode=False))
    except MultiganError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except Usage as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its text is the help text
            error.show()
        else:
            print(f"error: {error.format_message()}", file=sys.stderr)
        sys.exit(2)
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; Python must not complain while closing.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="A recipe file, a bare name, or a run folder.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="train.batch_size=32")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Run folder; default runs/NAME.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the whole recipe and stop.")
    ] = False,
) -> None:
    """Train what a recipe describes."""
    from multigan.config.recipe import load_recipe

    if resume and output is None and (Path(recipe) / "recipe.yaml").is_file():
        output = Path(recipe)  # a run folder goes on where it is
    if dry_run:
        print(load_recipe(recipe, overrides or ()).to_yaml(), end="")
        return
    loaded = load_recipe(recipe, overrides or ())  # mistakes are told before torch is imported
    from multigan.training.train import train

    train(loaded, name=Path(recipe).resolve().stem, output=output, resume=resume)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def sample(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A run, a shipped model, a folder or a hub id.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same samples.")] = 0,
    device: Annotated[str | None, typer.Option(help="cpu, cuda ...")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File or folder; text goes to the screen.")
    ] = None,
    interpolate: Annotated[
        Path | None, typer.Option(help="Instead: a film (.mp4, .gif) of the way between samples.")
    ] = None,
) -> None:
    """Generate from a trained model; its kind brings options of its own, such as --temperature.

    An option that the model does not have is answered with those that it has.
    """
    from multigan.inference.options import parse_options
    from multigan.inference.pipeline import pipeline

    pipe = pipeline(model, device=device)
    if interpolate is not None:
        between: Any = pipe.interpolate
        options = parse_options(between, context.args, taken=("seed",))
        print(pipe.save_film(between(count, seed=seed, **options), interpolate))
        return
    generate: Any = pipe.sample
    options = parse_options(generate, context.args, taken=("seed",))
    result = generate(count, seed=seed, **options)
    if output is not None:
        for path in pipe.save_samples(result, output):
            print(path)
    elif texts := getattr(result, "texts", None):
        print("\n".join(texts))
    else:
        raise PluginError("these samples cannot be printed; say where to write them with -o")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def export(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A run, a shipped model, a folder or a hub id.")],
    format: Annotated[
        str, typer.Option("--format", "-f", help="onnx, pt2, torchscript or safetensors.")
    ] = "onnx",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file; default NAME.onnx, here.")
    ] = None,
    opset: Annotated[
        int | None, typer.Option(min=18, help="Of ONNX; the exporter's own choice by default.")
    ] = None,
    half: Annotated[
        bool, typer.Option("--half", help="Store the weights in half precision.")
    ] = False,
) -> None:
    """Write a model for other programs, compared with torch before it is kept.

    Its kind brings options of its own, such as --direction.
    """
    from multigan.inference.export import export_model
    from multigan.inference.options import parse_options
    from multigan.inference.pipeline import pipeline

    pipe = pipeline(model)
    options = parse_options(pipe.exportable, context.args)
    made = export_model(pipe, output, format=format, opset=opset, half=half, **options)
    print(f"{made.path}: {made.size / 1e6:.1f} MB, {made.verdict}")


@app.command("import")
def import_(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="FILE", help="Another project's .pth, .pt or .safetensors.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model folder to write.")],
    name: Annotated[
        str | None, typer.Option(help="For its model card; default: as the folder.")
    ] = None,
) -> None:
    """Make a model folder of another project's checkpoint; 'list imports' says of which."""
    from multigan.inference.foreign import import_model

    print(import_model(checkpoint, output, name=name))


@app.command()
def report(run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Write report.html of a run: curves, samples over time, scores, recipe."""
    from multigan.training.report import write_report

    print(write_report(run))


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(metavar="[WHAT]", help="Leave out to see all.")] = "",
) -> None:
    """List recipes, plugins, models, styles, imports, data, metrics or objectives."""
    tables = {
        "recipes": _recipes,
        "plugins": _plugins,
        "models": lambda: _shipped("models"),
        "styles": lambda: _shipped("styles"),
        "imports": _imports,
        "data": _data,
        "metrics": _metrics,
        "objectives": _objectives,
    }
    if what and what not in tables:
        raise PluginError(f"cannot list '{what}'{suggestion(what, tables)}")
    for title, rows in tables.items():
        if what in ("", title):
            if not what:
                print(f"\n{title}")
            _print_rows(rows(), indent="" if what else "  ")


@app.command()
def schema() -> None:
    """Print a JSON Schema of recipes, for editors."""
    import json

    from multigan.config.schema import recipe_schema

    print(json.dumps(recipe_schema(), indent=1))


@app.command()
def doctor() -> None:
    """Say what works here: versions, device, precision, plugins."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    rows = [("multigan", __version__), ("python", platform.python_version())]
    for package in (
        "torch",
        "torchvision",
        "numpy",
        "pillow",
        "safetensors",
        "datasets",
        "pydantic",
    ):
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "MISSING: pip install " + package))
    import torch

    from multigan.training.engine import choose_device, choose_precision

    device = choose_device()
    rows.append(("device", str(device)))
    if device.type == "cuda":
        rows.append(("gpu", torch.cuda.get_device_name(device)))
    rows.append(("precision", f"auto is {choose_precision('auto', device)}"))
    rows.append(("cpu threads", str(torch.get_num_threads())))
    for name, plugin in registry.plugins().items():
        try:
            for reference in (
                plugin.networks, plugin.pipeline, plugin.verbs, plugin.scores, plugin.imports
            ):  # fmt: skip
                if reference:
                    load(reference)
            for method in plugin.methods.values():
                for reference in (method.recipe, method.gan, method.pipeline):
                    if reference:
                        load(reference)
            rows.append((f"plugin {name}", "works"))
        except Exception as error:  # whatever a plugin does wrong, the doctor reports it
            rows.append((f"plugin {name}", f"BROKEN: {error}"))
    rows += [(f"plugin {origin}", f"BROKEN: {why}") for origin, why in _broken()]
    _print_rows(rows)


def _recipes() -> list[tuple[str, str]]:
    from multigan.config.recipe import summary

    return [(name, summary(path)) for name, path in registry.recipes().items()]


def _plugins() -> list[tuple[str, str]]:
    rows = []
    for name, plugin in registry.plugins().items():
        rows.append((name, plugin.summary))
        rows += [(f"  {name}.{key}", method.summary) for key, method in plugin.methods.items()]
    return rows + [(origin, f"BROKEN: {why}") for origin, why in _broken()]


def _shipped(kind: str) -> list[tuple[str, str]]:
    from multigan.inference.card import summary

    return [
        (name, summary(folder / "README.md"))
        for plugin in registry.plugins().values()
        if plugin.shipped == kind
        for name, folder in registry.shipped_models(plugin.name).items()
    ]


def _data() -> list[tuple[str, str]]:
    from multigan.config.sections import BUILTIN_DATA

    return [
        *BUILTIN_DATA.items(),
        *(row for plugin in registry.plugins().values() for row in plugin.data.items()),
        ("FOLDER or FILE", "pictures in any format; text with one sentence a line"),
        ("OWNER/NAME", "a data set on the Hugging Face hub"),
    ]


def _imports() -> list[tuple[str, str]]:
    return [row for plugin in registry.plugins().values() for row in plugin.layouts.items()]


def _metrics() -> list[tuple[str, str]]:
    return [row for plugin in registry.plugins().values() for row in plugin.metrics.items()]


def _objectives() -> list[tuple[str, str]]:
    from multigan.config.objectives import OBJECTIVES

    return list(OBJECTIVES.items())


def _broken() -> list[tuple[str, str]]:
    return list(registry.broken_plugins().items())


def _print_rows(rows: list[tuple[str, str]], *, indent: str = "") -> None:
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        print(f"{indent}{name:<{width}}  {text}".rstrip())
