"""What a CycleGAN recipe can say. The defaults are those of Zhu et al. 2017."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.objectives import LabelSmoothing, ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, NonNegative, OptimizerConfig, Section
from multigan.plugins.translation.pix2pix.recipe import Distance

Side = Annotated[int, Field(ge=16, le=4096)]


class CycleGANData(Section):
    """Two unpaired domains."""

    a: str = Field("builtin:scenes", description="folder of pictures, or builtin:NAME")
    b: str = Field("builtin:sketches", description="folder of pictures, or builtin:NAME")
    size: Side = Field(256, description="side of the square crops; a multiple of 4")
    resize: Side = Field(286, description="shorter side before cropping")
    flip: bool = True
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable pictures do")
    builtin_size: PositiveInt = Field(2000, description="pictures in a built-in domain")


class CycleGANModel(Section):
    """Networks."""

    generator: Literal["resnet", "unet"] = "resnet"
    width: PositiveInt = Field(64, description="channels of the generators' first layer")
    blocks: PositiveInt = Field(9, description="residual blocks of the resnet")
    depth: int = Field(
        8, ge=5, le=12, description="halvings of the unet; sizes are multiples of 2^depth"
    )
    upsampling: Literal["transposed", "resize"] = Field(
        "transposed", description="of the resnet; resize cannot draw checkerboards"
    )
    discriminator_width: PositiveInt = 64
    discriminator_layers: PositiveInt = Field(3, description="3 judges 70x70 patches")


class CycleGANLoss(Section):
    """Terms and their weights."""

    objective: ObjectiveName = "least-squares"
    smoothing: LabelSmoothing = "none"
    cycle: NonNegative = 10.0
    identity: NonNegative = Field(0.5, description="relative to cycle; keeps colours; 0 is off")
    self_regularisation: NonNegative = Field(
        0.0, description="distance to the input that a result stems from (Shrivastava et al. 2017)"
    )
    distance: Distance = "l1"
    gradient_penalty: NonNegative = Field(0.0, description="WGAN-GP; 10 with wasserstein")
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real pictures")
    r1_every: PositiveInt = Field(1, description="lazy: every so many steps, scaled accordingly")
    pool: Count = Field(50, description="former fakes that the discriminators also see; 0 is off")


class CycleGANSteps(Section):
    """Length of the stage."""

    adversarial: PositiveInt = 200_000


class CycleGANOptimizers(Section):
    """One optimiser for both generators, one for both discriminators."""

    generators: OptimizerConfig = OptimizerConfig(schedule="linear", hold=0.5)
    discriminators: OptimizerConfig = OptimizerConfig(schedule="linear", hold=0.5)


class CycleGANRecipe(Recipe):
    """A CycleGAN."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> CycleGANRecipe:
        multiple = 2**self.model.depth if self.model.generator == "unet" else 4
        if self.data.size % multiple:
            raise ValueError(f"data.size={self.data.size} must be a multiple of {multiple}")
        return self

    data: CycleGANData = CycleGANData()
    model: CycleGANModel = CycleGANModel()
    loss: CycleGANLoss = CycleGANLoss()
    steps: CycleGANSteps = CycleGANSteps()
    optimizers: CycleGANOptimizers = CycleGANOptimizers()
