"""Using a trained model from Python: ``multigan.pipeline(...)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import nn

from multigan import registry
from multigan.errors import CheckpointError, PluginError
from multigan.inference.pretrained import find_model, load_model, push_model, save_model
from multigan.plugin import load


class Pipeline:
    """Base of the pipelines: networks plus the facts that were saved with them.

    A plugin's subclass is called with its inputs and returns a typed result.

    Args:
        components: Network name -> module, in eval mode.
        facts: What the model folder says beside the weights.

    Attributes:
        source: The folder that it was loaded from, or None.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        self.components = components
        self.facts = facts
        self.source: Path | None = None
        for module in components.values():
            module.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        for module in self.components.values():
            for parameter in module.parameters():
                return parameter.device
        return torch.device("cpu")

    def to(self, device: torch.device | str) -> Self:
        """Moves all networks."""
        for module in self.components.values():
            module.to(device)
        return self

    def sample(self, count: int, *, seed: int = 0) -> Any:
        """Generates from noise; what ``multigan sample`` calls.

        A subclass may take further options, each with a default.

        Raises:
            PluginError: This kind of model needs an input.
        """
        raise PluginError(f"{type(self).__name__} needs an input and cannot sample from noise")

    def save_samples(self, result: Any, path: Path) -> list[Path]:
        """Writes what `sample` returned into a file or folder.

        Returns:
            The files written.
        """
        raise PluginError(f"{type(self).__name__} cannot write samples")

    def interpolate(self, count: int, *, seed: int = 0) -> Any:
        """Samples on the way from one to the next of several; ``multigan sample --interpolate``.

        Raises:
            PluginError: This kind of model knows no way between samples.
        """
        raise PluginError(f"{type(self).__name__} has nothing to interpolate")

    def save_film(self, result: Any, path: Path) -> Path:
        """Writes what `interpolate` returned as a film."""
        raise PluginError(f"{type(self).__name__} makes no films")

    def save(self, folder: str | Path, *, half: bool = False) -> None:
        """Writes the model as a folder that ``multigan.pipeline`` loads.

        Args:
            folder: Where to.
            half: Store the weights in half precision.
        """
        folder = Path(folder)
        card = self.source / "README.md" if self.source else None
        text = card.read_text(encoding="utf-8") if card and card.is_file() else f"# {folder.name}\n"
        plugin, method = self.facts["plugin"], self.facts["method"]
        facts = {k: v for k, v in self.facts.items() if k not in ("plugin", "method")}
        save_model(
            folder, facts, self.components, plugin=plugin, method=method, card=text, half=half
        )

    def push_to_hub(self, repository: str, *, private: bool = False) -> str:
        """Uploads the model folder that this pipeline was loaded from.

        Returns:
            The address of the commit.

        Raises:
            CheckpointError: It was not loaded from a folder.
        """
        if self.source is None:
            raise CheckpointError("save(folder) the model before pushing it")
        return push_model(self.source, repository, private=private)


def pipeline(
    model: str | Path,
    *,
    style: str | None = None,
    device: str | torch.device | None = None,
) -> Pipeline:
    """Loads a model for use.

    Args:
        model: A model folder, a run folder, a hub id; or, with ``style``, a plugin's name.
        style: A model that comes with multigan: ``pipeline("translation", style="cartoon")``.
        device: Where to; the CPU by default.

    Raises:
        CheckpointError: There is no such model, or it is damaged.
        PluginError: Unknown plugin or style.
    """
    if style is not None:
        folder = registry.shipped_model(registry.plugin(str(model)).name, style)
    elif str(model) in registry.plugins() and not Path(model).exists():
        known = ", ".join(registry.shipped_models(str(model))) or "none yet"
        raise PluginError(f"pipeline('{model}') needs style=...; shipped with multigan: {known}")
    else:
        folder = find_model(model)
    plugin, networks, facts = load_model(folder)
    manifest = registry.plugin(plugin)
    method = manifest.methods.get(facts["method"])
    own = method.pipeline if method is not None else None
    pipeline_class: type[Pipeline] = load(own or manifest.pipeline)
    try:
        made = pipeline_class(networks, facts)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise CheckpointError(
            f"{folder / 'multigan.json'} does not say what a {plugin} model needs: "
            f"{type(error).__name__} {error}"
        ) from error
    made.source = folder
    return made.to(device) if device is not None else made
