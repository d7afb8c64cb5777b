"""Finds plugins, recipes and shipped models by name. Imports no torch.

Plugins come from the folders of `multigan.plugins` and from entry points of installed packages. One
that fails to import is set aside with its error, so that it breaks nobody else.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
import re
import reprlib
from pathlib import Path

import multigan.plugins
from multigan.errors import PluginError, RecipeError, suggestion
from multigan.plugin import Plugin

ENTRY_POINTS = "multigan.plugins"
PACKAGE = Path(__file__).parent


def plugins() -> dict[str, Plugin]:
    """All plugins that work, by name, in alphabetical order."""
    return _discover()[0]


def broken_plugins() -> dict[str, str]:
    """Plugins that could not be imported: where they come from -> what went wrong."""
    return _discover()[1]


def plugin(name: str) -> Plugin:
    """The plugin of this name.

    Raises:
        PluginError: There is none, or it is broken.
    """
    found = plugins()
    if name in found:
        return found[name]
    for origin, problem in broken_plugins().items():
        if name in re.split(r"\W+", origin):
            raise PluginError(f"plugin '{name}' ({origin}) cannot be imported: {problem}")
    raise PluginError(f"unknown plugin '{name}'{suggestion(name, found)}")


def recipes() -> dict[str, Path]:
    """Recipes that come with multigan: bare name -> file."""
    return {path.stem: path for path in sorted(_shipped("recipes").glob("*.yaml"))}


def recipe_path(name: str) -> Path:
    """Resolves a path, a bare recipe name, or a run folder to a recipe file.

    Raises:
        RecipeError: Nothing of that name exists.
    """
    try:
        path = Path(name).expanduser()
        if (path / "recipe.yaml").is_file():
            return path / "recipe.yaml"
        if path.is_file():
            return path
    except (OSError, RuntimeError) as error:  # a name too long, a home folder that is not there
        raise RecipeError(f"cannot read {reprlib.repr(name)}: {error}") from error
    known = recipes()
    bare = path.name.removesuffix(".yaml")
    # 'recipes/textgan.yaml' typed outside a checkout means the recipe that multigan ships.
    if bare in known and (path.parent == Path() or path.parent.name == "recipes"):
        return known[bare]
    if path.is_dir():
        raise RecipeError(f"{name} is a folder without recipe.yaml; name a recipe file or a run")
    raise RecipeError(f"no recipe '{name}'{suggestion(bare, known)}")


def shipped_models(plugin_name: str) -> dict[str, Path]:
    """Trained models that come with multigan for a plugin: name -> model folder."""
    folder = _shipped("assets") / plugin_name
    return {path.parent.name: path.parent for path in sorted(folder.glob("*/multigan.json"))}


def shipped_model(plugin_name: str, name: str) -> Path:
    """The folder of one shipped model.

    Raises:
        PluginError: The plugin ships no model of this name.
    """
    known = shipped_models(plugin_name)
    if name not in known:
        raise PluginError(f"unknown {plugin_name} style '{name}'{suggestion(name, known)}")
    return known[name]


def _shipped(kind: str) -> Path:
    """Inside an installed wheel the folder lies in the package, in a checkout beside it."""
    inside = PACKAGE / kind
    return inside if inside.is_dir() else PACKAGE.parent / kind


@functools.cache
def _discover() -> tuple[dict[str, Plugin], dict[str, str]]:
    working: dict[str, Plugin] = {}
    broken: dict[str, str] = {}

    def add(origin: str, found: object) -> None:
        if not isinstance(found, Plugin):
            broken[origin] = f"expected a multigan.plugin.Plugin, found {type(found).__name__}"
        elif found.name in working:
            broken[origin] = f"a plugin named '{found.name}' exists already"
        else:
            working[found.name] = found

    for module in pkgutil.iter_modules(multigan.plugins.__path__):
        origin = f"multigan.plugins.{module.name}"
        try:
            add(origin, importlib.import_module(origin).PLUGIN)
        except (Exception, SystemExit) as error:  # one broken plugin must not hurt the others
            broken[origin] = f"{type(error).__name__}: {error}"
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        origin = f"entry point {entry.name} = {entry.value}"
        try:
            add(origin, entry.load())
        except (Exception, SystemExit) as error:  # as above, for other people's packages
            broken[origin] = f"{type(error).__name__}: {error}"
    return dict(sorted(working.items())), broken
