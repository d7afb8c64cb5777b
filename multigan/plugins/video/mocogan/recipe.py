"""What a recipe for clips from noise can say. The defaults are the sizes of the paper."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from multigan.config.objectives import LabelSmoothing, ObjectiveName
from multigan.config.recipe import Recipe
from multigan.config.sections import Count, NonNegative, OptimizerConfig, Section
from multigan.plugins.video.clips.recipe import VideoData


class MoCoGANModel(Section):
    """Generator of clips, judge of frames, judge of clips."""

    content: PositiveInt = Field(50, description="latents of what stays through a clip")
    motion: PositiveInt = Field(10, description="size of the recurrent state")
    motion_noise: PositiveInt = Field(10, description="fresh numbers for each frame's motion")
    periods: tuple[PositiveFloat, ...] = Field(
        (),
        description="frames after which motions are known to repeat, for a clock; see data.within",
    )
    labels: Literal["none", "projection", "classifier"] = Field(
        "none", description="inner product, or classes that the judge of clips has to tell (AC-GAN)"
    )
    categories: Count = Field(
        0, description="without labels: kinds of motion to be found by itself (InfoGAN)"
    )
    condition: Literal["none", "first-frame"] = Field(
        "none", description="draw the content, or go on from a picture"
    )
    width: PositiveInt = Field(64, description="channels of the generator at half the size")
    discriminator_width: PositiveInt = Field(64, description="channels after the first halving")
    widest: PositiveInt = Field(512, description="most channels anywhere")
    convolution: Literal["factorised", "full"] = Field(
        "factorised", description="of the judge of clips: picture, then time; or both at once"
    )
    spectral_norm: bool = Field(True, description="of both judges")
    unroll: Count = Field(
        0,
        description="states that a clip is a window of, so that motion goes on for longer than a "
        "clip; 0: as many as a clip has",
    )
    sparse_frames: Count = Field(
        0, description="paint and judge so many frames of a clip, evenly spread (TGANv2); 0: all"
    )

    @model_validator(mode="after")
    def _kinds_come_once(self) -> MoCoGANModel:
        if self.labels != "none" and self.categories:
            raise ValueError("categories are for clips without labels: set one of the two")
        if self.categories == 1:
            raise ValueError("categories=1 is one kind of motion: 0 has no categories")
        if self.sparse_frames == 1:
            raise ValueError("sparse_frames=1 shows no motion; take 2 at least")
        return self


class MoCoGANLoss(Section):
    """The game."""

    objective: ObjectiveName = "non-saturating"
    smoothing: LabelSmoothing = "none"
    discriminator_steps: PositiveInt = Field(1, description="per step of the generator")
    reuse_fakes: bool = Field(
        True, description="the generator learns from the clips just judged; false draws others"
    )
    gradient_penalty: NonNegative = Field(0.0, description="WGAN-GP; 10 with wasserstein")
    r1: NonNegative = Field(0.0, description="gamma of the penalty on real frames and clips")
    r2: NonNegative = Field(0.0, description="gamma of the penalty on generated ones")
    penalty_every: PositiveInt = Field(
        1, description="lazy: penalties every so many steps, scaled accordingly"
    )
    category: NonNegative = Field(1.0, description="weight of the classes or categories")
    reconstruction: NonNegative = Field(
        0.0,
        description="with data.within: an encoder reads the content of half of the real clips off "
        "another frame of the film, or of another film of the character, and the generator has to "
        "make them again (VAE/GAN); weight of L1",
    )
    divergence: NonNegative = Field(
        2e-3, description="how near that content is kept to the noise that samples are made of"
    )
    instance_noise: NonNegative = Field(
        0.0, description="deviation of noise on all that is judged; falls to zero over the run"
    )

    @property
    def penalised(self) -> bool:
        """Whether the discriminators are differentiated twice."""
        return any((self.gradient_penalty, self.r1, self.r2))


class MoCoGANAugment(Section):
    """Differentiable augmentation of everything that is judged, for small data."""

    policy: Literal["none", "diffaugment"] = Field(
        "none", description="the same for all frames of a clip (Zhao et al. 2020)"
    )


class MoCoGANSteps(Section):
    """Lengths of the stages."""

    reconstruction: Count = Field(
        0, description="before the game: only make real clips again; needs loss.reconstruction"
    )
    adversarial: PositiveInt = 100_000


class VideoEvaluate(Section):
    """How clips are scored."""

    features: str = Field(
        "none",
        description="what they are compared with: sprite-actions, i3d, a clip classifier's run; "
        "none scores nothing",
    )
    weights: str = Field("", description="TorchScript file of i3d")
    samples: int = Field(256, ge=2, description="generated clips, and at most as many real ones")


class MoCoGANOptimizers(Section):
    """Both sides, the two judges with one; and what comes before the game."""

    generator: OptimizerConfig = OptimizerConfig()
    discriminators: OptimizerConfig = OptimizerConfig()
    reconstruction: OptimizerConfig = OptimizerConfig(lr=2e-3, betas=(0.9, 0.99), warmup=50)


class MoCoGANRecipe(Recipe):
    """A MoCoGAN."""

    data: VideoData = VideoData()
    model: MoCoGANModel = MoCoGANModel()
    loss: MoCoGANLoss = MoCoGANLoss()
    augment: MoCoGANAugment = MoCoGANAugment()
    steps: MoCoGANSteps = MoCoGANSteps()
    evaluate: VideoEvaluate = VideoEvaluate()
    optimizers: MoCoGANOptimizers = MoCoGANOptimizers()

    @model_validator(mode="after")
    def _windows_fit(self) -> MoCoGANRecipe:
        frames, model = self.data.frames, self.model
        if model.sparse_frames > frames:
            raise ValueError(f"model.sparse_frames is more than data.frames={frames}")
        if 0 < model.unroll < frames:
            raise ValueError(f"model.unroll is less than data.frames={frames}")
        if model.unroll and self.data.within:
            raise ValueError("data.within says where a clip begins, so model.unroll must be 0")
        if self.loss.reconstruction and not self.data.within:
            raise ValueError(
                "loss.reconstruction needs data.within: clips that are cut anywhere cannot be made "
                "again, since nothing says where in the motion they are"
            )
        if self.steps.reconstruction and not self.loss.reconstruction:
            raise ValueError("steps.reconstruction needs a weight: loss.reconstruction=50")
        if self.loss.reconstruction and self.train.batch_size < 2:
            raise ValueError("loss.reconstruction takes half of a batch: train.batch_size=2")
        if model.condition == "first-frame" and (self.data.within or model.unroll):
            raise ValueError(
                "a clip that goes on from its first frame begins there: model.unroll=0 and "
                "data.within=0"
            )
        return self

    @property
    def unrolled(self) -> int:
        """States of the motion in training."""
        return max(self.data.within, self.model.unroll, self.data.frames)
