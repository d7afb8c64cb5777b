"""What a recipe for classification with few labels can say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from multigan.config.recipe import Recipe
from multigan.config.sections import EMAConfig, Fraction, NonNegative, OptimizerConfig, Section
from multigan.plugins.image.adversarial.recipe import check_side
from multigan.plugins.image.classifier.recipe import ClassifierAugment, ClassifierData


class SemiSupervisedData(ClassifierData):
    """Pictures, few of them with labels."""

    labels_per_class: PositiveInt = Field(
        10, description="so many of each class are drawn by the seed; other labels are not used"
    )
    unlabelled: str = Field(
        "", description="pictures without labels; those of the source if left out"
    )


class SemiSupervisedModel(Section):
    """DCGAN's generator, and a classifier under weight normalisation."""

    latents: PositiveInt = Field(64, description="size of the noise vector")
    width: PositiveInt = Field(32, description="channels of the generator's last layer")
    classifier_width: PositiveInt = Field(32, description="channels of the classifier's first")
    features: PositiveInt = Field(128, description="numbers that the classes are read from")
    noise: NonNegative = Field(0.3, description="deviation of the noise on what is classified")
    dropout: Fraction = Field(0.3, description="share of channels left out between convolutions")


class SemiSupervisedLoss(Section):
    """The game."""

    unlabelled: NonNegative = Field(
        1.0, description="weight of telling real from generated; 0 learns from the labels alone"
    )
    generator: Literal["feature-matching", "adversarial"] = Field(
        "feature-matching", description="match the mean features of real pictures, or fool"
    )


class SemiSupervisedSteps(Section):
    """Length of the stage."""

    training: PositiveInt = 2000


class SemiSupervisedOptimizer(OptimizerConfig):
    """Adam at the paper's rate, falling to zero over the second half."""

    lr: PositiveFloat = 3e-3
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    hold: Fraction = 0.5


class SemiSupervisedOptimizers(Section):
    """Both players."""

    classifier: SemiSupervisedOptimizer = SemiSupervisedOptimizer()
    generator: SemiSupervisedOptimizer = SemiSupervisedOptimizer()


class SemiSupervisedRecipe(Recipe):
    """A classifier that also learns from pictures without labels."""

    ema: EMAConfig = EMAConfig(decay=0.99)
    data: SemiSupervisedData = SemiSupervisedData()
    model: SemiSupervisedModel = SemiSupervisedModel()
    loss: SemiSupervisedLoss = SemiSupervisedLoss()
    augment: ClassifierAugment = ClassifierAugment(rotation=0.0, scale=0.0, shear=0.0, shift=0.0)
    steps: SemiSupervisedSteps = SemiSupervisedSteps()
    optimizers: SemiSupervisedOptimizers = SemiSupervisedOptimizers()

    @model_validator(mode="after")
    def _size_fits(self) -> SemiSupervisedRecipe:
        check_side(self.data.size)
        return self
