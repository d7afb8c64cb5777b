"""What a text GAN's recipe can say."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt

from multigan.config.objectives import ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import (
    Count,
    EMAConfig,
    Fraction,
    NonNegative,
    OptimizerConfig,
    Section,
)


class TextData(Section):
    """Sentences, one a line."""

    source: str = Field("builtin:scenes", description="text file, folder, or builtin:NAME")
    tokens: Literal["word", "character"] = "word"
    lower: bool = Field(True, description="put everything in lower case")
    max_length: Count = Field(
        0, description="most tokens of a sentence; longer ones are left out; 0 lets 99% in"
    )
    min_count: PositiveInt = Field(
        1, description="rarer tokens are unknown; sentences with unknown ones are left out"
    )
    vocabulary_size: PositiveInt = Field(10_000, description="most different tokens")
    held_out: float = Field(0.05, gt=0, lt=1, description="share of sentences kept for evaluation")
    builtin_size: PositiveInt = Field(10_000, description="sentences of a built-in corpus")


class TextModel(Section):
    """Both LSTMs."""

    latents: PositiveInt = Field(32, description="size of the noise vector")
    embedding: PositiveInt = 64
    hidden: PositiveInt = 256
    layers: PositiveInt = Field(1, description="of the generator")
    discriminator_embedding: PositiveInt = 64
    discriminator_hidden: PositiveInt = 256
    dropout: Fraction = Field(0.0, description="of the words that the discriminator reads")


class TextLoss(Section):
    """The game."""

    objective: ObjectiveName = "hinge"
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real embedded words")
    mle_weight: NonNegative = Field(
        0.0,
        description="cross-entropy kept in the adversarial generator's loss: steadier, and less "
        "of a GAN",
    )
    temperature_start: PositiveFloat = Field(1.0, description="of the Gumbel-softmax")
    temperature_end: PositiveFloat = 1.0
    discriminator_steps: PositiveInt = Field(2, description="per step of the generator")


class TextSteps(Section):
    """Lengths of the stages; 0 leaves one out."""

    mle: Count = 1500
    discriminator: Count = 200
    adversarial: Count = 1000


class TextEvaluate(Section):
    """How samples are scored."""

    samples: PositiveInt = Field(1000, description="sentences, drawn at temperature 1")
    references: PositiveInt = Field(10_000, description="most held-out sentences that are used")


class TextOptimizers(Section):
    """The generator has one optimiser for each of its two stages."""

    pretraining: OptimizerConfig = OptimizerConfig(lr=5e-3, betas=(0.9, 0.999), clip=5.0)
    generator: OptimizerConfig = OptimizerConfig(lr=2e-3, betas=(0.5, 0.9), clip=5.0)
    discriminator: OptimizerConfig = OptimizerConfig(lr=3e-3, betas=(0.5, 0.9), clip=5.0)


class TextGANRecipe(Recipe):
    """A text GAN with the Gumbel-softmax."""

    ema: EMAConfig = EMAConfig(decay=0.99)
    data: TextData = TextData()
    model: TextModel = TextModel()
    loss: TextLoss = TextLoss()
    steps: TextSteps = TextSteps()
    evaluate: TextEvaluate = TextEvaluate()
    optimizers: TextOptimizers = TextOptimizers()
