"""From a YAML file and ``key=value`` overrides to a typed recipe.

YAML is read with the safe loader, interpolated by OmegaConf (``${train.batch_size}``; resolvers
such as ``${oc.env:...}`` are refused) and validated by pydantic. A recipe holds names and numbers
only: nothing in it can run code. Every error names the file and the line.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import BaseModel, Field, ValidationError

from multigan import registry
from multigan.config.sections import EMAConfig, Section, TrainConfig
from multigan.errors import PluginError, RecipeError, suggestion
from multigan.plugin import Method, load

Keys = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_NODES = 20_000  # aliases can make a small file expand without end

# What PyYAML raises beside its own errors, for 2024-13-45, a number of 5000 digits, !!bool no-no
_YAML_FAULTS = (ValueError, KeyError, AttributeError, TypeError, RecursionError)


class Recipe(Section):
    """What every recipe has; a plugin's method adds its own sections in a subclass."""

    plugin: str
    method: str
    seed: int = Field(0, ge=0, lt=2**63, description="of everything random in the run")
    train: TrainConfig = TrainConfig()
    ema: EMAConfig = EMAConfig()

    def to_yaml(self) -> str:
        """The whole recipe with every default written out."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def load_recipe(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads and checks a recipe.

    Args:
        source: A path, a bare name of a shipped recipe, or a run folder.
        overrides: ``"train.batch_size=32"``; the value is read as YAML.

    Returns:
        An instance of the recipe class of the plugin's method.

    Raises:
        RecipeError: Unreadable YAML, unknown key, wrong type or impossible value.
        PluginError: The plugin or the method does not exist.
    """
    path = registry.recipe_path(str(source))
    text = _read(path)
    document = _Document(path.name, text)
    merged = document.values
    origins: dict[Keys, str] = {}
    for override in overrides:
        keys, value = _parse_override(override)
        _assign(merged, keys, value, override)
        origins[keys] = f"override '{override}'"
    values = _interpolate(merged, path.name)

    def where(keys: Keys) -> str:
        for length in range(len(keys), 0, -1):
            if keys[:length] in origins:
                return origins[keys[:length]]
        return f"{path.name}:{document.line(keys)}"

    return make_recipe(values, where=where)


def make_recipe(values: dict[str, Any], *, where: Any = lambda keys: "recipe") -> Recipe:
    """Validates plain values into the recipe class of their plugin and method.

    Args:
        values: The recipe as nested dictionaries.
        where: Maps a key path to a text that tells the user where it stands.

    Raises:
        RecipeError: Unknown key, wrong type or impossible value.
        PluginError: The plugin or the method does not exist.
    """
    if "plugin" not in values:
        known = ", ".join(registry.plugins())
        raise RecipeError(f"{where(())}: 'plugin' is missing; choose one of: {known}")
    try:
        method_name, method = method_of(values["plugin"], values.get("method"))
    except PluginError as error:
        key = "plugin" if "unknown plugin" in str(error) else "method"
        raise RecipeError(f"{where((key,))}: {error}") from error
    recipe_class: type[Recipe] = load(method.recipe)
    try:
        return recipe_class.model_validate({**values, "method": method_name})
    except ValidationError as error:
        raise RecipeError(_explain(error, recipe_class, where)) from error


def method_of(plugin_name: Any, method_name: Any = None) -> tuple[str, Method]:
    """Looks up a method by name; without a name, the plugin's first one.

    Raises:
        PluginError: The plugin or the method does not exist.
    """
    plugin = registry.plugin(str(plugin_name))
    name = next(iter(plugin.methods)) if method_name is None else str(method_name)
    if name not in plugin.methods:
        hint = suggestion(name, plugin.methods)
        raise PluginError(f"plugin '{plugin.name}' has no method '{name}'{hint}")
    return name, plugin.methods[name]


def summary(path: Path) -> str:
    """The one-sentence comment on a recipe's first line."""
    with path.open(encoding="utf-8") as file:
        return file.readline().lstrip("# ").strip()


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecipeError(f"{path} is larger than a recipe can be ({MAX_BYTES} bytes)")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is not a text file in UTF-8") from error


