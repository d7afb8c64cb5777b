"""The sections of a recipe that every modality shares."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=0)]


BUILTIN_DATA = {"builtin:scenes": "a small procedural world: pictures, captions, clips, labels"}
"""What ``data.source`` can name without any file."""


class Section(BaseModel):
    """Base of every section: immutable, and an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _keep_siblings(cls, values: Any) -> Any:
        """A recipe that changes one value of a section leaves the section's other defaults.

        Where a field's default is an instance, pydantic would fill the rest from its class.
        """
        if not isinstance(values, dict):
            return values
        defaults = {name: field.default for name, field in cls.model_fields.items()}
        return {
            name: _over(defaults[name], value) if isinstance(defaults.get(name), Section) else value
            for name, value in values.items()
        }


def _over(default: Section, value: Any) -> Any:
    """A section's own values with others laid over them."""
    if not isinstance(value, dict):
        return value
    merged: dict[str, Any] = {name: getattr(default, name) for name in default.model_fields_set}
    for name, given in value.items():
        inner = merged.get(name)
        merged[name] = _over(inner, given) if isinstance(inner, Section) else given
    return merged


class OptimizerConfig(Section):
    """One optimiser, for one group of networks."""

    name: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    lr: PositiveFloat = 2e-4
    betas: tuple[Fraction, Fraction] = (0.5, 0.999)
    eps: PositiveFloat = 1e-8
    momentum: Fraction = Field(0.0, description="for sgd and rmsprop")
    weight_decay: NonNegative = 0.0
    schedule: Literal["constant", "linear", "cosine", "exponential"] = Field(
        "constant", description="how the learning rate falls to `end` after `hold`"
    )
    hold: Fraction = Field(0.0, description="share of the updates before the schedule begins")
    end: Fraction = Field(
        0.0, description="share of the learning rate that is left; exponential needs some"
    )
    warmup: Count = Field(0, description="updates over which the learning rate rises from zero")
    clip: NonNegative = Field(0.0, description="largest gradient norm; 0 clips nothing")
    clip_weights: NonNegative = Field(
        0.0, description="largest absolute weight, for the original WGAN (0.01); 0 clips nothing"
    )
    historical_averaging: NonNegative = Field(
        0.0, description="weight of the distance to the mean of all past weights (Salimans 2016)"
    )
    average_gradients: Count = Field(
        0, description="update with the mean gradient of so many batches; 0 and 1 take the last"
    )

    @model_validator(mode="after")
    def _never_zero(self) -> OptimizerConfig:
        if self.schedule == "exponential" and not self.end:
            raise ValueError("exponential never comes to zero: say which share is left, end=0.05")
        return self


class EMAConfig(Section):
    """An exponential moving average of the weights, which is what gets sampled and saved."""

    decay: Fraction = Field(0.999, description="0 switches averaging off")
    warmup: bool = Field(True, description="average over fewer steps while the run is young")


class TrainConfig(Section):
    """How the trainer runs; the method itself is in the plugin's own sections."""

    batch_size: PositiveInt = Field(64, description="samples per update, over all processes")
    accumulate: PositiveInt = Field(1, description="micro-batches into which a batch is cut")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps ...")
    threads: Count = Field(0, description="CPU threads; 0 leaves torch's choice")
    workers: Count = Field(0, description="processes that load data; 0 loads in the main process")
    compile: bool = Field(False, description="torch.compile the networks")
    channels_last: bool = Field(False, description="memory layout that convolutions like")
    sync_batchnorm: bool = Field(False, description="BatchNorm statistics over all GPUs")
    log_every: PositiveInt = 50
    preview_every: Count = Field(500, description="steps; 0 previews only at the ends of stages")
    evaluate_every: Count = Field(0, description="steps; 0 evaluates only at the ends of stages")
    checkpoint_every: Count = Field(500, description="steps; 0 saves only at the ends of stages")
    keep_checkpoints: PositiveInt = 2
    best: str | None = Field(
        None, description="score by which the model is kept at its best in the last stage"
    )
    best_is: Literal["low", "high"] = "low"
    minutes: NonNegative = Field(0.0, description="stop after so many minutes; 0 never")
    evaluations_without_best: Count = Field(
        0, description="stop when `best` has not improved for so many evaluations; 0 never"
    )
    stop_at_collapse: bool = Field(
        True, description="stop when the samples of three previews in a row are all alike"
    )
    patience: PositiveInt = Field(
        10, description="steps in a row with a non-finite loss or gradient"
    )
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = ("tensorboard",)

    @model_validator(mode="after")
    def _best_of_what(self) -> TrainConfig:
        if self.evaluations_without_best and self.best is None:
            raise ValueError("evaluations_without_best counts from the best: name a score in best")
        return self
