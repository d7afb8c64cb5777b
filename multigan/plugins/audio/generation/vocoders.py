"""A trained vocoder as the last part of a generator of spectrograms."""

from __future__ import annotations

from torch import nn

from multigan.errors import PluginError
from multigan.inference.pipeline import pipeline
from multigan.plugins.audio.recipe import MelConfig


def load_vocoder(name: str, *, mel: MelConfig) -> nn.Module:
    """The network of a vocoder: log-mel spectrograms (B, M, L) to sounds (B, L * hop).

    Args:
        name: a run, a model folder, a shipped model or a hub id.
        mel: how the spectrograms are taken that it will get.

    Raises:
        CheckpointError: there is no such model.
        PluginError: it is no vocoder, or one for other spectrograms.
    """
    pipe = pipeline(name)
    known = pipe.facts.get("method") in ("vocoder", "hifi-gan")  # ours, or an imported one
    if not known or "generator" not in pipe.components:
        raise PluginError(f"model.vocoder={name} is no vocoder; name one, or leave it empty")
    own = MelConfig(**pipe.facts["mel"])
    if own != mel:
        different = next(
            key for key in type(mel).model_fields if getattr(own, key) != getattr(mel, key)
        )
        raise PluginError(
            f"model.vocoder={name} takes spectrograms with {different}={getattr(own, different)}, "
            f"and this model makes them with {different}={getattr(mel, different)}"
        )
    return pipe.components["generator"]
