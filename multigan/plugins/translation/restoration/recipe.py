"""What a restoration recipe can say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.recipe import Recipe
from multigan.config.sections import Count, Fraction, OptimizerConfig, Section
from multigan.plugins.translation.pix2pix.recipe import (
    PairedEvaluate,
    PairedLoss,
    PairedOptimizers,
)

Side = Annotated[int, Field(ge=16, le=4096)]


class RestorationData(Section):
    """Whole pictures; the damage is done on the fly."""

    source: str = Field("builtin:scenes", description="folder of pictures, hub id or builtin:NAME")
    size: Side = Field(96, description="side of the square crops, as they are to come out")
    resize: Side | None = Field(
        None, description="shorter side before cropping; null: as small as the crop allows"
    )
    flip: bool = True
    held_out: Fraction = Field(
        0.1, description="share kept for the scores, if the folder has no folder 'validation'"
    )
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable pictures do")
    builtin_size: PositiveInt = Field(2000, description="pictures of a built-in source")


class RestorationModel(Section):
    """Networks."""

    width: PositiveInt = Field(48, description="channels of the generator's residual blocks")
    blocks: PositiveInt = 8
    discriminator_width: PositiveInt = 32
    discriminator_layers: PositiveInt = Field(3, description="3 judges 70x70 patches")


class RestorationSteps(Section):
    """Length of the stages."""

    regression: Count = Field(10_000, description="towards the right answer, without a game")
    adversarial: Count = Field(10_000, description="the game; 0 keeps the smoother result")


class RestorationOptimizers(PairedOptimizers):
    """The generator has one optimiser before the game and another one in it."""

    regression: OptimizerConfig = OptimizerConfig(
        lr=1e-3, betas=(0.9, 0.99), schedule="cosine", hold=0.3, warmup=50, clip=1.0
    )
    generator: OptimizerConfig = OptimizerConfig(lr=1e-4, betas=(0.5, 0.99), clip=1.0)
    discriminator: OptimizerConfig = OptimizerConfig(lr=2e-4, betas=(0.5, 0.99))


class RestorationRecipe(Recipe):
    """A picture from what is left of it."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> RestorationRecipe:
        data = self.data
        multiple = self.scale if self.task == "super-resolution" else 4
        if data.size % multiple:
            raise ValueError(f"data.size={data.size} must be a multiple of {multiple}")
        if data.resize is not None and data.resize < data.size:
            raise ValueError(f"data.resize={data.resize} is smaller than data.size={data.size}")
        return self

    task: Literal["super-resolution", "inpainting", "colourisation"]
    scale: int = Field(4, ge=2, le=8, description="of super-resolution: times as large")
    data: RestorationData = RestorationData()
    model: RestorationModel = RestorationModel()
    loss: PairedLoss = PairedLoss(adversarial=0.005, reconstruction=1.0, objective="relativistic")
    evaluate: PairedEvaluate = PairedEvaluate()
    steps: RestorationSteps = RestorationSteps()
    optimizers: RestorationOptimizers = RestorationOptimizers()
