"""What a modality tells the core about itself: a manifest, without importing torch.

A plugin is a folder in ``multigan/plugins/`` whose ``__init__.py`` holds ``PLUGIN = Plugin(...)``,
or any installed package with an entry point in the group ``multigan.plugins`` that points at such
an object. Everything heavy is named as ``"module:attribute"`` and imported when it is used.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from multigan.errors import PluginError


@dataclass(frozen=True)
class Method:
    """One way of training: a typed recipe and the GAN that it builds.

    Attributes:
        summary: One sentence for ``multigan list plugins``.
        recipe: ``"module:Class"`` of a `multigan.config.recipe.Recipe` subclass (no torch inside).
        gan: ``"module:Class"`` of a `multigan.training.phases.GAN`, built as ``Class(recipe)``.
        pipeline: Instead of the plugin's, where a model of this method is used in another way.
    """

    summary: str
    recipe: str
    gan: str
    pipeline: str | None = None


@dataclass(frozen=True)
class Plugin:
    """A modality.

    Attributes:
        name: The task, as in ``plugin: text`` and ``multigan.pipeline("text")``.
        summary: One sentence.
        methods: Ways of training; the first one is the default.
        networks: ``"module"`` whose ``NETWORKS`` maps names in saved models to classes.
        pipeline: ``"module:Class"`` of a `multigan.inference.pipeline.Pipeline` subclass.
        verbs: ``"module:app"`` of a Typer app with command-line verbs, importable without torch.
        scores: The same for what ``multigan score`` can score: one command for each kind of sample.
        metrics: Names of what ``evaluate`` reports, each with a sentence.
        shipped: What its models under assets/ are called in ``multigan list``: models, or styles.
        data: Built-in data beside what every plugin can use, each with a sentence.
        imports: ``"module:function"`` that turns the named tensors of another project's checkpoint
            into a `multigan.inference.foreign.Imported`, or returns None if it does not know them.
        layouts: What that function knows, each with a sentence.
    """

    name: str
    summary: str
    methods: Mapping[str, Method]
    networks: str
    pipeline: str
    verbs: str | None = None
    scores: str | None = None
    metrics: Mapping[str, str] = field(default_factory=dict)
    shipped: str = "models"
    data: Mapping[str, str] = field(default_factory=dict)
    imports: str | None = None
    layouts: Mapping[str, str] = field(default_factory=dict)


def load(reference: str) -> Any:
    """Imports ``"module:attribute"`` (or ``"module"``).

    Raises:
        PluginError: The module or the attribute does not exist, or the import fails.
    """
    module_name, _, attribute = reference.partition(":")
    try:
        module = importlib.import_module(module_name)
        return getattr(module, attribute) if attribute else module
    except (ImportError, AttributeError) as error:
        raise PluginError(f"cannot load '{reference}': {error}") from error
