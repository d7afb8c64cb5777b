"""What a recipe of a drawn style can say. The defaults are those of the shipped cartoon."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.objectives import ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, NonNegative, OptimizerConfig, Section

Side = Annotated[int, Field(ge=16, le=4096)]


class DrawingData(Section):
    """Photographs to draw and art to learn from; the two need not match."""

    photos: str = Field("builtin:scenes", description="folder of photographs, or builtin:NAME")
    art: str = Field(
        "builtin:sketches", description="folder of cartoons, paintings ..., or builtin:NAME"
    )
    drawing: Literal["cartoon", "oil", "watercolour", "pixel-art"] = Field(
        "cartoon", description="how photos are drawn for the generator to imitate"
    )
    size: int = Field(144, ge=64, le=4096, description="side of the crops; a multiple of 4")
    photo_sides: tuple[Side, ...] = Field(
        (320, 512), min_length=1, description="shorter sides at which photos are drawn and learnt"
    )
    art_side: Side = Field(320, description="shorter side of the art before cropping")
    cache: str = Field("", description="folder that keeps drawings between runs; empty: none")
    builtin_size: PositiveInt = Field(200, description="pictures in a built-in domain")


class DrawingModel(Section):
    """Networks."""

    width: PositiveInt = Field(64, description="channels of the generator at a quarter of the size")
    blocks: PositiveInt = Field(6, description="residual blocks; each sees 8 pixels further")
    discriminator_width: PositiveInt = 24
    start: str = Field("", description="trained model or run to start from; empty: none")


class DrawingLoss(Section):
    """Terms and their weights; from `objective` on they belong to the adversarial stage."""

    lines: NonNegative = Field(4.0, description="how much more a drawn line counts than an area")
    tint: NonNegative = Field(2.0, description="hues alone, to which the texture judge is blind")
    edges: NonNegative = Field(2.0, description="differences of neighbours, beside colours")
    flatness: NonNegative = Field(4.0, description="extra weight of edges where none are drawn")
    objective: ObjectiveName = "least-squares"
    drawing: NonNegative = Field(8.0, description="distance to the drawing of the photo")
    texture: NonNegative = Field(2.5, description="lines and areas, judged in random grey")
    surface: NonNegative = Field(1.0, description="coarse colours and shapes")
    blurred: NonNegative = Field(0.5, description="share of blurred art among the fakes")


class DrawingSteps(Section):
    """Length of the stages."""

    abstraction: Count = 3000
    adversarial: Count = 700


class DrawingOptimizers(Section):
    """The generator has one optimiser while it imitates and another one for the game."""

    imitation: OptimizerConfig = OptimizerConfig(
        lr=1e-3, betas=(0.9, 0.99), schedule="cosine", hold=0.3, warmup=100, clip=1.0
    )
    generator: OptimizerConfig = OptimizerConfig(lr=2e-4, schedule="linear", hold=0.5, clip=10.0)
    discriminators: OptimizerConfig = OptimizerConfig(lr=4e-4, schedule="linear", hold=0.5)


class DrawingOutput(Section):
    """How the trained style treats a photo."""

    side: Count = Field(
        0, description="shorter side at which larger photos are drawn; 0: twice the learnt ones"
    )
    blocks: bool = Field(False, description="scale up by whole pixels, as pixel art is")
    colours: int = Field(0, ge=0, le=256, description="in a picture; 0: any")


class DrawingRecipe(Recipe):
    """A photo-to-drawing style."""

    @model_validator(mode="after")
    def _sizes_fit(self) -> DrawingRecipe:
        size = self.data.size
        if size % 4:
            raise ValueError(f"data.size={size} must be a multiple of 4")
        if size > min(*self.data.photo_sides, self.data.art_side):
            raise ValueError(f"data.size={size} is larger than data.photo_sides or art_side")
        return self

    data: DrawingData = DrawingData()
    model: DrawingModel = DrawingModel()
    loss: DrawingLoss = DrawingLoss()
    steps: DrawingSteps = DrawingSteps()
    output: DrawingOutput = DrawingOutput()
    optimizers: DrawingOptimizers = DrawingOptimizers()
