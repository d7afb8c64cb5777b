"""What a vocoder's recipe can say; the defaults are HiFi-GAN's for 22,050 Hz."""

from __future__ import annotations

from math import prod
from typing import Any, Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.objectives import ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, NonNegative, OptimizerConfig, Section
from multigan.plugins.audio.recipe import MelConfig, SoundData
from multigan.plugins.audio.vocoder.variants import VARIANTS, rates_of


class VocoderData(SoundData):
    """Segments of sounds; no labels are needed."""

    rate: PositiveInt = Field(22_050, description="samples a second that sounds are brought to")
    length: PositiveInt = Field(8192, description="samples of a segment, a multiple of mel.hop")
    trim: bool = Field(False, description="cut off the silence at both ends")
    mels: bool = Field(
        False,
        description="fine-tuning: hear not the sound's own spectrogram but NAME.npy beside it, as "
        "an acoustic model made it, (bands, frames)",
    )


class RefinerModel(Section):
    """Sizes of the generator that refines a first guess, see `networks.refiner`."""

    width: PositiveInt = Field(64, description="channels of its network")
    blocks: PositiveInt = Field(4, description="residual blocks of two convolutions")
    patch: PositiveInt = Field(4, description="frequencies that share a place in the network")
    guess: Count = Field(128, description="rounds of mel projection that make the first guess")
    guess_training: Count = Field(
        32, description="the same while it learns; fewer cost less, and teach what holds for more"
    )
    passes: PositiveInt = Field(2, description="times that the network is played in a row")
    between: Count = Field(8, description="rounds of projection from one pass to the next")
    refine: Count = Field(8, description="rounds of projection after the last one")


class VocoderModel(Section):
    """The generator by the name of a published size, and the discriminators.

    What is None is that of the variant.
    """

    variant: Literal["v1", "v2", "v3", "refiner"] = Field(
        "v1", description="a published size of HiFi-GAN; or a network that refines a first guess"
    )
    refiner: RefinerModel = RefinerModel()
    width: PositiveInt | None = Field(None, description="channels before the first upsampling")
    rates: tuple[PositiveInt, ...] | None = Field(
        None, description="of upsampling; their product is mel.hop"
    )
    kernels: tuple[PositiveInt, ...] | None = Field(
        None, description="of upsampling; twice the rates where those are given"
    )
    residual_kernels: tuple[PositiveInt, ...] | None = None
    dilations: tuple[tuple[PositiveInt, ...], ...] | None = Field(
        None, description="for each of the residual_kernels"
    )
    block: Literal[1, 2] | None = Field(
        None, description="residual blocks with (1) or without (2) undilated convolutions"
    )
    start: str = Field("", description="a vocoder to go on from: a run or a model folder")
    periods: tuple[PositiveInt, ...] = Field(
        (2, 3, 5, 7, 11), description="of the discriminators of what repeats, in samples"
    )
    periods_width: PositiveInt = Field(32, description="channels of their first layer")
    scales: Count = Field(3, description="discriminators at the full rate, half of it ...")
    scales_width: PositiveInt = Field(
        128, description="channels of their first layer, a multiple of 16"
    )

    @model_validator(mode="after")
    def _of_one_kind(self) -> VocoderModel:
        given = [name for name in VARIANTS["v1"] if getattr(self, name) is not None]
        if self.variant == "refiner" and given:
            raise ValueError(f"variant=refiner has no {given[0]}; its sizes are in model.refiner")
        if self.variant != "refiner" and self.refiner != RefinerModel():
            raise ValueError(f"variant={self.variant} refines nothing; say variant=refiner")
        return self

    @property
    def generator(self) -> dict[str, Any]:
        """Arguments of HiFi-GAN's generator, but for the mel bands."""
        chosen = dict(VARIANTS[self.variant])
        chosen |= {name: value for name in chosen if (value := getattr(self, name)) is not None}
        if self.rates is not None and self.kernels is None:
            chosen["kernels"] = tuple(2 * rate for rate in self.rates)
        return chosen


class VocoderLoss(Section):
    """Weights; HiFi-GAN's by default."""

    objective: ObjectiveName = "least-squares"
    adversarial: NonNegative = Field(
        2.0,
        description="of the sum over discriminators; least squares are halved here, so that 2 is "
        "the paper's 1",
    )
    features: NonNegative = Field(
        2.0, description="of the sum over all layers of all discriminators (feature matching)"
    )
    mel: NonNegative = Field(45.0, description="of the L1 of log-mels up to half the rate")
    spectra: NonNegative = Field(
        0.0, description="of the multi-resolution STFT distance (Yamamoto et al. 2020)"
    )


class VocoderSteps(Section):
    """Lengths of the stages."""

    reconstruction: Count = Field(0, description="towards the right spectra, without a game")
    adversarial: Count = Field(500_000, description="the game, in which phases become right")


class VocoderOptimizer(OptimizerConfig):
    """AdamW, whose rate has fallen to a twentieth at the end."""

    name: Literal["adam", "adamw", "sgd", "rmsprop"] = "adamw"
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: NonNegative = 0.01
    schedule: Literal["constant", "linear", "cosine", "exponential"] = "exponential"
    end: float = 0.05


class VocoderOptimizers(Section):
    """The generator has one before the game and another one in it."""

    reconstruction: VocoderOptimizer = VocoderOptimizer(lr=1e-3, warmup=50, clip=10.0)
    generator: VocoderOptimizer = VocoderOptimizer()
    discriminator: VocoderOptimizer = VocoderOptimizer()


class VocoderEvaluate(Section):
    """How copy-synthesis of held-out segments is scored."""

    clips: Count = Field(64, description="held-out segments; 0 scores nothing")
    griffin_lim: Count = Field(32, description="iterations of the baseline; 0 leaves it out")


class VocoderRecipe(Recipe):
    """A vocoder."""

    data: VocoderData = VocoderData()
    mel: MelConfig = MelConfig(rate=22_050, n_fft=1024, hop=256, mels=80, fmax=8000.0)
    model: VocoderModel = VocoderModel()
    loss: VocoderLoss = VocoderLoss()
    evaluate: VocoderEvaluate = VocoderEvaluate()
    steps: VocoderSteps = VocoderSteps()
    optimizers: VocoderOptimizers = VocoderOptimizers()

    @model_validator(mode="after")
    def _fits(self) -> VocoderRecipe:
        hop = self.mel.hop
        rates = () if self.model.variant == "refiner" else self.model.generator["rates"]
        if rates and prod(rates) != hop:
            told = " x ".join(map(str, rates))
            fitting = ", ".join(map(str, rates_of(hop)))
            raise ValueError(
                f"the generator makes {told} = {prod(rates)} samples of a frame, and mel.hop is "
                f"{hop}; "
                + (f"say model.rates=[{fitting}]" if fitting else "choose a hop of small factors")
            )
        if self.mel.rate != self.data.rate:
            raise ValueError(
                f"mel.rate={self.mel.rate} and data.rate={self.data.rate} must be the same"
            )
        if self.data.length % hop or self.data.length <= self.mel.n_fft:
            raise ValueError(
                f"data.length={self.data.length} must be a multiple of mel.hop={hop}, and "
                f"more than mel.n_fft={self.mel.n_fft}"
            )
        return self
