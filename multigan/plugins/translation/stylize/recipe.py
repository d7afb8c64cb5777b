"""What a recipe of a feed-forward style can say. The defaults are for a CPU and ten minutes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.recipe import Recipe
from multigan.config.sections import NonNegative, OptimizerConfig, Section


class StyleData(Section):
    """Photographs to paint, and the one picture to paint them like."""

    photos: str = Field("builtin:scenes", description="folder of photographs, or builtin:NAME")
    style: str = Field("builtin:sketches", description="one picture; of builtin:NAME the first")
    size: int = Field(
        256, ge=64, le=4096, description="side of the crops; a small one would need all the colours"
    )
    side: int = Field(
        256, ge=64, le=4096, description="shorter side of photos and style; sets the strokes' width"
    )
    builtin_size: PositiveInt = Field(200, description="pictures in a built-in domain")
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable photos do")

    @model_validator(mode="after")
    def _sizes_fit(self) -> StyleData:
        if self.size % 4:
            raise ValueError(f"data.size={self.size} must be a multiple of 4")
        if self.size > self.side:
            raise ValueError(f"data.size={self.size} is larger than data.side={self.side}")
        return self


class StyleModel(Section):
    """The generator and what its pictures are compared in."""

    width: PositiveInt = Field(16, description="channels of the generator's first layer; paper: 32")
    blocks: PositiveInt = Field(5, description="residual blocks")
    features: Literal["random", "vgg19"] = "random"
    weights: str = Field("", description="file of vgg19; empty: torch hub's cache")


class StyleLoss(Section):
    """Weights; style and content are relative errors."""

    content: NonNegative = 1.0
    style: NonNegative = 10.0
    tv: NonNegative = Field(0.3, description="smoothness")


class StyleSteps(Section):
    """Length of the stage."""

    painting: PositiveInt = 1000


class StyleOptimizers(Section):
    """The generator's."""

    # Clipped low on purpose: photos of hardly any colour are far from every style, and would drown
    # out the others.
    generator: OptimizerConfig = OptimizerConfig(
        lr=1e-3, betas=(0.9, 0.99), schedule="cosine", hold=0.5, warmup=20, clip=10.0
    )


class StyleRecipe(Recipe):
    """A network that paints any photo like one picture."""

    data: StyleData = StyleData()
    model: StyleModel = StyleModel()
    loss: StyleLoss = StyleLoss()
    steps: StyleSteps = StyleSteps()
    optimizers: StyleOptimizers = StyleOptimizers()
