"""What a sound classifier's recipe can say."""

from __future__ import annotations

from pydantic import Field, PositiveInt

from multigan.config.classifier import ClassifierOptimizers, ClassifierRecipe, ClassifierSteps
from multigan.config.sections import Fraction, NonNegative, OptimizerConfig, Section
from multigan.plugins.audio.recipe import SoundData


class ClassifierModel(Section):
    """The network; its spectrogram has the rate of the data."""

    n_fft: PositiveInt = Field(256, description="samples of a Fourier transform")
    hop: PositiveInt = Field(128, description="samples from one frame to the next")
    mels: PositiveInt = Field(40, description="bands of the spectrogram")
    width: PositiveInt = Field(16, description="channels after the first convolution")
    features: PositiveInt = Field(128, description="numbers that the classes are read from")
    dropout: Fraction = Field(0.2, description="share of the features hidden while training")


class ClassifierAugment(Section):
    """What every clip goes through each time that it is seen, by amounts drawn at random."""

    shift: Fraction = Field(0.3, description="later by up to this share of the clip")
    speed: Fraction = Field(0.12, description="faster or slower by up to this share, and higher")
    noise: NonNegative = Field(0.2, description="white noise of up to this share of the peak")
    mask: Fraction = Field(0.06, description="a stretch of up to this share is silenced")


class SoundClassifierRecipe(ClassifierRecipe):
    """A classifier of sounds."""

    data: SoundData = SoundData(labels="folder", crop="centre")
    model: ClassifierModel = ClassifierModel()
    augment: ClassifierAugment = ClassifierAugment()
    steps: ClassifierSteps = ClassifierSteps(training=900)
    optimizers: ClassifierOptimizers = ClassifierOptimizers(
        classifier=OptimizerConfig(weight_decay=0.05)
    )
