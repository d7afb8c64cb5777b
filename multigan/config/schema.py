"""A JSON Schema of every recipe, so that editors complete keys and underline mistakes."""

from __future__ import annotations

from typing import Any

from multigan import registry
from multigan.config.recipe import Recipe
from multigan.plugin import load


def recipe_schema() -> dict[str, Any]:
    """One schema for all plugins: ``plugin`` and ``method`` decide which sections are allowed."""
    definitions: dict[str, Any] = {}
    choices = []
    for plugin in registry.plugins().values():
        for number, (name, method) in enumerate(plugin.methods.items()):
            recipe_class: type[Recipe] = load(method.recipe)
            # Two plugins may both have a class Data: their names are kept apart.
            prefix = f"{plugin.name}.{name}."
            schema = recipe_class.model_json_schema(ref_template=f"#/$defs/{prefix}{{model}}")
            for model, definition in schema.pop("$defs", {}).items():
                definitions[prefix + model] = definition
            schema["properties"]["plugin"] = {"const": plugin.name}
            schema["properties"]["method"] = {"const": name}
            if number == 0:  # the default method need not be named
                schema["required"] = [key for key in schema["required"] if key != "method"]
            definitions[prefix + recipe_class.__name__] = schema
            choices.append({"$ref": f"#/$defs/{prefix}{recipe_class.__name__}"})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "multigan recipe",
        "anyOf": choices,
        "$defs": dict(sorted(definitions.items())),
    }
