"""Translating pictures with a trained generator: any size, bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from multigan.data.inputs import ImageInput, read_pictures
from multigan.data.media import Picture
from multigan.data.pixels import untranspose
from multigan.errors import CheckpointError, PluginError
from multigan.inference.pipeline import Exportable, Pipeline
from multigan.plugins.translation.films import translate as films
from multigan.plugins.translation.statistics import is_over_picture, with_statistics_of

TILE = 768  # pixels; one tile of the shipped styles needs about 300 MB
WHOLE = 7  # tiles; so large a picture still goes at once through a network with statistics over it


@dataclass(frozen=True)
class TranslationOutput:
    """What a translation pipeline returns.

    Attributes:
        images: One picture for each input: same size, RGB or RGBA as the input had alpha or not.
    """

    images: list[Image.Image]


class TranslationPipeline(Pipeline):
    """Turns pictures of one kind into pictures of another.

    The model's facts say how pictures are fed: ``multiple`` (sizes are padded to multiples of it),
    ``minimum`` (smallest side), ``halo`` (pixels that an output pixel sees to each side; None for a
    network with statistics over the whole picture: it is cut into tiles only where it has a
    ``reach``, see `multigan.plugins.translation.statistics`),
    ``directions`` (name -> generator; the first one is the default) and ``side`` (the shorter side
    at which larger pictures are translated; None for their own size). A style draws lines of a
    certain width in pixels: on a photo of 24 megapixels they would hardly be seen.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        try:
            self.multiple, self.minimum = int(facts["multiple"]), int(facts["minimum"])
            self.halo = None if facts["halo"] is None else int(facts["halo"])
            self.side = None if facts.get("side") is None else int(facts["side"])
            self.blocks, self.colours = bool(facts.get("blocks")), int(facts.get("colours", 0))
            self.directions = dict(facts["directions"])
            generators = [components[name] for name in self.directions.values()]
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"the model's facts are damaged: {error!r}") from error
        if not generators or self.multiple < 1:
            raise CheckpointError("the model's facts are damaged: nothing to translate with")
        for generator in generators:
            generator.to(memory_format=torch.channels_last)

    def __call__(
        self,
        images: ImageInput | Sequence[ImageInput],
        *,
        direction: str | None = None,
        side: int | None = None,
        tile: int = TILE,
    ) -> TranslationOutput:
        """Translates one picture or several of any sizes.

        Args:
            images: A path, a PIL image, a uint8 array (H, W[, 3 or 4]), a float tensor in [0, 1],
                (1 or 3, H, W) or (N, 1 or 3, H, W), or a list of these.
            direction: For models that know several, such as ``"ba"``.
            side: Shorter side, in pixels, at which larger pictures are translated before they are
                scaled up again; 0 keeps their own size; None is what the model is made for.
            tile: Side of the tiles in which large pictures are computed, in pixels. For networks
                with statistics over the picture, a picture is large from 7 tiles on.

        Raises:
            DataError: Something that is not a picture.
            PluginError: The model does not know the direction.
        """
        pictures = [
            self.translate(picture, direction=direction, side=side, tile=tile)
            for image in (images if isinstance(images, list | tuple) else [images])
            for picture in read_pictures(image)
        ]
        return TranslationOutput([_to_pil(picture) for picture in pictures])

    def translate(
        self,
        picture: Picture,
        *,
        direction: str | None = None,
        side: int | None = None,
        tile: int = TILE,
    ) -> Picture:
        """Translates a decoded picture; everything but its colours stays as it was."""
        smaller = self.shrunk(picture.rgb, side=side)
        drawn = self.translate_array(smaller, direction=direction, tile=tile)
        return replace(picture, rgb=self.finished(drawn, picture.rgb.shape[:2], side=side))

    def shrunk(self, rgb: np.ndarray, *, side: int | None = None) -> np.ndarray:
        """A picture, uint8 (H, W, 3), at the size at which it is drawn."""
        block, scale = self._scale(rgb.shape[:2], side)
        return _scaled(rgb, 1 / block if self.blocks else scale, Image.Resampling.LANCZOS)

    def finished(
        self, drawn: np.ndarray, size: tuple[int, ...], *, side: int | None = None
    ) -> np.ndarray:
        """A drawing in the style's colours, at the height and width of the picture."""
        height, width = size
        block, scale = self._scale(size, side)
        if self.colours:
            drawn = _with_palette(drawn, self.colours)
        if self.blocks:
            drawn = drawn.repeat(block, axis=0).repeat(block, axis=1)
        elif scale < 1:
            large = Image.fromarray(drawn).resize((width, height), Image.Resampling.BICUBIC)
            drawn = np.array(large)
        return drawn[:height, :width]

    def stream(
        self,
        frames: Iterable[ImageInput],
        *,
        direction: str | None = None,
        side: int | None = None,
        smooth: float = films.SMOOTH,
        batch: int = 1,
    ) -> Iterator[np.ndarray]:
        """Translates frames that follow each other, such as a webcam's, as they come.

        Args:
            frames: Any iterable of pictures, as for calling the pipeline.
            direction: As for pictures.
            side: As for pictures.
            smooth: Strength of the smoothing over time, 0 to 1, which takes the flicker out of what
                stands still; 0 makes every frame independent of the others.
            batch: Frames drawn at once. More than one is faster on a GPU, and comes as much later.

        Yields:
            uint8 (H, W, 3), one for each frame.

        Raises:
            DataError: Something that is not a picture.
            PluginError: The model does not know the direction.
            ValueError: ``smooth`` outside of [0, 1], or ``batch`` below 1.
        """
        arrays = (picture.rgb for frame in frames for picture in read_pictures(frame))
        return films.stream(
            self, arrays, direction=direction, side=side, smooth=smooth, batch=batch
        )

    @torch.inference_mode()
    def translate_batch(self, rgb: np.ndarray, *, direction: str | None = None) -> np.ndarray:
        """Translates uint8 (N, H, W, 3) to the same, at once where no picture has to be tiled."""
        height, width = rgb.shape[1:3]
        rows, columns = self._padded(height), self._padded(width)
        tiled = self.halo is not None and rows * columns > TILE * TILE
        if tiled or len(rgb) == 1:
            return np.stack([self.translate_array(one, direction=direction) for one in rgb])
        generator = self.components[self._generator_name(direction)]
        x_BCHW = torch.cat([self._window(one, 0, rows, 0, columns) for one in rgb])
        drawn_BCHW = generator(x_BCHW.contiguous(memory_format=torch.channels_last))
        return np.stack([_to_uint8(drawn)[:height, :width] for drawn in drawn_BCHW])

    @torch.inference_mode()
    def translate_array(
        self, rgb: np.ndarray, *, direction: str | None = None, tile: int = TILE
    ) -> np.ndarray:
        """Translates uint8 (H, W, 3) to the same.

        Tiles overlap by the halo and start at multiples of the network's stride, so that the seams
        cannot be told from the untiled result.
        """
        generator = self.components[self._generator_name(direction)]
        height, width = rgb.shape[:2]
        rows, columns = self._padded(height), self._padded(width)
        step = max(self.multiple, tile // self.multiple * self.multiple)
        reach = self.halo
        if reach is None and rows * columns > WHOLE * step * step:
            reach = _reach(generator)
            if reach is not None:
                generator = with_statistics_of(generator, self._reduced(rgb, WHOLE * step * step))
        if reach is None or rows * columns <= step * step:
            step = max(rows, columns)
        halo = -(-(reach or 0) // self.multiple) * self.multiple
        result = np.empty_like(rgb)
        for top, bottom in _spans(rows, step):
            for left, right in _spans(columns, step):
                if top >= height or left >= width:
                    continue  # nothing but padding
                up, down = max(0, top - halo), min(rows, bottom + halo)
                before, after = max(0, left - halo), min(columns, right + halo)
                window = self._window(rgb, up, down, before, after)
                drawn = generator(window)[
                    0, :, top - up : bottom - up, left - before : right - before
                ]
                pixels = _to_uint8(drawn)[: height - top, : width - left]
                result[top : min(bottom, height), left : min(right, width)] = pixels
        return result

    def exportable(self, *, direction: str | None = None) -> Exportable:
        """One generator: pictures in [-1, 1] to the same, of any number, height and width.

        Args:
            direction: For models that know several; the first one by default.
        """
        unit, least = self.multiple, self._padded(1)
        sizes = [(2, least + unit, least + 2 * unit), (1, least, least), (2, least, least + unit)]
        draw = torch.Generator().manual_seed(0)
        free = {0: "batch", 2: "height", 3: "width"}
        notes = {
            "direction": direction or next(iter(self.directions)),
            "channels": "rgb",
            "range": "-1 to 1",
            "multiple": str(unit),
            "minimum": str(least),
        }
        told = ("halo", "side", "blocks", "colours")  # what the pipeline does around the network
        notes |= {key: str(self.facts[key]) for key in told if self.facts.get(key)}
        return Exportable(
            self.components[self._generator_name(direction)],
            [{"photo": torch.rand(n, 3, h, w, generator=draw) * 2 - 1} for n, h, w in sizes],
            output="picture",
            free={"photo": free, "picture": free},
            notes=notes,
        )

    def _scale(self, size: tuple[int, ...], side: int | None) -> tuple[int, float]:
        """Side of a block in pixels, and by how much a picture is made smaller before drawing."""
        side = self.side if side is None else side
        shorter = min(size)
        # Blocks are of one size, so that pixels are pixels: the side is met as nearly as can be.
        return (max(1, round(shorter / side)), min(1.0, side / shorter)) if side else (1, 1.0)

    def _generator_name(self, direction: str | None) -> str:
        name = next(iter(self.directions)) if direction is None else direction
        if name not in self.directions:
            known = ", ".join(self.directions)
            raise PluginError(f"this model has no direction '{name}'; choose one of: {known}")
        return str(self.directions[name])

    def _padded(self, side: int) -> int:
        return -(-max(side, self.minimum) // self.multiple) * self.multiple

    def _reduced(self, rgb: np.ndarray, most: int) -> Tensor:
        """The picture with so many pixels or hardly more, as `_window` makes it."""
        scale = min(1.0, math.sqrt(most / (rgb.shape[0] * rgb.shape[1])))
        small = _scaled(rgb, scale, Image.Resampling.LANCZOS)
        rows, columns = (self._padded(side) for side in small.shape[:2])
        return self._window(small, 0, rows, 0, columns)

    def _window(self, rgb: np.ndarray, up: int, down: int, before: int, after: int) -> Tensor:
        """A part of the padded picture as (1, 3, H, W) in [-1, 1]."""
        height, width = rgb.shape[:2]
        part = torch.from_numpy(np.ascontiguousarray(rgb[up:down, before:after]))
        x_BCHW = part.to(self.device).permute(2, 0, 1)[None].float().div_(127.5).sub_(1.0)
        missing = (0, after - max(before, min(width, after)), 0, down - max(up, min(height, down)))
        if any(missing):
            x_BCHW = F.pad(x_BCHW, missing, mode="replicate")
        return x_BCHW.contiguous(memory_format=torch.channels_last)


def _reach(generator: nn.Module) -> int | None:
    """How far an output pixel sees, given the statistics over the picture; None if not known."""
    if not any(is_over_picture(module) for module in generator.modules()):
        return None
    reach: Any = getattr(generator, "reach", None)
    return reach if isinstance(reach, int) else None


def _scaled(rgb: np.ndarray, scale: float, filter: Image.Resampling) -> np.ndarray:
    """A smaller picture that covers the larger one: sides are rounded up."""
    if scale == 1:
        return rgb
    height, width = rgb.shape[:2]
    size = (max(1, math.ceil(width * scale)), max(1, math.ceil(height * scale)))
    return np.array(Image.fromarray(rgb).resize(size, filter))


def _with_palette(rgb: np.ndarray, colours: int) -> np.ndarray:
    """The picture in so many colours, chosen by median cut and improved by k-means."""
    quantised = Image.fromarray(rgb).quantize(colours, kmeans=2, dither=Image.Dither.NONE)
    return np.array(quantised.convert("RGB"))


def _spans(length: int, step: int) -> Iterator[tuple[int, int]]:
    for start in range(0, length, step):
        yield start, min(start + step, length)


def _to_uint8(x_CHW: Tensor) -> np.ndarray:
    """[-1, 1] to uint8 (H, W, 3), rounded; truncation would darken by half a level."""
    pixels = x_CHW.float().add(1.0).mul_(127.5).round_().clamp_(0, 255).to(torch.uint8)
    return pixels.permute(1, 2, 0).cpu().numpy()


def _to_pil(picture: Picture) -> Image.Image:
    """As the input was stored: a picture that its EXIF tag turns is turned back."""
    rgb = untranspose(picture.rgb, picture.orientation)
    if picture.alpha is None:
        image = Image.fromarray(rgb)
    else:
        alpha = untranspose(picture.alpha, picture.orientation)
        image = Image.fromarray(np.dstack([rgb, alpha]))
    if picture.exif:
        image.info["exif"] = picture.exif
    return image
