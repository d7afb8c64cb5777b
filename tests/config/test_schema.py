from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from multigan import registry
from multigan.config.recipe import load_recipe
from multigan.config.schema import recipe_schema


def problems(value: Any, schema: dict[str, Any], root: dict[str, Any], at: str = "") -> list[str]:
    """The part of JSON Schema that pydantic writes, checked by hand."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix("#/$defs/")
        return problems(value, root["$defs"][name], root, at)
    if "anyOf" in schema:
        tries = [problems(value, option, root, at) for option in schema["anyOf"]]
        return min(tries, key=len)
    if "const" in schema and value != schema["const"]:
        return [f"{at}: {value!r} is not {schema['const']!r}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value!r} is none of {schema['enum']}"]
    kinds: dict[str, Any] = {
        "object": dict, "array": list, "string": str, "boolean": bool, "integer": int,
        "number": (int, float), "null": type(None),
    }  # fmt: skip
    kind = schema.get("type")
    if kind and not isinstance(value, kinds[kind]):
        return [f"{at}: {value!r} is no {kind}"]
    found = []
    if kind == "object":
        properties = schema.get("properties", {})
        found += [
            f"{at}: {key} is missing" for key in schema.get("required", ()) if key not in value
        ]
        for key, item in value.items():
            if key in properties:
                found += problems(item, properties[key], root, f"{at}.{key}")
            elif schema.get("additionalProperties") is False:
                found.append(f"{at}: unknown {key}")
    return found


def test_shipped_recipes_fit_the_schema() -> None:
    schema = recipe_schema()
    for path in registry.recipes().values():
        assert problems(yaml.safe_load(path.read_text("utf-8")), schema, schema) == [], path.name


@pytest.mark.parametrize(
    "recipe",
    [
        {"plugin": "toy", "sed": 1},
        {"plugin": "no such"},
        {"plugin": "toy", "train": {"batch_size": "x"}},
        {"plugin": "toy", "train": {"precision": "fp8"}},
        {"seed": 1},
    ],
)
def test_mistakes_do_not_fit(installed_toy: Path, recipe: dict[str, Any]) -> None:
    schema = recipe_schema()
    assert problems({"plugin": "toy"}, schema, schema) == []
    assert problems(recipe, schema, schema) != []


def test_every_reference_leads_somewhere(installed_toy: Path) -> None:
    schema = recipe_schema()
    text = json.dumps(schema)
    for part in text.split('"$ref": "#/$defs/')[1:]:
        assert part.split('"')[0] in schema["$defs"]


def test_sections_of_one_name_in_two_plugins_stay_apart(
    installed_toy: Path, tmp_path: Path, distribution: Any, importable: Any
) -> None:
    """Another plugin with a ToyModel section of its own."""
    package = tmp_path / "second"
    package.mkdir()
    toy = Path(__file__).parent.parent / "thirdparty" / "toy" / "multigan_toy"
    text = (toy / "recipe.py").read_text()
    (package / "recipe.py").write_text(text.replace("hidden: int", "width: int"))
    manifest = (toy / "__init__.py").read_text()
    manifest = manifest.replace("multigan_toy.recipe", "second.recipe").replace('"toy"', '"second"')
    (package / "__init__.py").write_text(manifest)
    distribution(tmp_path, "second", "second = second:PLUGIN")
    with importable(tmp_path):
        schema = recipe_schema()
        for plugin, key, other in (("toy", "hidden", "width"), ("second", "width", "hidden")):
            assert problems({"plugin": plugin, "model": {key: 3}}, schema, schema) == []
            assert problems({"plugin": plugin, "model": {other: 3}}, schema, schema) != []


def test_every_shipped_recipe_loads() -> None:
    for name in registry.recipes():
        assert load_recipe(name).plugin in registry.plugins()
