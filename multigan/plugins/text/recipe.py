"""What a text GAN's recipe can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

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

MANY_WORDS = 1000  # different tokens; real text has more, a small grammar fewer


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
    """Both LSTMs. Sizes that are left out follow the vocabulary, see `fitted`."""

    latents: PositiveInt = Field(16, description="size of the noise vector")
    embedding: PositiveInt | None = Field(None, description="null: 32, or 64 for many words")
    hidden: PositiveInt | None = Field(None, description="null: 128, or 256 for many words")
    layers: PositiveInt = Field(1, description="of the generator")
    discriminator_embedding: PositiveInt | None = Field(None, description="null: as `embedding`")
    discriminator_hidden: PositiveInt | None = Field(None, description="null: as `hidden`")
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

    mle: Count | None = Field(None, description="null: 60, or 600 for many words")
    discriminator: Count = 200
    adversarial: Count | None = Field(None, description="null: 600, or 300 for many words")

    @model_validator(mode="after")
    def _something_happens(self) -> TextSteps:
        if self.mle == self.discriminator == self.adversarial == 0:
            raise ValueError("all three are 0: nothing would be trained")
        return self


class TextEvaluate(Section):
    """How samples are scored."""

    samples: PositiveInt = Field(1000, description="sentences, drawn at temperature 1")
    references: PositiveInt = Field(10_000, description="most held-out sentences that are used")


class GeneratorOptimizer(OptimizerConfig):
    """An optimiser whose learning rate may be left to `fitted`."""

    lr: PositiveFloat | None = Field(  # type: ignore[assignment]
        None, description="null: 2e-3, or 5e-4 for many words"
    )


class TextOptimizers(Section):
    """The generator has one optimiser for each of its two stages."""

    pretraining: OptimizerConfig = OptimizerConfig(lr=5e-3, betas=(0.9, 0.999), clip=5.0)
    generator: GeneratorOptimizer = GeneratorOptimizer(
        betas=(0.5, 0.9), clip=5.0, schedule="linear"
    )
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


@dataclass(frozen=True)
class Sizes:
    """What a recipe may leave open, settled."""

    embedding: int
    hidden: int
    discriminator_embedding: int
    discriminator_hidden: int
    mle_steps: int
    adversarial_steps: int
    optimizers: Mapping[str, OptimizerConfig]


def fitted(recipe: TextGANRecipe, *, vocabulary_size: int) -> Sizes:
    """Sizes and steps that fit the vocabulary, where the recipe leaves them open.

    A grammar of a hundred words is learnt by a small network in seconds; the vocabulary of real
    text asks for a larger one and for more pretraining, as most of its words are rare.
    """
    many = vocabulary_size >= MANY_WORDS
    model, steps, optimizers = recipe.model, recipe.steps, recipe.optimizers
    embedding = model.embedding or (64 if many else 32)
    hidden = model.hidden or (256 if many else 128)
    return Sizes(
        embedding=embedding,
        hidden=hidden,
        discriminator_embedding=model.discriminator_embedding or embedding,
        discriminator_hidden=model.discriminator_hidden or hidden,
        mle_steps=(600 if many else 60) if steps.mle is None else steps.mle,
        # A step costs the more the more words there are.
        adversarial_steps=(
            (300 if many else 600) if steps.adversarial is None else steps.adversarial
        ),
        optimizers={
            "pretraining": optimizers.pretraining,
            "generator": OptimizerConfig(
                **{
                    **optimizers.generator.model_dump(),
                    "lr": optimizers.generator.lr or (5e-4 if many else 2e-3),
                }
            ),
            "discriminator": optimizers.discriminator,
        },
    )
