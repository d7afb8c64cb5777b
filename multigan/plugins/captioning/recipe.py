"""What a captioning GAN's recipe can say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from multigan.config.recipe import Recipe
from multigan.config.sections import (
    Count,
    EMAConfig,
    Fraction,
    NonNegative,
    OptimizerConfig,
    Section,
)


class CaptionData(Section):
    """Pictures with one caption or several."""

    source: str = Field(
        "builtin:scenes",
        description="folder with metadata.jsonl, a .jsonl file, COCO or Karpathy JSON, hub id, or "
        "builtin:scenes",
    )
    pictures: str | None = Field(
        None, description="folder of the pictures that a JSON file names; null: where the file is"
    )
    test: str | None = Field(
        None,
        description="source of the pictures for evaluation; null: the source's own split, or a "
        "share of it",
    )
    test_pictures: str | None = Field(
        None, description="folder of the pictures that data.test names; null: as `pictures`"
    )
    held_out: float = Field(0.1, gt=0, lt=1, description="that share of the pictures")
    group: str | None = Field(
        None, description="field of .jsonl rows (a book, a film) whose pictures are held out whole"
    )
    text: str | None = Field(
        None, description="sentences without pictures to learn the language from, one a line"
    )
    size: Annotated[int, Field(ge=16, le=1024)] = Field(
        64, description="side of the square that pictures are squeezed into, a multiple of 8"
    )
    captions: PositiveInt = Field(5, description="of each picture in a batch")
    flip: bool = Field(
        False, description="mirror half of the pictures: not where captions say left or right"
    )
    max_length: Count = Field(
        0, description="most words of a caption; longer ones are left out; 0 lets 99% in"
    )
    min_count: PositiveInt = Field(1, description="captions with rarer words are left out")
    vocabulary_size: PositiveInt = Field(10_000, description="most different words")
    builtin_size: PositiveInt = Field(200_000, description="pictures of a built-in source")
    crowded: Fraction = Field(
        0.0,
        description="share of its training pictures that are given three things, about which it is "
        "hardest to be right",
    )

    @model_validator(mode="after")
    def _fits(self) -> CaptionData:
        if self.size % 8:
            raise ValueError(f"size={self.size} is not a multiple of 8")
        return self


class CaptionModel(Section):
    """Encoder of pictures, generator of captions, evaluator of both."""

    encoder: str = Field(
        "grid",
        description="grid: a small CNN trained from scratch; else a vision model of transformers, "
        "by hub id or folder",
    )
    width: PositiveInt = Field(32, description="channels of the first layer of grid")
    layers: Count = Field(2, description="of self-attention between the cells of grid")
    tune: bool = Field(
        False, description="train a pretrained encoder on in the pretraining, too; grid always is"
    )
    embedding: PositiveInt = 128
    hidden: PositiveInt = Field(256, description="of the generator")
    heads: PositiveInt = Field(4, description="of attention")
    latents: PositiveInt = Field(16, description="size of the noise vector")
    dropout: Fraction = Field(0.0, description="of the generator's features")
    summary: PositiveInt = Field(128, description="of the evaluator's second LSTM")
    evaluator_dropout: Fraction = Field(0.0, description="of the features of what it reads")
    kernels: Count = Field(
        16,
        description="of minibatch discrimination among the captions of one picture; 0: none, the "
        "evaluator judges each by itself",
    )


class CaptionLoss(Section):
    """The game."""

    gradient: Literal["leave-one-out", "self-critical", "gumbel"] = Field(
        "leave-one-out",
        description="policy gradient whose baseline is the mean reward of the other captions of "
        "the picture, or the reward of the likeliest one; or the straight-through Gumbel-softmax",
    )
    reward: Literal["evaluator", "cider", "mixture"] = Field(
        "evaluator", description="of a policy gradient; mixture: the sum of both"
    )
    cider_weight: NonNegative = Field(1.0, description="of CIDEr (0 to 10) in a mixture")
    captions: Annotated[int, Field(ge=2)] = Field(5, description="written for each picture")
    temperature: PositiveFloat = Field(
        1.0, description="at which captions are written in the game, best as they will be in use"
    )
    gumbel_temperature: PositiveFloat = Field(0.5, description="of the soft words' softmax")
    mle_weight: NonNegative = Field(0.0, description="cross-entropy kept in the generator's loss")
    doubly_stochastic: NonNegative = Field(
        0.0, description="in the pretraining: every cell is looked at once, as in Xu et al. 2015"
    )
    evaluator_steps: PositiveInt = Field(1, description="per step of the generator")

    @model_validator(mode="after")
    def _gumbel_has_no_reward(self) -> CaptionLoss:
        if self.gradient == "gumbel" and self.reward != "evaluator":
            raise ValueError("no gradient flows from CIDEr: gradient=gumbel needs reward=evaluator")
        return self


class CaptionSteps(Section):
    """Lengths of the stages; 0 leaves one out."""

    language: Count = Field(0, description="likelihood of data.text, without pictures")
    mle: Count = 4000
    evaluator: Count = 400
    adversarial: Count = 400


class CaptionEvaluate(Section):
    """How captions of held-out pictures are scored."""

    pictures: PositiveInt = Field(200, description="held out; the report takes `exhibit`")
    captions: Annotated[int, Field(ge=2)] = Field(5, description="of each")
    temperature: NonNegative = Field(1.0, description="at which they are written")
    exhibit: Count = Field(
        1000, description="pictures of the report's table of people, MLE and GAN; 0: no table"
    )
    seeds: PositiveInt = Field(3, description="samples for each row of it")
    temperatures: tuple[PositiveFloat, ...] = Field((0.5, 0.7, 1.0), description="its rows")
    retrieval: Count = Field(100, description="pictures among which the evaluator finds; 0: none")


class CaptionOptimizers(Section):
    """One for each group of networks."""

    pretraining: OptimizerConfig = OptimizerConfig(
        lr=1e-3, betas=(0.9, 0.98), clip=5.0, schedule="cosine"
    )
    generator: OptimizerConfig = OptimizerConfig(
        lr=1e-4, betas=(0.5, 0.99), clip=5.0, schedule="linear"
    )
    evaluator: OptimizerConfig = OptimizerConfig(lr=5e-4, betas=(0.5, 0.99), clip=5.0)


class CaptionRecipe(Recipe):
    """A captioning GAN."""

    ema: EMAConfig = EMAConfig(decay=0.998)
    data: CaptionData = CaptionData()
    model: CaptionModel = CaptionModel()
    loss: CaptionLoss = CaptionLoss()
    steps: CaptionSteps = CaptionSteps()
    evaluate: CaptionEvaluate = CaptionEvaluate()
    optimizers: CaptionOptimizers = CaptionOptimizers()

    @model_validator(mode="after")
    def _another_picture(self) -> CaptionRecipe:
        if self.train.batch_size // self.train.accumulate < 2:
            raise ValueError(
                "the evaluator is shown captions of another picture of the batch: set "
                "train.batch_size / train.accumulate to 2 or more"
            )
        return self

    @model_validator(mode="after")
    def _stages_fit(self) -> CaptionRecipe:
        steps = self.steps
        if not (steps.language or steps.mle or steps.evaluator or steps.adversarial):
            raise ValueError("steps are all 0: nothing would be trained")
        if (steps.language > 0) != (self.data.text is not None):
            raise ValueError("steps.language and data.text go together: set both or neither")
        return self
