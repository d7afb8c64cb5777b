"""What a recipe for sounds from noise can say. The defaults of wavegan are those of its paper."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.objectives import LabelSmoothing, ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, Fraction, NonNegative, OptimizerConfig, Section
from multigan.plugins.audio.recipe import MelConfig, SoundData


class SoundModel(Section):
    """What both kinds of networks have."""

    latents: PositiveInt = Field(100, description="size of the noise vector")
    latent_noise: Literal["normal", "uniform"] = Field(
        "normal", description="what latents are drawn from; uniform is from -1 to 1"
    )
    width: PositiveInt = Field(32, description="channels of the generator's last hidden layer")
    discriminator_width: PositiveInt = Field(32, description="channels of its first layer")
    labels: Literal["none", "projection", "classifier"] = Field(
        "none",
        description="classes, told to the generator; the discriminator takes an inner product, or "
        "names them (AC-GAN)",
    )
    label_size: PositiveInt = Field(32, description="numbers that stand for a class")


class SpecGANModel(SoundModel):
    """Log-mel spectrograms as pictures."""

    mels: PositiveInt = Field(64, description="bands")
    n_fft: PositiveInt = Field(256, description="samples of a frame")
    hop: PositiveInt = Field(64, description="samples from one frame to the next")
    range_db: NonNegative = Field(
        60.0, description="quieter than so much below a full-scale tone is silence; 0 keeps all"
    )
    clip: float = Field(3.0, gt=0, description="deviations of a band that reach from -1 to 1")
    spectral_norm: bool = Field(True, description="of the discriminator")
    vocoder: str = Field(
        "", description="a vocoder's folder or name, to be kept with the model; else Griffin-Lim"
    )


class WaveGANModel(SoundModel):
    """Waveforms."""

    latent_noise: Literal["normal", "uniform"] = "uniform"
    width: PositiveInt = 64
    discriminator_width: PositiveInt = 64
    phase_shuffle: Count = Field(2, description="samples by which phases are shuffled; 0 does not")
    post_filter: Count = Field(0, description="taps of a filter behind the generator; 512")


class SoundLoss(Section):
    """The game: objective, penalties, and what makes it steadier."""

    objective: ObjectiveName = "hinge"
    smoothing: LabelSmoothing = "none"
    discriminator_steps: PositiveInt = Field(1, description="per step of the generator")
    reuse_fakes: bool = Field(
        True, description="the generator learns from the sounds just judged; false draws others"
    )
    gradient_penalty: NonNegative = Field(0.0, description="WGAN-GP; 10 with wasserstein")
    dragan: NonNegative = Field(0.0, description="slope 1 around real sounds; usually 10")
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real sounds")
    r2: NonNegative = Field(0.0, description="gamma of the penalty on generated sounds")
    penalty_every: PositiveInt = Field(
        1, description="lazy: penalties every so many steps, scaled accordingly"
    )
    classifier: NonNegative = Field(1.0, description="weight of the classes (AC-GAN)")
    instance_noise: NonNegative = Field(
        0.0, description="deviation of noise on all that is judged; falls to zero over the run"
    )

    @property
    def penalised(self) -> bool:
        """Whether the discriminator is differentiated twice."""
        return any((self.gradient_penalty, self.dragan, self.r1, self.r2))


class SpectrogramAugment(Section):
    """Differentiable augmentation of everything that is judged, for small data."""

    shift: Fraction = Field(0.0, description="in time, by up to such a share of the sound")
    mask: Fraction = Field(
        0.0, description="blank such a share of the bands, and of the frames (SpecAugment)"
    )

    @property
    def used(self) -> bool:
        """Whether anything is varied."""
        return bool(self.shift or self.mask)


class SoundSteps(Section):
    """Length of the game."""

    adversarial: PositiveInt = 20_000


class SoundEvaluate(Section):
    """How samples are scored."""

    samples: int = Field(500, ge=2, description="generated sounds, and at most as many real")
    judge: str = Field(
        "", description="a classifier's folder or name, to hear whether the class is right"
    )


class WaveGANOptimizer(OptimizerConfig):
    """The Adam of WGAN-GP."""

    lr: float = Field(1e-4, gt=0)
    betas: tuple[Fraction, Fraction] = (0.5, 0.9)


class SoundOptimizers(Section):
    """Both players."""

    generator: OptimizerConfig = OptimizerConfig()
    discriminator: OptimizerConfig = OptimizerConfig()


class WaveGANOptimizers(SoundOptimizers):
    """Both players."""

    generator: WaveGANOptimizer = WaveGANOptimizer()
    discriminator: WaveGANOptimizer = WaveGANOptimizer()


class SoundGANRecipe(Recipe):
    """What the methods have in common."""

    data: SoundData = SoundData(normalise=True)
    model: SoundModel
    loss: SoundLoss = SoundLoss()
    steps: SoundSteps = SoundSteps()
    evaluate: SoundEvaluate = SoundEvaluate()
    optimizers: SoundOptimizers = SoundOptimizers()

    @property
    def labelled(self) -> bool:
        """Whether the networks use labels."""
        return self.model.labels != "none"

    @model_validator(mode="after")
    def _there_are_labels(self) -> SoundGANRecipe:
        if self.labelled and self.data.labels == "none":
            raise ValueError(
                f"model.labels={self.model.labels} needs classes: set data.labels to folder, or to "
                "a regular expression for file names"
            )
        return self


class SpecGANRecipe(SoundGANRecipe):
    """Spectrograms from noise, and sounds from spectrograms."""

    model: SpecGANModel = SpecGANModel()
    augment: SpectrogramAugment = SpectrogramAugment()

    @property
    def mel(self) -> MelConfig:
        """How spectrograms are taken, at the rate of the data."""
        model = self.model
        return MelConfig(rate=self.data.rate, n_fft=model.n_fft, hop=model.hop, mels=model.mels)

    @model_validator(mode="after")
    def _frames_fit(self) -> SpecGANRecipe:
        frames, left = divmod(self.data.length, self.model.hop)
        if left or frames % 2 or frames < 8 or self.model.mels % 2 or self.model.mels < 8:
            raise ValueError(
                f"data.length={self.data.length} makes {self.data.length / self.model.hop:g} "
                f"frames of model.hop={self.model.hop} for {self.model.mels} bands; both must be "
                "even numbers from 8 up, better multiples of 16"
            )
        return self


class WaveGANLoss(SoundLoss):
    """Wasserstein distance with a gradient penalty, five critic steps to one."""

    objective: ObjectiveName = "wasserstein"
    discriminator_steps: PositiveInt = 5
    reuse_fakes: bool = False
    gradient_penalty: NonNegative = 10.0


class WaveGANRecipe(SoundGANRecipe):
    """Waveforms from noise."""

    model: WaveGANModel = WaveGANModel()
    loss: WaveGANLoss = WaveGANLoss()
    optimizers: WaveGANOptimizers = WaveGANOptimizers()

    @model_validator(mode="after")
    def _length_fits(self) -> WaveGANRecipe:
        base = self.data.length
        while base > 16 and base % 4 == 0:
            base //= 4
        if base > 16 or self.data.length < 5 * 4**2:
            raise ValueError(
                f"data.length={self.data.length} is not 5 to 16 times a power of four; try 4096, "
                "8192 or 16384"
            )
        return self
