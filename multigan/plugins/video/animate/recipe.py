"""What a recipe for animating pictures can say."""

from __future__ import annotations

from pydantic import Field, PositiveInt, model_validator

from multigan.config.objectives import ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, NonNegative, OptimizerConfig, Section
from multigan.plugins.video.clips.recipe import VideoData
from multigan.plugins.video.mocogan.recipe import VideoEvaluate


class AnimateModel(Section):
    """Extractor, animator, two judges; and what makes actions from noise."""

    actions: PositiveInt = Field(16, description="numbers that an action of one frame has")
    motion: PositiveInt = Field(64, description="size of the recurrent states")
    motion_noise: PositiveInt = Field(8, description="of each frame, for actions from noise")
    width: PositiveInt = Field(32, description="channels at half the size")
    discriminator_width: PositiveInt = Field(32, description="channels after the first halving")
    widest: PositiveInt = Field(256, description="most channels anywhere")
    spectral_norm: bool = Field(True, description="of both judges")


class AnimateLoss(Section):
    """What a good animation is."""

    objective: ObjectiveName = "hinge"
    adversarial: NonNegative = Field(1.0, description="weight of both judges for the generator")
    reconstruction: NonNegative = Field(50.0, description="L1 to the clip that actions come from")
    cycle: NonNegative = Field(
        5.0, description="the actions of an animation are those that it was given"
    )
    content: NonNegative = Field(
        1.0, description="what is seen in an animation is what was seen in its portrait"
    )
    gradient_penalty: NonNegative = Field(10.0, description="of the critic of actions (WGAN-GP)")
    critic_steps: PositiveInt = Field(5, description="per step of the generator of actions")


class AnimateSteps(Section):
    """Lengths of the stages."""

    reconstruction: Count = Field(5000, description="before the game: only make clips again")
    adversarial: Count = Field(15_000, description="the game of clips")
    actions: Count = Field(2000, description="afterwards, of actions from noise; 0 makes none")


class AnimateOptimizers(Section):
    """The stage without a game, the game of clips, and the game of actions."""

    reconstruction: OptimizerConfig = OptimizerConfig(lr=2e-3, betas=(0.9, 0.99), warmup=50)
    generator: OptimizerConfig = OptimizerConfig()
    discriminators: OptimizerConfig = OptimizerConfig()
    action_generator: OptimizerConfig = OptimizerConfig(lr=5e-4, betas=(0.0, 0.9))
    action_critic: OptimizerConfig = OptimizerConfig(lr=5e-4, betas=(0.0, 0.9))


class AnimateRecipe(Recipe):
    """An Action Extractor and Motion Generator."""

    data: VideoData = VideoData()
    model: AnimateModel = AnimateModel()
    loss: AnimateLoss = AnimateLoss()
    steps: AnimateSteps = AnimateSteps()
    evaluate: VideoEvaluate = VideoEvaluate()
    optimizers: AnimateOptimizers = AnimateOptimizers()

    @model_validator(mode="after")
    def _swaps_need_company(self) -> AnimateRecipe:
        if self.train.batch_size < 2:
            raise ValueError("actions are swapped within a batch: train.batch_size=2 at least")
        return self
