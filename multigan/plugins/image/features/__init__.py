"""Feature extractors by name: what pictures are compared with.

A score means nothing without its extractor, so every score carries the extractor's name, and only
Inception's with the original weights is called FID (see `inception`).
"""

from __future__ import annotations

from collections.abc import Callable

from multigan.errors import PluginError, suggestion
from multigan.plugins.image.features.digits import Digits
from multigan.plugins.image.features.encoders import Clip, Dinov2
from multigan.plugins.image.features.extractor import FeatureExtractor
from multigan.plugins.image.features.inception import InceptionV3
from multigan.plugins.image.features.random_conv import RandomConv

EXTRACTORS: dict[str, Callable[[str | None], FeatureExtractor]] = {
    "inception-v3": InceptionV3,
    "dinov2": Dinov2,
    "clip": Clip,
    "digits": Digits,
    "random-conv": RandomConv,
}


def extractor(name: str, *, weights: str | None = None) -> FeatureExtractor:
    """Makes an extractor, in eval mode and frozen.

    Args:
        name: "inception-v3", "dinov2", "clip", "digits" or "random-conv".
        weights: a file (inception-v3), or a folder or hub id (dinov2, clip); the others have none.

    Raises:
        PluginError: there is no such extractor, it takes no weights, or a package is missing.
        CheckpointError: the weights are not there or do not fit.
    """
    if name not in EXTRACTORS:
        raise PluginError(f"unknown features '{name}'{suggestion(name, EXTRACTORS)}")
    return EXTRACTORS[name](weights).eval().requires_grad_(False)
