"""What a pix2pix recipe can say. The defaults are those of Isola et al. 2017."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from multigan.config.objectives import LabelSmoothing, ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, Fraction, NonNegative, OptimizerConfig, Section

Side = Annotated[int, Field(ge=16, le=4096)]
Distance = Annotated[
    Literal["l1", "l2"], Field(description="mean absolute, or mean squared, difference")
]


class Pix2PixData(Section):
    """Pictures and their partners."""

    a: str = Field("builtin:sketches", description="folder, or builtin:NAME")
    b: str = Field("builtin:scenes", description="folder with the same file names, or builtin:NAME")
    pairs: str = Field("", description="instead of a and b: folder of pictures, A left, B right")
    direction: Literal["ab", "ba"] = Field("ab", description="which one is made of which")
    size: Side = Field(256, description="side of the square crops")
    resize: Side = Field(286, description="shorter side before cropping; the aspect is kept")
    flip: bool = True
    held_out: Fraction = Field(0.1, description="share of the pairs kept for the scores")
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable pictures do")
    builtin_size: PositiveInt = Field(2000, description="pairs in a built-in domain")


class Pix2PixModel(Section):
    """Networks."""

    generator: Literal["unet", "resnet"] = "unet"
    width: PositiveInt = Field(64, description="channels of the generator's first layer")
    depth: int = Field(
        0, ge=0, le=12, description="halvings of the unet; 0: as many as data.size allows, up to 8"
    )
    blocks: PositiveInt = Field(9, description="residual blocks of the resnet")
    dropout: Fraction = Field(0.5, description="in the generator while it trains")
    discriminator_width: PositiveInt = 64
    discriminator_layers: PositiveInt = Field(3, description="3 judges 70x70 patches")


class PairedLoss(Section):
    """Terms and their weights."""

    objective: ObjectiveName = "non-saturating"
    smoothing: LabelSmoothing = "none"
    adversarial: PositiveFloat = Field(1.0, description="weight of the verdict")
    reconstruction: NonNegative = Field(100.0, description="distance to the partner")
    self_regularisation: NonNegative = Field(
        0.0, description="distance to the input that a result stems from (Shrivastava et al. 2017)"
    )
    distance: Distance = "l1"
    discriminator_steps: PositiveInt = Field(1, description="n_critic; each on another batch")
    gradient_penalty: NonNegative = Field(0.0, description="WGAN-GP; 10 with wasserstein")
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real pictures")
    r1_every: PositiveInt = Field(1, description="lazy: every so many steps, scaled accordingly")


class PairedEvaluate(Section):
    """Scores on held-out pictures."""

    pictures: Count = Field(32, description="how many; 0 scores nothing")


class Pix2PixSteps(Section):
    """Length of the stage."""

    adversarial: PositiveInt = 100_000


class PairedOptimizers(Section):
    """One optimiser for each player."""

    generator: OptimizerConfig = OptimizerConfig(schedule="linear", hold=0.5)
    discriminator: OptimizerConfig = OptimizerConfig(schedule="linear", hold=0.5)


class Pix2PixRecipe(Recipe):
    """Paired translation."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> Pix2PixRecipe:
        size, unet = self.data.size, self.model.generator == "unet"
        multiple = 2**self.depth if unet else 4
        if unet and self.depth < 3:
            raise ValueError(f"data.size={size} must be a multiple of 8, better of 64 or more")
        if size % multiple:
            raise ValueError(f"data.size={size} must be a multiple of {multiple}")
        return self

    @property
    def depth(self) -> int:
        """Halvings of the U-Net."""
        whole = (self.data.size & -self.data.size).bit_length() - 1  # how often 2 divides the size
        return self.model.depth or min(8, whole)

    data: Pix2PixData = Pix2PixData()
    model: Pix2PixModel = Pix2PixModel()
    loss: PairedLoss = PairedLoss()
    evaluate: PairedEvaluate = PairedEvaluate()
    steps: Pix2PixSteps = Pix2PixSteps()
    optimizers: PairedOptimizers = PairedOptimizers()
