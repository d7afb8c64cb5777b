"""What a recipe for pictures can say. Each method has the settings of its paper as defaults."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.objectives import LabelSmoothing, ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, Fraction, NonNegative, OptimizerConfig, Section

Side = Annotated[int, Field(ge=8, le=1024)]

POINTS = "builtin:gaussians"


class ImageData(Section):
    """Pictures, and labels if the networks use them."""

    source: str = Field(
        "builtin:scenes", description="folder of pictures or idx files, hub id, or builtin:NAME"
    )
    size: Side = Field(64, description="side of the pictures: 4 to 7 times a power of two")
    colours: Literal["grey", "rgb", "rgba"] = "rgb"
    stacked: bool = Field(
        False, description="three pictures of idx files as red, green and blue, to count modes"
    )
    label: Literal["shape", "colour", "action"] = Field(
        "shape", description="of builtin:scenes; folders and tables have labels of their own"
    )
    classes: tuple[str | int, ...] = Field(
        (), description="only pictures of these class folders, or idx labels; empty takes all"
    )
    resize: Count = Field(0, description="shorter side before cropping; 0 crops all it can")
    crop: Literal["random", "centre", "none"] = Field(
        "centre", description="of pictures that are no squares; none squeezes them"
    )
    flip: bool = Field(False, description="mirror half of the pictures left to right")
    rotation: NonNegative = Field(0.0, description="up to so many degrees")
    zoom: float = Field(0.0, ge=0.0, lt=1.0, description="cut out parts down to 1 - zoom")
    jitter: Fraction = Field(0.0, description="change of illumination, contrast and saturation")
    on_error: Literal["raise", "skip"] = Field("raise", description="what unreadable pictures do")
    builtin_size: PositiveInt = Field(10_000, description="pictures of a built-in source")
    memory: NonNegative = Field(
        1.0, description="GB of decoded pictures kept by each process that loads them"
    )

    @model_validator(mode="after")
    def _fits(self) -> ImageData:
        if 0 < self.resize < self.size:
            raise ValueError(f"resize={self.resize} is smaller than size={self.size}")
        varied = self.flip or self.rotation or self.zoom or self.jitter or self.resize
        if self.stacked and (varied or self.crop == "random" or self.colours != "rgb"):
            raise ValueError("stacked pictures are rgb, and nothing may vary them")
        if self.classes and self.source.startswith("builtin:"):
            raise ValueError("classes are chosen of class folders and idx files, not of built-ins")
        if self.jitter and self.colours == "rgba":
            raise ValueError("jitter cannot change pictures with alpha; set it to 0")
        return self


class ImageModel(Section):
    """What all families of networks have."""

    latents: PositiveInt = Field(100, description="size of the noise vector")
    width: PositiveInt = Field(64, description="channels of the generator")
    discriminator_width: PositiveInt = 64
    generator_labels: Literal["none", "concatenate", "batch-norm"] = Field(
        "none", description="with the latents, or a scale and shift for each class"
    )
    discriminator_labels: Literal["none", "concatenate", "projection", "classifier"] = Field(
        "none", description="as further channels, inner product, or classes to be told (AC-GAN)"
    )
    minibatch_deviation: bool = Field(
        False, description="show the discriminator how much pictures differ (Karras 2018)"
    )
    encoder_width: PositiveInt = Field(64, description="channels of the encoder's first layer")

    @model_validator(mode="after")
    def _both_or_none(self) -> ImageModel:
        if (self.generator_labels == "none") != (self.discriminator_labels == "none"):
            raise ValueError("generator_labels and discriminator_labels go together")
        return self


class DCGANModel(ImageModel):
    """Strided convolutions."""

    width: PositiveInt = Field(64, description="channels of the generator's last layer")
    discriminator_width: PositiveInt = Field(64, description="channels of its first layer")
    discriminator_norm: Literal["batch", "layer", "none"] = "batch"
    spectral_norm: bool = Field(False, description="of the discriminator")


class SNGANModel(ImageModel):
    """Residual networks."""

    latents: PositiveInt = 128
    width: PositiveInt = Field(256, description="channels up to 32 pixels, halved beyond")
    discriminator_width: PositiveInt = 128
    spectral_norm: bool = Field(True, description="of the discriminator")


class R3GANModel(ImageModel):
    """Modern residual networks."""

    latents: PositiveInt = 64
    generator_labels: Literal["none", "concatenate"] = "none"
    width: PositiveInt = Field(128, description="channels up to 32 pixels, halved beyond")
    discriminator_width: PositiveInt = 128
    blocks: PositiveInt = Field(2, description="at every size")
    group: PositiveInt = Field(16, description="channels in a group of a grouped convolution")


class MLPModel(ImageModel):
    """Fully connected networks."""

    latents: PositiveInt = 64
    generator_labels: Literal["none", "concatenate"] = "none"
    minibatch_deviation: Literal[False] = False
    width: PositiveInt = 256
    discriminator_width: PositiveInt = 256
    layers: PositiveInt = 3
    spectral_norm: bool = Field(False, description="of the discriminator")


class ImageLoss(Section):
    """The game: objective, penalties, and what makes it steadier."""

    objective: ObjectiveName = "non-saturating"
    smoothing: LabelSmoothing = "none"
    discriminator_steps: PositiveInt = Field(1, description="per step of the generator")
    reuse_fakes: bool = Field(
        True, description="the generator learns from the pictures just judged; false draws others"
    )
    gradient_penalty: NonNegative = Field(0.0, description="WGAN-GP; 10 with wasserstein")
    dragan: NonNegative = Field(0.0, description="slope 1 around real pictures; usually 10")
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real pictures")
    r2: NonNegative = Field(0.0, description="gamma of the penalty on generated pictures")
    penalty_every: PositiveInt = Field(
        1, description="lazy: penalties every so many steps, scaled accordingly"
    )
    path_length: NonNegative = Field(
        0.0, description="StyleGAN2's: equal steps in the latents change pictures equally"
    )
    path_length_every: PositiveInt = 4
    classifier: NonNegative = Field(1.0, description="weight of the classes (AC-GAN)")
    instance_noise: NonNegative = Field(
        0.0, description="deviation of noise on all that is judged; falls to zero over the run"
    )
    encoder_features: NonNegative = Field(
        1.0, description="weight of the discriminator's features for the encoder (f-AnoGAN's kappa)"
    )

    @property
    def penalised(self) -> bool:
        """Whether the discriminator is differentiated twice."""
        return any((self.gradient_penalty, self.dragan, self.r1, self.r2))


class ImageAugment(Section):
    """Differentiable augmentation of everything that is judged, for small data."""

    policy: Literal["none", "diffaugment", "ada"] = Field(
        "none", description="fixed (Zhao 2020), or as much as is needed (Karras 2020)"
    )
    target: Fraction = Field(0.6, description="of ada: how surely reals may be told from fakes")
    images: PositiveInt = Field(
        100_000, description="of ada: real pictures in which its probability may rise from 0 to 1"
    )


class ImageSteps(Section):
    """Lengths of the stages."""

    adversarial: PositiveInt = 20_000
    encoder: Count = Field(
        0, description="afterwards, of an encoder from pictures to latents; 0 trains none"
    )


class ImageEvaluate(Section):
    """How samples are scored."""

    features: str = Field(
        "random-conv",
        description="what is compared: random-conv, digits, inception-v3, dinov2, clip, none",
    )
    weights: str = Field("", description="file or folder of those features that need one")
    samples: int = Field(2000, ge=2, description="generated pictures, and at most as many real")


class ImageOptimizers(Section):
    """Both players, Adam as in DCGAN; and the encoder, which plays no game."""

    generator: OptimizerConfig = OptimizerConfig()
    discriminator: OptimizerConfig = OptimizerConfig()
    encoder: OptimizerConfig = OptimizerConfig(lr=1e-3, betas=(0.9, 0.999), schedule="linear")


class ImageRecipe(Recipe):
    """What the methods have in common."""

    data: ImageData = ImageData()
    model: ImageModel
    loss: ImageLoss = ImageLoss()
    augment: ImageAugment = ImageAugment()
    steps: ImageSteps = ImageSteps()
    evaluate: ImageEvaluate = ImageEvaluate()
    optimizers: ImageOptimizers = ImageOptimizers()

    @property
    def labelled(self) -> bool:
        """Whether the networks use labels."""
        return self.model.generator_labels != "none"

    @model_validator(mode="after")
    def _samples_stay_apart(self) -> ImageRecipe:
        if getattr(self.model, "discriminator_norm", "") == "batch" and self.loss.penalised:
            raise ValueError(
                "a gradient penalty needs a discriminator that judges each picture by itself: "
                "model.discriminator_norm=layer or none"
            )
        return self

    @model_validator(mode="after")
    def _size_fits(self) -> ImageRecipe:
        if self.method != "mlp":
            check_side(self.data.size)
        return self

    @model_validator(mode="after")
    def _points_are_no_pictures(self) -> ImageRecipe:
        if self.data.source == POINTS:
            if self.method != "mlp":
                raise ValueError(f"{POINTS} are points of a plane: method=mlp")
            if self.labelled or self.augment.policy != "none":
                raise ValueError(f"{POINTS} have no labels and no augmentation")
        return self

    @model_validator(mode="after")
    def _encoder_fits(self) -> ImageRecipe:
        if not self.steps.encoder:
            return self
        if self.labelled:
            raise ValueError(
                "an encoder knows no labels: set steps.encoder=0, or "
                "model.generator_labels=none and model.discriminator_labels=none"
            )
        if self.data.source == POINTS or self.data.stacked:
            raise ValueError("an encoder is for pictures, not for points or stacks of them")
        if self.train.best not in (None, "reconstruction"):
            raise ValueError(
                f"train.best={self.train.best} would keep a model whose encoder has hardly begun; "
                "leave it out, or say train.best=reconstruction"
            )
        return self


class DCGANRecipe(ImageRecipe):
    """A DCGAN, or with other losses an LSGAN, a WGAN-GP ..."""

    model: DCGANModel = DCGANModel()


class SNGANLoss(ImageLoss):
    """The hinge, five updates of the discriminator for one of the generator."""

    objective: ObjectiveName = "hinge"
    discriminator_steps: PositiveInt = 5


class SNGANOptimizer(OptimizerConfig):
    """Adam without momentum, falling to zero."""

    betas: tuple[Fraction, Fraction] = (0.0, 0.9)
    schedule: Literal["constant", "linear", "cosine"] = "linear"


class SNGANOptimizers(ImageOptimizers):
    """Both players."""

    generator: SNGANOptimizer = SNGANOptimizer()
    discriminator: SNGANOptimizer = SNGANOptimizer()


class SNGANRecipe(ImageRecipe):
    """An SNGAN."""

    model: SNGANModel = SNGANModel()
    loss: SNGANLoss = SNGANLoss()
    optimizers: SNGANOptimizers = SNGANOptimizers()


class R3GANLoss(ImageLoss):
    """Relativistic, with zero-centred gradients on both sides."""

    objective: ObjectiveName = "relativistic"
    r1: NonNegative = 1.0
    r2: NonNegative = 1.0


class R3GANOptimizer(OptimizerConfig):
    """Adam without momentum."""

    betas: tuple[Fraction, Fraction] = (0.0, 0.99)


class R3GANOptimizers(ImageOptimizers):
    """Both players."""

    generator: R3GANOptimizer = R3GANOptimizer()
    discriminator: R3GANOptimizer = R3GANOptimizer()


class R3GANRecipe(ImageRecipe):
    """An R3GAN."""

    model: R3GANModel = R3GANModel()
    loss: R3GANLoss = R3GANLoss()
    optimizers: R3GANOptimizers = R3GANOptimizers()


class MLPRecipe(ImageRecipe):
    """Fully connected networks."""

    model: MLPModel = MLPModel()


def check_side(size: int) -> None:
    """Refuses sides that cannot be halved down to 4 to 7 pixels.

    Raises:
        ValueError: with what to do.
    """
    base = size
    while base > 7 and base % 2 == 0:
        base //= 2
    if not 4 <= base <= 7:
        raise ValueError(
            f"data.size={size} is not 4, 5, 6 or 7 times a power of two; try 28, 32, 64 or 128"
        )
