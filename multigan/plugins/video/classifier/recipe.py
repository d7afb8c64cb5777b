"""What a clip classifier's recipe can say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from multigan.config.classifier import ClassifierRecipe
from multigan.config.sections import NonNegative, Section
from multigan.plugins.video.clips.recipe import VideoData


class ClassifierModel(Section):
    """The network."""

    width: PositiveInt = Field(16, description="channels after the first halving")
    features: PositiveInt = Field(64, description="numbers that the classes are read from")
    convolution: Literal["factorised", "full"] = Field(
        "factorised", description="picture, then time; or both at once"
    )


class ClassifierAugment(Section):
    """What may differ from the clips of the training, so that generated ones are not strange."""

    colour: bool = Field(False, description="brightness, saturation and contrast")
    translation: bool = Field(False, description="shift by up to an eighth of the side")
    noise: NonNegative = Field(0.1, description="deviation, where pixels go from -1 to 1")


class ClipClassifierRecipe(ClassifierRecipe):
    """A classifier of clips."""

    data: VideoData = VideoData()
    model: ClassifierModel = ClassifierModel()
    augment: ClassifierAugment = ClassifierAugment()
