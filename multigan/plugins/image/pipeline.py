"""Pictures from a trained generator: by number, by class, on the way from one to the next, edited.

What is done to latents stands in `multigan.plugins.image.latent`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from multigan.data.film import write_film
from multigan.data.inputs import ImageInput
from multigan.data.media import SUFFIXES, write_image
from multigan.data.transforms import to_uint8
from multigan.errors import CheckpointError, DataError, PluginError, suggestion
from multigan.inference.pipeline import Pipeline
from multigan.plugins.image.latent.directions import Directions, Features, find_directions
from multigan.plugins.image.latent.edits import blend, walk
from multigan.plugins.image.latent.pictures import as_made
from multigan.plugins.image.latent.projection import Projection, project
from multigan.plugins.image.latent.space import (
    Points,
    draw_latents,
    slerp,
    truncated,
    truncated_deviation,
)

CHUNK = 64  # pictures generated at once
PALETTES = {"grey": 1, "rgb": 3, "rgba": 4, "points": 2}
LOOKED_AT = 4000  # samples, of which directions are the principal components

Label = str | int


@dataclass(frozen=True)
class ImageOutput:
    """Generated pictures.

    Attributes:
        images: PIL, mode L, RGB or RGBA; empty for points.
        tensor: float (N, C, H, W) in [0, 1], on the CPU.
        labels: the class of each one; empty for a model without classes.
        columns: in a row when they are shown together; 0 makes a square.
    """

    images: list[Image.Image]
    tensor: Tensor
    labels: tuple[str, ...] = ()
    columns: int = 0


class ImagePipeline(Pipeline):
    """Pictures from noise.

        pipe = multigan.pipeline("runs/dcgan")
        pipe(16, seed=1).images
        pipe.interpolate(8, frames=30)            # a film through eight of them
        face = pipe.project("face.png").points    # where the model has something like it
        pipe.edit(face, direction=pipe.directions().vectors[0], alpha=2.0).images

    Args:
        components: holds the "generator".
        facts: "classes", names in the order of their numbers, and "colours".

    Raises:
        CheckpointError: the facts do not fit the generator.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        generator, classes = components.get("generator"), facts.get("classes", [])
        if generator is None or facts.get("colours") not in PALETTES:
            raise CheckpointError("the model is damaged: no generator of pictures, or no colours")
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise CheckpointError("the model is damaged: classes must be a list of names")
        self.generator = generator.to(memory_format=torch.channels_last)
        self.classes: tuple[str, ...] = tuple(classes)
        self.colours: str = facts["colours"]
        self.latents = int(generator.latents)  # type: ignore[arg-type]

    def __call__(
        self,
        count: int = 1,
        *,
        seed: int = 0,
        labels: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
    ) -> ImageOutput:
        """Generates pictures.

        Args:
            count: how many. The first pictures of more are the same pictures.
            seed: the same seed gives the same pictures.
            labels: a class by name or number, or one for each picture; None takes all in turn.
            truncation: leaves out latents beyond so many deviations (Brock et al. 2019): the
                smaller, the more typical and alike the pictures; 0.5 to 1 is usual.

        Raises:
            PluginError: an argument is out of range, or the model has no such class.
        """
        points = self.points(count, seed=seed, labels=labels, truncation=truncation)
        return self.decode(points.latents, points.labels)

    def points(
        self,
        count: int = 1,
        *,
        seed: int = 0,
        labels: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
    ) -> Points:
        """What the pictures above are made of, for `edit` and `blend`; arguments as there."""
        if count < 1:
            raise PluginError(f"count={count}: ask for one picture at least")
        latents_BZ = truncated(draw_latents(count, self.latents, seed=seed), truncation)
        deviation = truncated_deviation(truncation)
        return Points(latents_BZ, self._numbers(labels, count), deviation)

    def directions(self, *, features: Features = "early", seed: int = 0) -> Directions:
        """Directions of the latents that change pictures most, see `find_directions`."""
        points = self.points(LOOKED_AT, seed=seed)
        return find_directions(
            self.generator, points, features=features, device=self.device, seed=seed
        )

    def edit(
        self, points: Points, *, direction: Tensor, alpha: float | Sequence[float]
    ) -> ImageOutput:
        """Moves points along a direction (Z,), or rows of them; see `latent.edits.walk`.

        Args:
            points: of `points`, or of what `project` found.
            direction: of length 1.
            alpha: how far, in standard deviations of the latents; of several, each fills a column.
        """
        alphas_A = _amounts(alpha)
        way = walk(points, directions_DZ=torch.atleast_2d(direction), alphas_A=alphas_A)
        return self._shown(way, columns=len(alphas_A))

    def project(
        self,
        pictures: ImageInput | Sequence[ImageInput],
        *,
        label: Label | Sequence[Label] | None = None,
        starts: int = 2000,
        steps: int = 200,
        seed: int = 0,
    ) -> Projection:
        """Finds the latents of pictures, see `latent.projection`; look at the distances.

        Args:
            pictures: see `latent.pictures.as_made`.
            label: the class of all, or of each; None takes the likeliest.
            starts: random pictures to begin among, where the model has no encoder.
            steps: of gradient descent.
            seed: of the random pictures.

        Raises:
            PluginError: the model makes points, or has no such class.
            DataError: a picture that cannot be read.
        """
        if self.colours == "points":
            raise PluginError("this model makes points; there is no picture to project")
        images_BCHW = as_made(pictures, like_CHW=self(1).tensor[0], colours=self.colours)
        return project(
            self.generator,
            images_BCHW.to(self.device),
            latents=self.latents,
            classes=len(self.classes),
            labels_B=None if label is None else self._numbers(label, len(images_BCHW)),
            encoder=self.components.get("encoder"),
            starts=starts,
            steps=steps,
            seed=seed,
        )

    def blend(
        self,
        one: Points,
        other: Points | None = None,
        *,
        alpha: float | Sequence[float] = 0.5,
        matrix: Tensor | None = None,
    ) -> ImageOutput:
        """Morphs one point into another, or into what a matrix makes of it; see `latent.edits`.

        Args:
            one: where alpha is 0.
            other: where alpha is 1; None takes the first one again, for the matrix to change.
            alpha: from 0 to 1; of several, each fills a column.
            matrix: (Z, Z), applied to the other one's latents.
        """
        shares_A, classes = _amounts(alpha), len(self.classes)
        way = blend(one, other or one, shares_A=shares_A, classes=classes, matrix_ZZ=matrix)
        return self._shown(way, columns=len(shares_A))

    def grid(self, rows: int = 8, *, seed: int = 0, truncation: float | None = None) -> ImageOutput:
        """Every class in a column of its own, the same latents along a row.

        Raises:
            PluginError: the model has no classes.
        """
        if not self.classes:
            raise PluginError("this model has no classes to make a grid of; ask for a number")
        columns = len(self.classes)
        latents_BZ = truncated(draw_latents(rows, self.latents, seed=seed), truncation)
        made = self.decode(
            latents_BZ.repeat_interleave(columns, dim=0), torch.arange(columns).repeat(rows)
        )
        return ImageOutput(made.images, made.tensor, made.labels, columns)

    def interpolate(
        self,
        count: int = 6,
        *,
        frames: int = 20,
        seed: int = 0,
        label: str | None = None,
        truncation: float | None = None,
    ) -> ImageOutput:
        """A round trip through the latent space, on arcs, where noise of that length is at home.

        Args:
            count: latents that the trip passes; it ends where it began.
            frames: pictures from one stop to the next.
            seed: of these latents.
            label: the class of all pictures; the first one if there are several.
            truncation: as above.

        Returns:
            count * frames pictures.

        Raises:
            PluginError: an argument is out of range, or the model has no such class.
        """
        if count < 2 or frames < 1:
            raise PluginError(
                f"count={count}, frames={frames}: give two stops and one frame at least"
            )
        stops_BZ = truncated(draw_latents(count, self.latents, seed=seed), truncation)
        share = torch.arange(frames) / frames
        way_BZ = torch.cat(
            [slerp(stops_BZ[i], stops_BZ[(i + 1) % count], share) for i in range(count)]
        )
        chosen: Label | None = label if label is not None or not self.classes else 0
        return self.decode(way_BZ, self._numbers(chosen, len(way_BZ)))

    @torch.inference_mode()
    def decode(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> ImageOutput:
        """Pictures of given latents and class numbers, or shares of classes (B, K)."""
        parts = []
        for start in range(0, len(latents_BZ), CHUNK):
            some = slice(start, start + CHUNK)
            given_B = None if labels_B is None else labels_B[some].to(self.device)
            made_BCHW = self.generator(latents_BZ[some].to(self.device), given_B)
            parts.append(made_BCHW.float().cpu())
        x_BCHW = torch.cat(parts)
        numbers_B = labels_B.argmax(1) if labels_B is not None and labels_B.dim() == 2 else labels_B
        names = () if numbers_B is None else tuple(self.classes[int(i)] for i in numbers_B)
        if self.colours == "points":
            return ImageOutput([], x_BCHW)
        images = [_picture(pixels) for pixels in to_uint8(x_BCHW)]
        return ImageOutput(images, x_BCHW.add(1).div(2).clamp(0, 1), names)

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        label: str | None = None,
        truncation: float | None = None,
    ) -> ImageOutput:
        """What ``multigan sample`` calls; the label "all" makes a row of every class."""
        if label == "all":
            return self.grid(count, seed=seed, truncation=truncation)
        return self(count, seed=seed, labels=label, truncation=truncation)

    def save_samples(self, result: ImageOutput, path: Path) -> list[Path]:
        """Writes one picture with all samples, or, into a folder, one file for each.

        Raises:
            PluginError: points, which are no pictures.
            DataError: a file name that no picture can have.
        """
        if not result.images:
            raise PluginError("points are no pictures; use the tensor that the pipeline returns")
        if path.suffix and not path.is_dir():
            if path.suffix.lower() not in SUFFIXES:
                known = " ".join(SUFFIXES)
                raise DataError(f"{path}: cannot write {path.suffix} files; use one of {known}")
            return [write_image(np.array(grid_of(result)), path)]
        path.mkdir(parents=True, exist_ok=True)
        digits = len(str(len(result.images) - 1))
        written = []
        for number, image in enumerate(result.images):
            label = f"-{result.labels[number]}" if result.labels else ""
            name = f"{number:0{digits}}{label}.png".replace("/", "_")
            written.append(write_image(np.array(image), path / name))
        return written

    def save_film(self, result: ImageOutput, path: Path, *, rate: int = 20) -> Path:
        """Writes pictures one after the other, see `multigan.data.film.write_film`."""
        if not result.images:
            raise PluginError("points are no pictures; use the tensor that the pipeline returns")
        return write_film(result.images, path, rate=rate)

    def _shown(self, points: Points, *, columns: int) -> ImageOutput:
        made = self.decode(points.latents, points.labels)
        return replace(made, columns=columns if columns > 1 else 0)

    def _numbers(self, labels: Label | Sequence[Label] | None, count: int) -> Tensor | None:
        if not self.classes:
            if labels is not None:
                raise PluginError("this model was trained without labels; leave the label out")
            return None
        if labels is None:
            return torch.arange(count) % len(self.classes)
        given = [labels] * count if isinstance(labels, str | int) else list(labels)
        if len(given) != count:
            raise PluginError(f"{len(given)} labels for {count} pictures; give one for each")
        return torch.tensor([self._number(label) for label in given])

    def _number(self, label: Label) -> int:
        if isinstance(label, int) and 0 <= label < len(self.classes):
            return label
        if str(label) not in self.classes:
            hint = suggestion(str(label), self.classes)
            raise PluginError(f"this model has no class '{label}'{hint}")
        return self.classes.index(str(label))


def grid_of(result: ImageOutput) -> Image.Image:
    """All pictures on one, without gaps."""
    columns = result.columns or math.ceil(math.sqrt(len(result.images)))
    rows = math.ceil(len(result.images) / columns)
    width, height = result.images[0].size
    sheet = Image.new(result.images[0].mode, (columns * width, rows * height))
    for number, image in enumerate(result.images):
        sheet.paste(image, (number % columns * width, number // columns * height))
    return sheet


def _amounts(given: float | Sequence[float]) -> Tensor:
    return torch.tensor([given] if isinstance(given, int | float) else list(given)).float()


def _picture(pixels_CHW: Tensor) -> Image.Image:
    """uint8 (C, H, W) to PIL; colours were learnt times alpha and are divided by it again."""
    pixels = pixels_CHW.permute(1, 2, 0).numpy()
    if pixels.shape[2] == 1:
        return Image.fromarray(pixels[:, :, 0])
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:].astype(np.float32) / 255
        rgb = np.rint(pixels[:, :, :3] / np.maximum(alpha, 1 / 255)).clip(0, 255).astype(np.uint8)
        return Image.fromarray(np.concatenate([rgb, pixels[:, :, 3:]], axis=2))
    return Image.fromarray(pixels)
