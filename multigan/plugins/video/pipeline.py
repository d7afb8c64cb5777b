"""Clips from a trained generator: by number, by class, of any length.

Shape suffixes: N clips, T frames, C channels, H and W pixels, Z content, E noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from multigan.data.frames import FILMS
from multigan.data.inputs import ImageInput, read_pictures
from multigan.data.media import write_image
from multigan.data.pixels import over_white
from multigan.data.transforms import image_transform
from multigan.errors import CheckpointError, DataError, PluginError, suggestion
from multigan.inference.pipeline import Pipeline
from multigan.plugins.video.writing import contact_sheet, picture, side_by_side, write_clip

CHUNK = 16  # clips painted at once
FORMATS = tuple(suffix[1:] for suffix in FILMS)

Label = str | int


@dataclass(frozen=True)
class VideoOutput:
    """Generated clips.

    Attributes:
        clips: float (N, T, 3, H, W) in [0, 1], on the CPU.
        rate: frames a second.
        labels: the class of each one; empty for a model without classes.
        format: of the single files that are written into a folder: mp4, gif, webp ...
    """

    clips: Tensor
    rate: float
    labels: tuple[str, ...] = ()
    format: str = "mp4"


class VideoPipeline(Pipeline):
    """Clips from noise.

        pipe = multigan.pipeline("sprites")
        pipe(8, length=48, labels="walk-left").clips

    Args:
        components: holds the "generator".
        facts: "classes", names in the order of their numbers; "frames" of a clip in training;
            "rate", frames a second.

    Raises:
        CheckpointError: the facts do not fit the generator.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        generator, classes = components.get("generator"), facts.get("classes")
        if generator is None or not isinstance(classes, list):
            raise CheckpointError("the model is damaged: no generator of clips, or no classes")
        if classes and len(classes) != generator.categories:
            raise CheckpointError("the model is damaged: not as many names as classes")
        self.generator: Any = generator
        self.classes: tuple[str, ...] = tuple(map(str, classes))
        self.frames, self.rate = int(facts["frames"]), float(facts["rate"])

    @torch.inference_mode()
    def __call__(
        self,
        count: int = 1,
        *,
        seed: int = 0,
        length: int | None = None,
        labels: Label | Sequence[Label] | None = None,
        first_frame: ImageInput | None = None,
    ) -> VideoOutput:
        """Generates clips.

        Args:
            count: how many. The first clips of more are the same clips.
            seed: the same seed gives the same clips; a longer one begins like a shorter one.
            length: frames; as many as in training if left out. The motion simply goes on.
            labels: a class by name or number, or one for each clip; None takes all in turn. For a
                model that found categories itself, their numbers.
            first_frame: for models that go on from a picture, and for those with an encoder, which
                draw what they recognise in it: any size, its middle is taken.

        Raises:
            PluginError: an argument is out of range, or the model has no such class.
        """
        length = self.frames if length is None else length
        if count < 1 or length < 2:
            raise PluginError(f"count={count}, length={length}: ask for a clip of two frames")
        category_N = self._numbers(labels, count)
        content, noise_NTE = self._drawn(count, length, seed=seed)
        if first_frame is not None:
            content = torch.cat([self._content_of(first_frame)] * count)
        elif self.generator.condition == "first-frame":
            raise PluginError("this model goes on from a picture: give a first frame")
        parts = []
        for start in range(0, count, CHUNK):
            some = slice(start, start + CHUNK)
            given = None if category_N is None else category_N[some].to(self.device)
            made = self.generator(
                content[some].to(self.device), noise_NTE[some].to(self.device), given
            )
            parts.append(made.float().add(1).div(2).clamp(0, 1).cpu())
        names: tuple[str, ...] = ()
        if category_N is not None and self.classes:
            names = tuple(self.classes[int(i)] for i in category_N)
        return VideoOutput(torch.cat(parts), self.rate, names)

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        length: int | None = None,
        label: str | None = None,
        first_frame: str | None = None,
        format: str = "mp4",
    ) -> VideoOutput:
        """What ``multigan sample`` calls; the format is that of the files in a folder."""
        if format not in FORMATS:
            raise PluginError(f"--format {format}{suggestion(format, FORMATS)}")
        made = self(count, seed=seed, length=length, labels=label, first_frame=first_frame)
        return VideoOutput(made.clips, made.rate, made.labels, format)

    def save_samples(self, result: VideoOutput, path: Path) -> list[Path]:
        """Writes clips, see `save_clips`."""
        return save_clips(result, path)

    def _drawn(self, count: int, length: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """Content and motion noise: each clip, and each frame of it, has numbers of its own."""
        generator = torch.Generator().manual_seed(seed)
        size, content, motion = self.generator.noise, [], []
        for own in torch.randint(2**62, (count, 2), generator=generator).tolist():
            one, other = (torch.Generator().manual_seed(each) for each in own)
            content.append(torch.randn(self.generator.content, generator=one))
            frames = [torch.randn(size, generator=other) for _ in range(length + 1)]
            motion.append(torch.stack(frames))
        return torch.stack(content), torch.stack(motion)

    def _content_of(self, first_frame: ImageInput) -> Tensor:
        """The picture itself, or what the encoder recognises in it."""
        shown = read_pictures(first_frame)[0]
        fit = image_transform(self.generator.size, crop="centre", flip=False)
        picture_1CHW = fit(over_white(shown.rgb, shown.alpha))[None]
        if self.generator.condition == "first-frame":
            return picture_1CHW
        if "encoder" not in self.components:
            raise PluginError("this model has no encoder, so it takes no first frame")
        mean_1Z, _ = self.components["encoder"](picture_1CHW.to(self.device))
        return mean_1Z.float().cpu()

    def _numbers(self, labels: Label | Sequence[Label] | None, count: int) -> Tensor | None:
        categories = self.generator.categories
        if not categories:
            if labels is not None:
                raise PluginError("this model was trained without labels; leave the label out")
            return None
        if labels is None:
            return torch.arange(count) % categories
        given = [labels] * count if isinstance(labels, str | int) else list(labels)
        if len(given) != count:
            raise PluginError(f"{len(given)} labels for {count} clips; give one for each")
        return torch.tensor([self._number(label) for label in given])

    def _number(self, label: Label) -> int:
        names = self.classes or tuple(map(str, range(self.generator.categories)))
        if isinstance(label, int) and 0 <= label < len(names):
            return label
        if str(label) not in names:
            raise PluginError(f"this model has no class '{label}'{suggestion(str(label), names)}")
        return names.index(str(label))


def save_clips(result: VideoOutput, path: Path) -> list[Path]:
    """Writes clips: a film of all, a contact sheet (.png), or a folder with one film for each.

    Raises:
        DataError: a file name that no film can have.
    """
    suffix = path.suffix.lower()
    if suffix == ".png":
        return [_write_sheet(result, path)]
    if suffix and not path.is_dir():
        if suffix not in FILMS:
            raise DataError(f"{path}: cannot write this kind of film; use {' '.join(FILMS)}")
        return [write_clip(side_by_side(result.clips), path, rate=result.rate)]
    path.mkdir(parents=True, exist_ok=True)
    digits, written = len(str(len(result.clips) - 1)), []
    for number, clip in enumerate(result.clips):
        label = f"-{result.labels[number]}" if result.labels else ""
        name = f"{number:0{digits}}{label}.{result.format}".replace("/", "_")
        written.append(write_clip(clip, path / name, rate=result.rate))
    return [*written, _write_sheet(result, path / "contact-sheet.png")]


def _write_sheet(result: VideoOutput, path: Path) -> Path:
    return write_image(np.array(picture(contact_sheet(result.clips))), path)