class _Document:
    """A parsed YAML file that remembers the line of every key."""

    def __init__(self, name: str, text: str) -> None:
        self.lines: dict[Keys, int] = {}
        loader: yaml.SafeLoader | None = None
        try:
            loader = yaml.SafeLoader(text)
            root = loader.get_single_node()
            if not isinstance(root, yaml.MappingNode):
                raise RecipeError(f"{name}:1: a recipe is a mapping such as 'plugin: text'")
            budget = iter(range(MAX_NODES))
            for keys, line in _walk(root, (), budget, name):
                if keys in self.lines:
                    raise RecipeError(f"{name}:{line}: '{_dotted(keys)}' stands twice")
                self.lines[keys] = line
            self.values: dict[str, Any] = loader.construct_document(root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise RecipeError(f"{name}:{line}: {error.problem}") from error
        except yaml.YAMLError as error:
            raise RecipeError(f"{name}: not YAML: {' '.join(str(error).split())}") from error
        except _YAML_FAULTS as error:
            raise RecipeError(f"{name}: a value cannot be read: {_one_line(error)}") from error
        finally:
            if loader is not None:
                loader.dispose()

    def line(self, keys: Keys) -> int:
        """The line of a key, or of the nearest section around it."""
        for length in range(len(keys), 0, -1):
            if keys[:length] in self.lines:
                return self.lines[keys[:length]]
        return 1


def _walk(node: yaml.Node, keys: Keys, budget: Iterator[int], name: str) -> Iterator[Any]:
    if next(budget, None) is None:
        raise RecipeError(f"{name}: expands to more than {MAX_NODES} values")
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise RecipeError(f"{name}:{line}: a key must be a plain word")
            yield (*keys, key.value), line
            yield from _walk(value, (*keys, key.value), budget, name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*keys, index), value.start_mark.line + 1
            yield from _walk(value, (*keys, index), budget, name)


def _parse_override(override: str) -> tuple[Keys, Any]:
    key, equals, text = override.partition("=")
    if not equals or not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", key):
        raise RecipeError(f"override '{override}' is not of the form section.key=value")
    try:
        value = yaml.safe_load(text) if text.strip() else text
    except (yaml.YAMLError, *_YAML_FAULTS) as error:
        raise RecipeError(f"override '{override}': the value is not YAML") from error
    if isinstance(value, str):
        value = _number(value)
    return tuple(key.split(".")), value


def _number(text: str) -> str | float:
    """YAML 1.1 reads ``1e-4`` as a word; people mean a number."""
    return float(text) if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", text) else text


def _assign(values: dict[str, Any], keys: Keys, value: Any, override: str) -> None:
    section: Any = values
    for key in keys[:-1]:
        inner = section.get(key, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"override '{override}': '{key}' is a value, not a section")
        section[key] = dict(inner)  # a copy: through an alias, another section may be the same dict
        section = section[key]
    section[keys[-1]] = value


def _interpolate(values: dict[str, Any], name: str) -> dict[str, Any]:
    for text in _strings(values):
        # Whatever is not plainly ${a.b} is refused: OmegaConf reads ${${a}:HOME} as a resolver too.
        if "${" in re.sub(r"\$\{[\w.]+\}", "", text):
            raise RecipeError(
                f"{name}: '{text}': only ${{section.key}} is interpolated; resolvers are refused"
            )
    try:
        resolved = OmegaConf.to_container(OmegaConf.create(values), resolve=True)
    except (OmegaConfBaseException, RecursionError, ValueError) as error:
        raise RecipeError(f"{name}: {_one_line(error)}") from error
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(key)
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _explain(error: ValidationError, recipe_class: type[Recipe], where: Any) -> str:
    """The first problem in one line; pydantic's own report is a page."""
    problems = error.errors(include_url=False)
    # An unknown key explains itself best, and often is the cause of a missing one.
    first = min(problems, key=lambda problem: problem["type"] != "extra_forbidden")
    keys: Keys = first["loc"]
    place, dotted = where(keys), _dotted(keys)
    if first["type"] == "extra_forbidden":
        known = _fields_at(recipe_class, keys[:-1])
        text = f"unknown key '{dotted}'{suggestion(str(keys[-1]), known)}"
    elif first["type"] == "missing":
        text = f"'{dotted}' is missing"
    else:
        message = first["msg"].removeprefix("Value error, ")
        message = message[:1].lower() + message[1:]
        # A check of a whole section has the section as its input: too long to repeat.
        given = "" if isinstance(first["input"], dict) else f" is {reprlib.repr(first['input'])}"
        text = f"'{dotted}'{given}: {message}" if dotted else message
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{place}: {text}{more}"


def _fields_at(model: Any, keys: Keys) -> list[str]:
    for key in keys:
        if not (isinstance(model, type) and issubclass(model, BaseModel)):
            return []
        field = model.model_fields.get(str(key))
        model = field.annotation if field else None
    if isinstance(model, type) and issubclass(model, BaseModel):
        return list(model.model_fields)
    return []


def _one_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _dotted(keys: Keys) -> str:
    return ".".join(str(key) for key in keys)
