"""The pipeline that fits a saved model, where its method is none of ours: an imported one."""

from __future__ import annotations

from typing import Any

from torch import nn

from multigan.inference.pipeline import Pipeline
from multigan.plugins.audio.vocoder.pipeline import VocoderPipeline


def open_pipeline(components: dict[str, nn.Module], facts: dict[str, Any]) -> Pipeline:
    """Vocoders are all that can be imported."""
    return VocoderPipeline(components, facts)
