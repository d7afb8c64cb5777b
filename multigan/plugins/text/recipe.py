"""What a text GAN's recipe can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

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

MANY_WORDS = 1000  # different tokens; real text has more, a small grammar fewer


class OracleData(Section):
    """The oracle of ``data.source=builtin:oracle``, see `multigan.plugins.text.data.oracle`."""

    weights: str | None = Field(None, description="safetensors file; null: random ones, by `seed`")
    seed: Count = Field(0, description="of random weights")
    std: PositiveFloat = Field(1.0, description="of random weights")
    vocabulary_size: PositiveInt = Field(5000, description="of random weights")
    embedding: PositiveInt = Field(32, description="of random weights")
    hidden: PositiveInt = Field(32, description="of random weights")
    length: PositiveInt = Field(20, description="tokens of every sentence")
    sentences: PositiveInt = Field(10_000, description="for training, and as many for testing")


class TextData(Section):
    """Sentences, one a line."""

    source: str = Field("builtin:scenes", description="text file, folder, hub id or builtin:NAME")
    tokens: Literal["word", "character", "bpe"] = "word"
    lower: bool = Field(True, description="put everything in lower case")
    max_length: Count = Field(
        0, description="most tokens of a sentence; longer ones are left out; 0 lets 99% in"
    )
    min_count: PositiveInt = Field(1, description="rarer tokens are unknown")
    vocabulary_size: PositiveInt = Field(10_000, description="most different tokens")
    unknown: Literal["drop", "keep"] = Field(
        "drop",
        description="sentences with unknown tokens: left out, or read with <unk>, which is never "
        "written",
    )
    label: str | None = Field(
        None,
        min_length=1,
        description="field with the class of a sentence; folder: the name of the folder or file "
        "that it comes from",
    )
    test: str | None = Field(
        None, description="source of the sentences for evaluation; null: a share of `source`"
    )
    held_out: float = Field(
        0.05, gt=0, lt=1, description="share of sentences kept for evaluation, 20,000 at most"
    )
    near_duplicates: Fraction = Field(
        0.0,
        description="of sentences with so large a share of 3-grams in common only the first stays; "
        "0 keeps all",
    )
    streaming: bool = Field(
        False, description="keep the rows in a file: for sources larger than memory"
    )
    builtin_size: PositiveInt = Field(10_000, description="sentences of a built-in corpus")
    oracle: OracleData = OracleData()

    @model_validator(mode="after")
    def _streaming_reads_files(self) -> TextData:
        if self.streaming and self.near_duplicates > 0:
            raise ValueError(
                "near_duplicates compares all sentences in memory: set it to 0, or streaming=false"
            )
        if self.streaming and self.source.startswith("builtin:"):
            raise ValueError("streaming is for files: a built-in corpus fits into memory")
        return self


class TextModel(Section):
    """Generator and discriminator. Sizes that are left out follow the vocabulary, see `fitted`."""

    generator: Literal["lstm", "relational"] = Field(
        "lstm", description="relational: a small memory that attends to itself, as RelGAN's"
    )
    latents: Count = Field(16, description="size of the noise vector; 0 for none, as in SeqGAN")
    embedding: PositiveInt | None = Field(None, description="null: 32, or 64 for many words")
    hidden: PositiveInt | None = Field(None, description="null: 128, or 256 for many words")
    layers: PositiveInt = Field(1, description="of an LSTM generator")
    generator_dropout: Fraction = Field(0.0, description="of an LSTM generator's features")
    init_std: NonNegative = Field(
        0.0, description="of an LSTM generator's first weights (SeqGAN: 0.1); 0: torch's own"
    )
    slots: PositiveInt = Field(1, description="of a relational generator's memory")
    heads: PositiveInt = Field(2, description="of attention in a relational generator")
    discriminator: Literal["lstm", "cnn", "multi-cnn"] = Field(
        "lstm",
        description="lstm: a verdict on every word; cnn: on the sentence, as SeqGAN's; multi-cnn: "
        "on many embeddings of the sentence, as RelGAN's",
    )
    discriminator_embedding: PositiveInt | None = Field(
        None, description="null: as `embedding`; of multi-cnn: a number for each representation"
    )
    discriminator_hidden: PositiveInt | None = Field(
        None, description="of an LSTM; null: as `hidden`"
    )
    filter_widths: tuple[PositiveInt, ...] = Field(
        (), description="of a CNN; empty: SeqGAN's twelve, or RelGAN's 2, 3, 4, 5"
    )
    filters: tuple[PositiveInt, ...] = Field(
        (), description="of each width; empty: SeqGAN's, or RelGAN's 300"
    )
    representations: PositiveInt = Field(
        64, description="of multi-cnn; they share discriminator_embedding among them"
    )
    dropout: Fraction = Field(
        0.0, description="of the words that an LSTM discriminator reads, or of a CNN's features"
    )

    @model_validator(mode="after")
    def _filters_fit(self) -> TextModel:
        if len(self.filter_widths) != len(self.filters):
            raise ValueError("filter_widths and filters have to be of the same length")
        return self


class GumbelLoss(Section):
    """The game through the Gumbel-softmax."""

    objective: ObjectiveName = "hinge"
    smoothing: LabelSmoothing = Field("none", description="of the discriminator's targets")
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real embedded words")
    r2: NonNegative = Field(0.0, description="the same on generated ones")
    gradient_penalty: NonNegative = Field(
        0.0, description="WGAN-GP's, between real and generated embedded words; usually 10"
    )
    path_length: NonNegative = Field(
        0.0,
        description="StyleGAN2's penalty: equal steps of the noise vector change what is written "
        "by equal amounts; usually 2",
    )
    mle_weight: NonNegative = Field(
        0.0,
        description="cross-entropy kept in the adversarial generator's loss: steadier, and less "
        "of a GAN",
    )
    relaxation: Literal["gumbel", "expectation"] = Field(
        "gumbel",
        description="where the gradient of a hard word comes from: the softmax of noisy logits, or "
        "the softmax alone, which for the lstm discriminator is the exact gradient of the expected "
        "verdict on that word",
    )
    temperature_schedule: Literal[
        "none", "linear", "exponential", "logarithmic", "sigmoid", "quadratic", "sqrt"
    ] = Field("exponential", description="curve of the inverse temperature, as in RelGAN")
    temperature_start: PositiveFloat = Field(1.0, description="of the Gumbel-softmax")
    temperature_end: PositiveFloat = Field(1.0, description="RelGAN: 0.01 or 0.001 on real text")
    discriminator_steps: PositiveInt = Field(2, description="per step of the generator")

    @model_validator(mode="after")
    def _no_end_without_a_schedule(self) -> GumbelLoss:
        if self.temperature_schedule == "none" and self.temperature_end != self.temperature_start:
            raise ValueError("temperature_end means nothing with temperature_schedule=none")
        return self


class PolicyLoss(Section):
    """The game by policy gradient."""

    objective: ObjectiveName = Field("non-saturating", description="of the discriminator")
    smoothing: LabelSmoothing = Field("none", description="of the discriminator's targets")
    output_decay: NonNegative = Field(
        0.0, description="L2 penalty on the discriminator's last layer; SeqGAN: 0.2"
    )
    credit: Literal["rollouts", "dense"] = Field(
        "rollouts",
        description="what a word is worth: the mean verdict on completed sentences, or the "
        "discounted verdicts on the words from it on (which needs the lstm discriminator)",
    )
    rollouts: PositiveInt = Field(16, description="completions of each prefix")
    rollout_average: Fraction = Field(
        0.0,
        description="completions come from an average of the generator that keeps this share of "
        "itself at each step (SeqGAN's code: 0.8); 0 takes the generator itself",
    )
    discount: Fraction = Field(0.23, description="of dense credit, for each word further on")
    reward: Literal["probability", "logit"] = Field(
        "probability", description="the verdict after its sigmoid, or before"
    )
    baseline: Literal["none", "leave-one-out", "average"] = Field(
        "leave-one-out",
        description="what rewards are compared with: nothing (SeqGAN), the other sentences' at the "
        "same word, or their running mean",
    )
    mle_weight: NonNegative = Field(0.0, description="cross-entropy kept beside the policy loss")
    discriminator_steps: PositiveInt = Field(5, description="per step of the generator")


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
    """How samples are scored, and the temperature sweep of the report."""

    samples: PositiveInt = Field(1000, description="sentences, drawn at temperature 1")
    references: PositiveInt = Field(10_000, description="most held-out sentences that are used")
    sweep: bool = Field(
        True, description="end with the model and its pretraining at several temperatures"
    )
    temperatures: tuple[PositiveFloat, ...] = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
    seeds: PositiveInt = Field(3, description="samples for each point of the sweep")


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


class TextRecipe(Recipe):
    """What the recipes of all text GANs have."""

    ema: EMAConfig = EMAConfig(decay=0.99)
    data: TextData = TextData()
    model: TextModel = TextModel()
    steps: TextSteps = TextSteps()
    evaluate: TextEvaluate = TextEvaluate()
    optimizers: TextOptimizers = TextOptimizers()


class GumbelRecipe(TextRecipe):
    """A text GAN with the Gumbel-softmax."""

    loss: GumbelLoss = GumbelLoss()

    @model_validator(mode="after")
    def _path_of_latents(self) -> GumbelRecipe:
        if self.loss.path_length and not self.model.latents:
            raise ValueError("loss.path_length is about the noise vector: set model.latents")
        return self


class SeqGANRecipe(TextRecipe):
    """A text GAN with policy gradient."""

    loss: PolicyLoss = PolicyLoss()

    @model_validator(mode="after")
    def _verdicts_on_words(self) -> SeqGANRecipe:
        if self.loss.credit == "dense" and self.model.discriminator != "lstm":
            raise ValueError(
                "loss.credit=dense needs verdicts on words: choose model.discriminator=lstm"
            )
        return self


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


def fitted(recipe: TextRecipe, *, vocabulary_size: int) -> Sizes:
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
        discriminator_embedding=model.discriminator_embedding
        or (model.representations if model.discriminator == "multi-cnn" else embedding),
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
