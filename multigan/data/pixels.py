"""From a PIL image of any mode to upright 8-bit RGB, alpha and the RGB profile that fits them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

_BITS_PER_SAMPLE = 258  # TIFF tag
_PROFILE_SPACES = {"CMYK": b"CMYK", "L": b"GRAY"}


def upright_pixels(
    image: Image.Image, orientation: int = 1
) -> tuple[np.ndarray, np.ndarray | None, bytes | None]:
    """Convert a loaded image.

    Args:
        image: any mode.
        orientation: EXIF orientation of its pixels, 1 to 8.

    Returns:
        rgb uint8 (height, width, 3); alpha uint8 (height, width) or None; the ICC profile that
        describes rgb or None.
    """
    profile = image.info.get("icc_profile")
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        grey, alpha = _deep_grey(image)
        rgb = np.repeat(grey[:, :, None], 3, axis=2)
    elif image.has_transparency_data:
        if image.mode == "La":
            image = image.convert("LA")  # PIL has no direct way to RGBA
        pixels = np.array(image.convert("RGBA"))
        rgb, alpha = pixels[:, :, :3], pixels[:, :, 3]
    else:
        rgb, alpha = np.array(_to_rgb(image, profile)), None
    rgb = np.ascontiguousarray(transpose(rgb, orientation))
    if alpha is not None:
        alpha = np.ascontiguousarray(transpose(alpha, orientation))
    # A CMYK, Lab or grey profile does not describe the pixels any more.
    fits = profile and profile[16:20] == b"RGB " and image.mode not in {"CMYK", "LAB"}
    return rgb, alpha, profile if fits else None


def over_white(rgb: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Lay a picture with alpha over white; uint8 (height, width, 3)."""
    if alpha is None:
        return rgb
    cover = alpha[:, :, None].astype(np.uint16)
    return ((rgb * cover + 255 * (255 - cover) + 127) // 255).astype(np.uint8)


def transpose(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored pixels (height, width, ...) upright, EXIF orientation 1 to 8. Returns a view."""
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def untranspose(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn upright pixels back to how they are stored, the inverse of `transpose`. A view."""
    return transpose(
        pixels, {6: 8, 8: 6}.get(orientation, orientation)
    )  # the other six are their own inverses


def _to_rgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    described = profile is not None and profile[16:20] == _PROFILE_SPACES.get(image.mode)
    if image.mode == "LAB" or described:
        from PIL import ImageCms  # loads lcms: only the few files that need it pay

        try:
            source = (
                ImageCms.createProfile("LAB") if image.mode == "LAB" else io.BytesIO(profile or b"")
            )
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
            return converted or image.convert("RGB")
        except (ImageCms.PyCMSError, OSError):
            if image.mode == "LAB":
                raise  # no formula to fall back on
    return image if image.mode == "RGB" else image.convert("RGB")


def _deep_grey(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Scale 12-, 16-, 32-bit and float grey to 8 bits, where PIL would clip all above 255."""
    values = np.asarray(image)
    key = image.info.get("transparency")
    alpha = np.where(values == key, 0, 255).astype(np.uint8) if isinstance(key, int) else None
    if image.mode.startswith("I;16"):
        top = 2 ** _bits(image) - 1
        grey = (values.astype(np.uint32) * 255 + top // 2) // top
        return np.minimum(grey, 255).astype(np.uint8), alpha
    values = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = _value_range(float(values.min()), float(values.max()), whole=image.mode == "I")
    return np.rint((values - low) * (255.0 / (high - low))).astype(np.uint8), alpha


def _bits(image: Image.Image) -> int:
    bits = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    return min(16, max(bits)) if image.format == "TIFF" else 16


def _value_range(low: float, high: float, *, whole: bool) -> tuple[float, float]:
    """What is black and white: the format's range if the values lie in it, else the values' own."""
    for top in (65535.0,) if whole else (1.0, 255.0, 65535.0):
        if low >= 0.0 and high <= top:
            return 0.0, top
    return (low, high) if high > low else (low, low + 1.0)
