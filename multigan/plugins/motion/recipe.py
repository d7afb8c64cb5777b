"""What a recipe for motions can say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from multigan.config.classifier import ClassifierSteps
from multigan.config.objectives import LabelSmoothing, ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import (
    Count,
    EMAConfig,
    Fraction,
    NonNegative,
    OptimizerConfig,
    Section,
)

WALKER = "builtin:walker"

Window = Annotated[int, Field(ge=16, le=1024)]


class MotionData(Section):
    """Clips of one skeleton; the folder that a clip lies in is its action."""

    source: str = Field(WALKER, description="folder of .bvh, .npz (CMU) or .json (DeepMimic) files")
    classes: tuple[str, ...] = Field((), description="only these actions; empty takes all")
    rename: dict[str, str] = Field(
        {}, description="folders that show another action than they are called: {walk2: walking}"
    )
    fps: PositiveFloat = Field(30.0, description="frames a second that clips are brought to")
    window: Window = Field(64, description="frames that are judged at once")
    mirror: bool = Field(True, description="also left for right, if the skeleton is symmetric")
    up: Literal["auto", "x", "y", "z"] = "auto"
    scale: NonNegative = Field(0.0, description="metres in a unit of the files; 0 finds it out")
    hold_out: bool = Field(True, description="keep every fifth clip of an action for scores")
    spike: NonNegative = Field(
        15.0,
        description="metres a second by which no joint changes its velocity from frame to frame; "
        "clips in which one does are broken, and left out; 0 keeps them",
    )
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable clips do")
    builtin_size: PositiveInt = Field(60, description="clips of a built-in source")


class MotionModel(Section):
    """The generator and what judges it."""

    generator: Literal["convolutional", "recurrent"] = "convolutional"
    latents: PositiveInt = Field(32, description="size of the noise vector of a whole motion")
    noise: PositiveInt = Field(8, description="fresh random numbers along the way")
    width: PositiveInt = Field(192, description="channels of the generator")
    carriers: PositiveInt = Field(6, description="of the convolutional one: sines of its clock")
    past: int = Field(12, ge=4, description="given frames that it looks at to go on from")
    critic_width: PositiveInt = 128


class MotionLoss(Section):
    """The game."""

    objective: ObjectiveName = "wasserstein"
    smoothing: LabelSmoothing = "none"
    critic_steps: PositiveInt = Field(2, description="per step of the generator")
    gradient_penalty: NonNegative = Field(10.0, description="WGAN-GP; 0 with other objectives")
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real motions")
    r2: NonNegative = Field(0.0, description="gamma of the penalty on generated motions")
    continued: Fraction = Field(0.5, description="share of motions that go on from given poses")
    unroll: Count = Field(
        0, description="frames to generate, of which the critic sees a window; 0: just that"
    )
    contact: NonNegative = Field(
        4.0, description="weight of the squared speed of feet that are said to stand"
    )


class MotionSteps(Section):
    """Lengths of the stages."""

    pretraining: Count = Field(0, description="of continuing clips as they really go on")
    adversarial: PositiveInt = 4000


class MotionEvaluate(Section):
    """How samples are scored."""

    features: str = Field(
        "none", description="a recogniser: a run, a model folder, a shipped one; none"
    )
    samples: int = Field(96, ge=4, description="generated motions")


class MotionOptimizer(OptimizerConfig):
    """Adam without momentum, falling to zero."""

    betas: tuple[Fraction, Fraction] = (0.0, 0.9)
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    hold: Fraction = 0.5


class PretrainingOptimizer(OptimizerConfig):
    """Adam as usual."""

    lr: PositiveFloat = 1e-3
    betas: tuple[Fraction, Fraction] = (0.9, 0.99)
    schedule: Literal["constant", "linear", "cosine"] = "cosine"


class MotionOptimizers(Section):
    """Both players, and the generator before the game."""

    generator: MotionOptimizer = MotionOptimizer(lr=3e-4)
    critic: MotionOptimizer = MotionOptimizer(lr=3e-4)
    pretraining: PretrainingOptimizer = PretrainingOptimizer()


class MotionRecipe(Recipe):
    """A GAN of motions."""

    data: MotionData = MotionData()
    model: MotionModel = MotionModel()
    loss: MotionLoss = MotionLoss()
    steps: MotionSteps = MotionSteps()
    evaluate: MotionEvaluate = MotionEvaluate()
    optimizers: MotionOptimizers = MotionOptimizers()

    @model_validator(mode="after")
    def _past_fits(self) -> MotionRecipe:
        if self.model.past >= self.data.window:
            raise ValueError(
                f"model.past={self.model.past} leaves nothing of data.window={self.data.window}"
            )
        if 0 < self.loss.unroll < self.data.window:
            raise ValueError(
                f"loss.unroll={self.loss.unroll} is shorter than data.window={self.data.window}"
            )
        return self


class RecogniserModel(Section):
    """The network."""

    width: PositiveInt = Field(64, description="channels of the first convolution")
    features: PositiveInt = Field(48, description="numbers that a window is put into")


class RecogniserLoss(Section):
    """What it learns."""

    reconstruction: NonNegative = Field(1.0, description="weight, beside naming the action")
    noise: NonNegative = Field(0.1, description="deviation of noise on what it sees")


class RecogniserOptimizers(Section):
    """One network, one optimiser."""

    recogniser: OptimizerConfig = OptimizerConfig(
        name="adamw", lr=2e-3, betas=(0.9, 0.99), weight_decay=0.01, schedule="cosine", warmup=50
    )


class RecogniserRecipe(Recipe):
    """A network that names actions and keeps of a motion what it takes to redraw it."""

    ema: EMAConfig = EMAConfig(decay=0.99)
    data: MotionData = MotionData(window=32)
    model: RecogniserModel = RecogniserModel()
    loss: RecogniserLoss = RecogniserLoss()
    steps: ClassifierSteps = ClassifierSteps()
    optimizers: RecogniserOptimizers = RecogniserOptimizers()
