"""Adversarial generation in every modality.

Importing this package costs nothing; torch is imported when something is used:

    pipe = multigan.pipeline("translation", style="cartoon")
    run = multigan.train("textgan", overrides=["train.batch_size=32"])
    augment = multigan.transforms.Translate("cartoon", p=0.5)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multigan import transforms
    from multigan.config.recipe import load_recipe
    from multigan.inference.pipeline import pipeline
    from multigan.training.train import train

__version__ = "0.1.0"
__all__ = ["__version__", "load_recipe", "pipeline", "train", "transforms"]

_HOMES = {
    "load_recipe": "multigan.config.recipe",
    "pipeline": "multigan.inference.pipeline",
    "train": "multigan.training.train",
}


def __getattr__(name: str) -> Any:
    import importlib

    if name == "transforms":  # a module, which needs torchvision
        return importlib.import_module("multigan.transforms")
    if name not in _HOMES:
        raise AttributeError(f"module 'multigan' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
