"""Drawings of a photo without learning, which a generator begins by imitating.

Each is a function of (B, 3, H, W) sRGB in [0, 1] to the same, without chance. Detail is measured in
pixels: a larger version of the same photo is drawn with finer strokes.
"""

from collections.abc import Callable

from torch import Tensor

from multigan.plugins.translation.drawing.abstractions.cartoon import cartoon
from multigan.plugins.translation.drawing.abstractions.oil import oil
from multigan.plugins.translation.drawing.abstractions.pixel_art import pixel_art
from multigan.plugins.translation.drawing.abstractions.watercolour import watercolour

ABSTRACTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "cartoon": cartoon,
    "oil": oil,
    "watercolour": watercolour,
    "pixel-art": pixel_art,
}
