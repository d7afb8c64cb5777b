"""What photo, style and result are compared in, by name."""

from __future__ import annotations

from collections.abc import Callable

from multigan.errors import PluginError, suggestion
from multigan.plugins.translation.stylize.layers import PerceptualFeatures
from multigan.plugins.translation.stylize.random_features import RandomFeatures
from multigan.plugins.translation.stylize.vgg import VGG19

FEATURES: dict[str, Callable[[str | None], PerceptualFeatures]] = {
    "random": RandomFeatures,
    "vgg19": VGG19,
}


def perceptual_features(name: str, *, weights: str | None = None) -> PerceptualFeatures:
    """Makes features, frozen.

    Args:
        name: "random" or "vgg19".
        weights: The file of vgg19; None looks for it in torch hub's cache.

    Raises:
        PluginError: There are no such features, or they take no weights.
        CheckpointError: The weights are missing, damaged, or of another architecture.
    """
    if name not in FEATURES:
        raise PluginError(f"unknown features '{name}'{suggestion(name, FEATURES)}")
    return FEATURES[name](weights).eval().requires_grad_(False)
