"""What a classifier's recipe can say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt

from multigan.config.classifier import ClassifierRecipe, ClassifierSteps
from multigan.config.sections import NonNegative, Section
from multigan.plugins.image.adversarial.recipe import Side


class ClassifierData(Section):
    """Labelled pictures."""

    source: str = Field("mnist/", description="MNIST-style idx files, or one folder a class")
    size: Side = Field(28, description="side that the pictures are brought to")
    colours: Literal["grey", "rgb"] = "grey"
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable pictures do")


class ClassifierModel(Section):
    """The network."""

    width: PositiveInt = Field(24, description="channels after the first convolution")
    features: PositiveInt = Field(128, description="numbers that the classes are read from")


class ClassifierAugment(Section):
    """How far a random affine map may move a picture, in either direction."""

    rotation: NonNegative = Field(10.0, description="degrees")
    scale: NonNegative = Field(0.1, description="as a share of the size")
    shear: NonNegative = Field(0.15, description="sideways, as a share of the height")
    shift: NonNegative = Field(0.1, description="as a share of the side")


class PictureClassifierRecipe(ClassifierRecipe):
    """A classifier of pictures."""

    data: ClassifierData = ClassifierData()
    model: ClassifierModel = ClassifierModel()
    augment: ClassifierAugment = ClassifierAugment()
    steps: ClassifierSteps = ClassifierSteps(training=3000)
