"""The pipeline that fits a saved model whose method names none of its own."""

from __future__ import annotations

from typing import Any

from torch import nn

from multigan.inference.pipeline import Pipeline
from multigan.plugins.audio.imports import LAYOUT
from multigan.plugins.audio.pipeline import AudioPipeline
from multigan.plugins.audio.vocoder.pipeline import VocoderPipeline


def open_pipeline(components: dict[str, nn.Module], facts: dict[str, Any]) -> Pipeline:
    """Sounds from noise; but what was imported from another project is a vocoder."""
    if facts.get("method") == LAYOUT:
        return VocoderPipeline(components, facts)
    return AudioPipeline(components, facts)
