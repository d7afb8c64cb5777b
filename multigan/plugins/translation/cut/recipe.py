"""What a CUT recipe can say. The defaults are CUT's in Park et al. 2020."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from multigan.config.objectives import LabelSmoothing, ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import NonNegative, OptimizerConfig, Section
from multigan.plugins.translation.cyclegan.recipe import CycleGANData
from multigan.plugins.translation.pix2pix.recipe import Distance


class CUTModel(Section):
    """Networks."""

    width: PositiveInt = Field(64, description="channels of the generator's first layer")
    blocks: PositiveInt = Field(9, description="residual blocks of the generator")
    features: PositiveInt = Field(256, description="in which patches are compared")
    discriminator_width: PositiveInt = 64
    discriminator_layers: PositiveInt = Field(3, description="3 judges 70x70 patches")


class CUTLoss(Section):
    """Terms and their weights; FastCUT is nce=10, identity=0, flip_equivariance=true."""

    objective: ObjectiveName = "least-squares"
    smoothing: LabelSmoothing = "none"
    nce: NonNegative = Field(1.0, description="patches of the result recognise their origin")
    identity: NonNegative = Field(
        1.0, description="the same for pictures that are in B already, which are to stay; 0 is off"
    )
    temperature: PositiveFloat = 0.07
    patches: PositiveInt = Field(256, description="of each layer and picture")
    flip_equivariance: bool = Field(
        False, description="translate some mirrored; their patches must fit all the same"
    )
    self_regularisation: NonNegative = Field(
        0.0, description="distance to the input that a result stems from (Shrivastava et al. 2017)"
    )
    distance: Distance = "l1"


class CUTSteps(Section):
    """Length of the stage."""

    adversarial: PositiveInt = 200_000


class CUTOptimizers(Section):
    """One for the generator with its heads, one for the discriminator."""

    generator: OptimizerConfig = OptimizerConfig(schedule="linear", hold=0.5)
    discriminator: OptimizerConfig = OptimizerConfig(schedule="linear", hold=0.5)


class CUTRecipe(Recipe):
    """CUT or FastCUT."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> CUTRecipe:
        if self.data.size % 4:
            raise ValueError(f"data.size={self.data.size} must be a multiple of 4")
        return self

    data: CycleGANData = CycleGANData()
    model: CUTModel = CUTModel()
    loss: CUTLoss = CUTLoss()
    steps: CUTSteps = CUTSteps()
    optimizers: CUTOptimizers = CUTOptimizers()
