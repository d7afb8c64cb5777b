"""Where clips come from and which windows of them are shown, as a recipe says it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, PositiveInt, model_validator

from multigan.config.sections import Count, NonNegative, Section


class VideoData(Section):
    """Clips, and their classes if the networks use them."""

    source: str = Field(
        "builtin:scenes",
        description="a film, or a folder of films, frame folders, film strips or sprite sheets",
    )
    layout: Literal["auto", "films", "frames", "strips", "sheets"] = Field(
        "auto", description="what the folder holds; auto looks"
    )
    label: Literal["action", "action-direction"] = Field(
        "action-direction", description="of sprite sheets; elsewhere a clip's folder is its class"
    )
    classes: tuple[str, ...] = Field((), description="only clips of these; empty takes all")
    size: Literal[32, 64, 128] = Field(64, description="side of the frames")
    frames: int = Field(16, ge=2, description="of a clip")
    stride: PositiveInt = Field(1, description="take one frame of so many")
    rate: NonNegative = Field(
        0.0, description="bring films to so many frames a second first; 0 takes them as they are"
    )
    within: Count = Field(
        0,
        description="clips begin so early that they end within so many frames, and the generator "
        "knows when; 0 cuts anywhere",
    )
    short: Literal["refuse", "hold", "loop"] = Field(
        "refuse", description="what a film does that is shorter than a clip"
    )
    flip: bool = Field(False, description="mirror half of the clips left to right")
    held_out: Count = Field(
        10, description="every so-manieth film or character is never trained on; 0 keeps none"
    )
    on_error: Literal["raise", "skip"] = Field("raise", description="what unusable films do")
    builtin_size: PositiveInt = Field(10_000, description="clips of a built-in source")
    memory: NonNegative = Field(
        1.0, description="GB of decoded frames kept by each process that loads them"
    )

    @model_validator(mode="after")
    def _fits(self) -> VideoData:
        if 0 < self.within < self.frames:
            raise ValueError(f"a clip of frames={self.frames} does not fit within={self.within}")
        if self.held_out == 1:
            raise ValueError("held_out=1 leaves nothing to train on; 10 keeps one film in ten")
        return self

    @property
    def span(self) -> int:
        """Frames of a film from the first to the last of a clip."""
        return (self.frames - 1) * self.stride + 1
