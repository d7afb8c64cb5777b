"""The pipeline that fits a saved model: some change the size of pictures, some need a mask."""

from __future__ import annotations

from typing import Any

from torch import nn

from multigan.plugins.translation.pipeline import TranslationPipeline
from multigan.plugins.translation.restoration.pipeline import (
    InpaintingPipeline,
    SuperResolutionPipeline,
)

PIPELINES: dict[str, type[TranslationPipeline]] = {
    "super-resolution": SuperResolutionPipeline,
    "inpainting": InpaintingPipeline,
}


def open_pipeline(components: dict[str, nn.Module], facts: dict[str, Any]) -> TranslationPipeline:
    """A pipeline of the kind that the facts' ``task`` names; most models name none."""
    return PIPELINES.get(str(facts.get("task")), TranslationPipeline)(components, facts)
