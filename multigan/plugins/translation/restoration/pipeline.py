"""Restoring pictures with a trained generator: larger ones, and ones with holes.

Colourisation needs nothing of its own: its generator maps a picture to one of the same size, which
is what `TranslationPipeline` does.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from multigan.data.inputs import ImageInput
from multigan.data.media import Picture, read_image, to_picture
from multigan.data.pixels import over_white
from multigan.data.transforms import to_float, to_uint8
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pipeline import Exportable
from multigan.plugins.translation.pipeline import (
    TILE,
    TranslationOutput,
    TranslationPipeline,
)
from multigan.plugins.translation.restoration.degradations import fill_holes
from multigan.plugins.translation.restoration.tiles import in_tiles

PictureInput = str | os.PathLike[str] | Image.Image | np.ndarray | Picture


class SuperResolutionPipeline(TranslationPipeline):
    """Enlarges pictures; the facts' ``scale`` says how many times."""

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        self.scale = int(facts["scale"])
        if self.scale < 1:
            raise CheckpointError("the model's facts are damaged: no scale")

    def translate(
        self,
        picture: Picture,
        *,
        direction: str | None = None,
        side: int | None = None,
        tile: int = TILE,
    ) -> Picture:
        """Enlarges a decoded picture, alpha included."""
        if side:
            raise PluginError("super-resolution draws at a picture's own size; leave --side out")
        height, width = picture.rgb.shape[:2]
        large = (self.scale * width, self.scale * height)
        alpha = picture.alpha
        if alpha is not None:
            alpha = np.array(Image.fromarray(alpha).resize(large, Image.Resampling.BICUBIC))
        turned = picture.orientation >= 5
        return replace(
            picture,
            rgb=self.translate_array(picture.rgb, direction=direction, tile=tile),
            alpha=alpha,
            stored_size=large[::-1] if turned else large,
        )

    @torch.inference_mode()
    def translate_array(
        self, rgb: np.ndarray, *, direction: str | None = None, tile: int = TILE
    ) -> np.ndarray:
        """Enlarges uint8 (H, W, 3) to (scale H, scale W, 3)."""
        generator = self.components[self._generator_name(direction)]
        large_CHW = in_tiles(
            generator,
            to_float(_tensor(rgb)),
            tile=max(1, tile // self.scale),  # what counts is the memory for the result
            halo=self.halo,
            multiple=self.multiple,
            scale=self.scale,
            device=self.device,
        )
        return _array(large_CHW)

    def shrunk(self, rgb: np.ndarray, *, side: int | None = None) -> np.ndarray:
        """A frame of a film, as it is."""
        if side:
            raise PluginError("super-resolution draws at a film's own size; leave --side out")
        return rgb

    def finished(
        self, drawn: np.ndarray, size: tuple[int, ...], *, side: int | None = None
    ) -> np.ndarray:
        """An enlarged frame, as it is."""
        return drawn

    def translate_batch(self, rgb: np.ndarray, *, direction: str | None = None) -> np.ndarray:
        """Enlarges uint8 (N, H, W, 3), one after the other."""
        return np.stack([self.translate_array(one, direction=direction) for one in rgb])


class InpaintingPipeline(TranslationPipeline):
    """Fills holes. What is outside of them stays as it is, bit for bit."""

    def __call__(
        self,
        images: ImageInput | Sequence[ImageInput],
        *,
        direction: str | None = None,
        side: int | None = None,
        tile: int = TILE,
        mask: PictureInput | None = None,
    ) -> TranslationOutput:
        """Fills the holes of one picture or several.

        Args:
            images: As `TranslationPipeline` takes them, transparent where they are to be filled.
            direction: Models of this kind know one only.
            side: Shorter side, in pixels, at which larger pictures are filled.
            tile: Side of the tiles in which large pictures are computed, in pixels.
            mask: See `masked`; only with one picture.

        Raises:
            DataError: Something that is not a picture, a mask of another size, nothing to fill.
        """
        if mask is not None:
            if isinstance(images, list | tuple | Tensor):
                raise DataError("a mask is of one picture: for several, give each to masked()")
            images = masked(images, mask)  # type: ignore[arg-type]
        return super().__call__(images, direction=direction, side=side, tile=tile)

    def translate(
        self,
        picture: Picture,
        *,
        direction: str | None = None,
        side: int | None = None,
        tile: int = TILE,
    ) -> Picture:
        """Fills a decoded picture where it is transparent; there it is opaque afterwards."""
        hole = _hole(picture)
        rgb, small_hole = picture.rgb, hole
        height, width = hole.shape
        if side and min(height, width) > side:
            scale = side / min(height, width)
            size = (max(1, round(width * scale)), max(1, round(height * scale)))
            # Filled first: what a hole contains must not bleed out of it.
            filled = _array(fill_holes(to_float(_tensor(rgb)), _mask_tensor(hole))[:3])
            rgb = np.array(Image.fromarray(filled).resize(size, Image.Resampling.LANCZOS))
            small_hole = np.array(Image.fromarray(hole).resize(size, Image.Resampling.NEAREST))
        drawn = self.fill(rgb, small_hole, direction=direction, tile=tile)
        if drawn.shape != picture.rgb.shape:
            large = Image.fromarray(drawn).resize((width, height), Image.Resampling.BICUBIC)
            drawn = np.array(large)
        assert picture.alpha is not None  # it says where the hole is
        alpha = np.where(hole, np.uint8(255), picture.alpha)
        return replace(
            picture,
            rgb=np.where(hole[:, :, None], drawn, picture.rgb),
            alpha=None if (alpha == 255).all() else alpha,
        )

    def translate_batch(self, rgb: np.ndarray, *, direction: str | None = None) -> np.ndarray:
        """Refuses films, which have no holes."""
        raise PluginError("an inpainting model fills holes of pictures; films have none")

    def exportable(self, *, direction: str | None = None) -> Exportable:
        """Refuses: a hole is filled by diffusion first, which is no part of the network."""
        raise PluginError("inpainting models are not exported: filling begins outside the network")

    @torch.inference_mode()
    def fill(
        self, rgb: np.ndarray, hole: np.ndarray, *, direction: str | None = None, tile: int = TILE
    ) -> np.ndarray:
        """Fills uint8 (H, W, 3) where bool (H, W) is true."""
        generator = self.components[self._generator_name(direction)]
        given_4HW = fill_holes(to_float(_tensor(rgb)), _mask_tensor(hole))
        drawn_CHW = in_tiles(
            generator,
            given_4HW,
            tile=tile,
            halo=self.halo,
            multiple=self.multiple,
            device=self.device,
        )
        return np.where(hole[:, :, None], _array(drawn_CHW), rgb)


def masked(image: PictureInput, mask: PictureInput) -> Picture:
    """A picture that is transparent where a mask is white.

    Args:
        image: A path, a PIL image, a uint8 array, or a decoded picture.
        mask: The same, of the same size; an array may also be bool (H, W).

    Raises:
        DataError: The sizes differ.
    """
    picture = _decoded(image)
    if isinstance(mask, np.ndarray) and mask.dtype == bool:
        white = mask
    else:
        drawn = _decoded(mask)
        white = over_white(drawn.rgb, drawn.alpha).mean(2) >= 128
    height, width = picture.rgb.shape[:2]
    if white.shape != (height, width):
        sizes = f"{white.shape[1]}x{white.shape[0]} pixels and the picture {width}x{height}"
        raise DataError(f"the mask has {sizes}; make them equal")
    if not white.any():
        raise DataError("the mask has no white: paint white what is to be filled")
    opaque = np.full((height, width), 255, np.uint8) if picture.alpha is None else picture.alpha
    return replace(picture, alpha=np.where(white, np.uint8(0), opaque))


def _decoded(image: PictureInput) -> Picture:
    if isinstance(image, Picture):
        return image
    if isinstance(image, str | os.PathLike):
        return read_image(image)
    return to_picture(Image.fromarray(image) if isinstance(image, np.ndarray) else image)


def _hole(picture: Picture) -> np.ndarray:
    """Where to fill, bool (H, W)."""
    if picture.alpha is None or (picture.alpha >= 128).all():
        raise DataError(
            "nothing says what to fill: give a mask, white where the picture is to be filled, or a "
            "picture that is transparent there"
        )
    hole: np.ndarray = picture.alpha < 128
    if hole.all():
        raise DataError("all of the picture is to be filled: leave something to go by")
    return hole


def _mask_tensor(hole: np.ndarray) -> Tensor:
    return torch.from_numpy(hole)[None].float()


def _tensor(rgb: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)


def _array(x_CHW: Tensor) -> np.ndarray:
    return to_uint8(x_CHW).permute(1, 2, 0).contiguous().numpy()
