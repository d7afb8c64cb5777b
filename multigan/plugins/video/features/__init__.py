"""Clip features by name: what clips are compared with.

A score means nothing without them, so every score carries their name; only I3D's with the weights
and the protocol of StyleGAN-V is called FVD.
"""

from __future__ import annotations

from pathlib import Path

from multigan import registry
from multigan.errors import MultiganError, PluginError, suggestion
from multigan.plugins.video.features.classified import ClassifierFeatures
from multigan.plugins.video.features.extractor import ClipFeatures
from multigan.plugins.video.features.i3d import I3D


def extractor(name: str, *, weights: str | None = None) -> ClipFeatures:
    """Makes an extractor, frozen and in eval mode.

    Args:
        name: "i3d", a shipped clip classifier such as "sprite-actions", or the run or model folder
            of one.
        weights: the TorchScript file of i3d; the others have none.

    Raises:
        PluginError: there is no such extractor, or it takes no weights.
        CheckpointError: the weights are not there or do not fit.
    """
    if name == "i3d":
        return I3D(weights)
    if weights:
        raise PluginError(f"the features {name} bring their weights along; leave weights out")
    shipped = registry.shipped_models("video")
    try:
        return ClassifierFeatures(name)
    except MultiganError as error:
        if name in shipped or Path(name).exists():
            raise
        known = ["i3d", *(each for each in shipped if "actions" in each)]
        raise PluginError(f"unknown features '{name}'{suggestion(name, known)}") from error
