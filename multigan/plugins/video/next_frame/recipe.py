"""What a recipe for going on with films can say."""

from __future__ import annotations

from pydantic import Field, PositiveInt, model_validator

from multigan.config.objectives import ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import NonNegative, OptimizerConfig, Section
from multigan.plugins.video.clips.recipe import VideoData


class NextFrameModel(Section):
    """Predictor and judge."""

    past: PositiveInt = Field(4, description="frames that a prediction is made from")
    noise: PositiveInt = Field(8, description="numbers that decide what the past leaves open")
    width: PositiveInt = Field(32, description="channels of the predictor at half the size")
    discriminator_width: PositiveInt = Field(32, description="channels after the first halving")
    widest: PositiveInt = Field(256, description="most channels anywhere")
    spectral_norm: bool = Field(True, description="of the judge")


class NextFrameLoss(Section):
    """Near to what came, and possible."""

    objective: ObjectiveName = "hinge"
    adversarial: NonNegative = Field(1.0, description="weight of the judge for the predictor")
    l1: NonNegative = Field(10.0, description="weight of the distance to the real frames")
    l2: NonNegative = Field(
        200.0,
        description="weight of the squared distance; with l1 alone small things are held still, "
        "which is right of most pixels",
    )


class NextFrameSteps(Section):
    """Length of the stage."""

    adversarial: PositiveInt = 20_000


class NextFrameEvaluate(Section):
    """How predictions are scored."""

    samples: int = Field(128, ge=1, description="held-out clips, of each the beginning")


class NextFrameOptimizers(Section):
    """Both sides."""

    generator: OptimizerConfig = OptimizerConfig()
    discriminator: OptimizerConfig = OptimizerConfig()


class NextFrameRecipe(Recipe):
    """A predictor of frames."""

    data: VideoData = VideoData(frames=8)
    model: NextFrameModel = NextFrameModel()
    loss: NextFrameLoss = NextFrameLoss()
    steps: NextFrameSteps = NextFrameSteps()
    evaluate: NextFrameEvaluate = NextFrameEvaluate()
    optimizers: NextFrameOptimizers = NextFrameOptimizers()

    @model_validator(mode="after")
    def _something_to_learn(self) -> NextFrameRecipe:
        if self.data.frames <= self.model.past:
            raise ValueError(
                f"data.frames={self.data.frames} leaves nothing to predict after "
                f"model.past={self.model.past}"
            )
        if self.train.batch_size < 2:
            raise ValueError("pasts are normalised over a batch: train.batch_size=2 at least")
        return self
