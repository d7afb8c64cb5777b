"""Pictures on disk: read whatever people have, write it back the way they had it.

A picture is read upright (EXIF orientation applied) as 8-bit RGB plus alpha. It is written back
with the stored width and height, orientation tag, EXIF, ICC profile and resolution of the file it
came from, in one atomic step. Importing this module costs numpy and PIL only.
"""

from __future__ import annotations

import io
import math
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from multigan.data.exif import from_tiff, has_orientation, without_thumbnail
from multigan.data.files import list_files, reason, write_atomic
from multigan.data.pixels import over_white, untranspose, upright_pixels
from multigan.errors import DataError

MAX_PIXELS = 300_000_000  # 300 megapixels: larger than any camera, about 2 GB while decoding

# Only formats whose decoders run in this process (EPS, for one, would start Ghostscript).
SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), "JPEG"),
    **{".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF", ".avif": "AVIF"},
    **{".tif": "TIFF", ".tiff": "TIFF", ".jp2": "JPEG2000"},
    **dict.fromkeys((".ppm", ".pgm", ".pbm", ".pnm"), "PPM"),
}
_READABLE = tuple(dict.fromkeys(SUFFIXES.values()))
_KEEPS_EXIF = {"JPEG", "PNG", "WEBP", "TIFF", "AVIF"}
_KEEPS_ALPHA = {"PNG", "WEBP", "TIFF", "AVIF", "GIF", "JPEG2000"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_JPEG_SEGMENT = 65_533  # bytes; EXIF has to fit into one
_LIMIT_LOCK = threading.Lock()


@dataclass(frozen=True)
class Picture:
    """A decoded picture and what is needed to write it back as it was.

    Attributes:
        rgb: uint8, (height, width, 3), upright, writable.
        alpha: uint8, (height, width), upright, 255 = opaque; None without transparency.
        format: PIL's name of the file format, "JPEG", "PNG", ...
        mode: PIL's mode of the file before conversion, "RGB", "CMYK", "I;16", ...
        stored_size: (width, height) in the file, before the orientation is applied.
        orientation: EXIF orientation, 1 to 8.
        exif: raw EXIF block with its orientation tag, without the thumbnail.
        icc_profile: an RGB profile that `rgb` is in; None for sRGB.
        dpi: horizontal and vertical resolution in dots per inch.
    """

    rgb: np.ndarray
    alpha: np.ndarray | None = None
    format: str | None = None
    mode: str = "RGB"
    stored_size: tuple[int, int] | None = None
    orientation: int = 1
    exif: bytes | None = None
    icc_profile: bytes | None = None
    dpi: tuple[float, float] | None = None


def read_image(path: str | os.PathLike[str]) -> Picture:
    """Read one picture file, upright, as 8-bit RGB. Of an animated file the first frame is read.

    Raises:
        DataError: the path is missing, a folder, unreadable, empty, not a picture, damaged, or has
            more than `MAX_PIXELS`.
    """
    path = Path(path)
    with _open(path) as image:
        try:
            return to_picture(image)
        except DataError:
            raise
        except MemoryError:
            size = f"{image.width}x{image.height}"
            raise DataError(f"{path}: not enough memory for {size} pixels; shrink it") from None
        except Exception as error:  # a damaged file can raise almost anything inside a decoder
            raise DataError(
                f"{path}: the picture is damaged or cut short: {_again(error)}"
            ) from error


def to_picture(image: Image.Image) -> Picture:
    """Convert a PIL image of any mode, for instance one that another library decoded."""
    mode, stored_size = image.mode, image.size
    exif, orientation = _exif(image)  # before decoding, in which PIL turns a TIFF upright
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # palette transparency, broken EXIF: handled here
        image.load()
    turned = image.format == "TIFF" and orientation != 1
    if turned and orientation >= 5 and image.size == stored_size:
        stored_size = stored_size[::-1]  # PIL reports the upright size of a TIFF from the start
    rgb, alpha, icc_profile = upright_pixels(image, 1 if turned else orientation)
    return Picture(
        rgb=rgb,
        alpha=alpha,
        # MPO: a phone's JPEG with further pictures behind it
        format="JPEG" if image.format == "MPO" else image.format,
        mode=mode,
        stored_size=stored_size,
        orientation=orientation,
        exif=exif,
        icc_profile=icc_profile,
        dpi=_dpi(image.info.get("dpi")),
    )


def write_image(
    picture: Picture | np.ndarray, path: str | os.PathLike[str], *, quality: int = 95
) -> Path:
    """Write a picture as its file was: stored size, orientation tag, EXIF, profile, resolution.

    The format follows the suffix of `path`, else `picture.format`, else PNG. Alpha is laid over
    white where the format cannot hold it; where it cannot hold EXIF the picture is written upright.
    The file appears whole or not at all.

    Args:
        picture: a `Picture` (`dataclasses.replace(picture, rgb=...)` changes its pixels), or an
            array, uint8, (height, width), (height, width, 3) or (height, width, 4).
        path: file to write; its folder must exist.
        quality: of lossy formats, 1 to 100.

    Returns:
        The path written.

    Raises:
        DataError: unknown suffix, missing folder, full disk, or a picture the format cannot hold.
    """
    path = Path(path)
    if isinstance(picture, np.ndarray):
        picture = _from_array(picture)
    format = _output_format(path, picture)
    image = _to_pil(picture, format)
    options = _options(picture, format, quality)
    buffer = io.BytesIO()
    try:
        image.save(buffer, format, **options)
    except Exception as error:  # encoders raise KeyError, ValueError, struct.error, OSError ...
        what = f"this picture of {image.width}x{image.height} ({reason(error)})"
        raise DataError(f"{path}: {format} cannot hold {what}; write a .png instead") from error
    write_atomic(path, buffer.getbuffer())
    return path


def list_images(folder: str | os.PathLike[str], *, recursive: bool = True) -> list[Path]:
    """Pictures in a folder in natural order (img2 before img10), without hidden files.

    Raises:
        DataError: the folder is missing, is a file, is unreadable, or holds no picture.
    """
    return list_files(folder, suffixes=SUFFIXES, what="pictures", recursive=recursive)


def _open(path: Path) -> ImageFile.ImageFile:
    try:
        if not path.exists():
            raise DataError(f"{path}: no such file; check the path")
        if path.is_dir():
            raise DataError(f"{path}: is a folder; name a picture in it")
        if not path.is_file():
            raise DataError(f"{path}: is not a regular file; name a picture file")
        if path.stat().st_size == 0:
            raise DataError(f"{path}: the file is empty; copy or export it again")
        with _header_only(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(path, formats=_READABLE)
    except DataError:
        raise
    except PermissionError:
        raise DataError(f"{path}: no permission to read it; change its permissions") from None
    except UnidentifiedImageError:
        raise DataError(_not_a_picture(path)) from None
    except Exception as error:  # hostile headers raise almost anything
        raise DataError(f"{path}: the picture is damaged: {_again(error)}") from error
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width}x{image.height}"
        image.close()
        limit = f"{MAX_PIXELS // 1_000_000} megapixels"
        raise DataError(f"{path}: {size} pixels is more than {limit}; make it smaller first")
    return image


@contextmanager
def _header_only() -> Iterator[None]:
    """Turn off PIL's own pixel limit, which warns and raises at other sizes than ours."""
    with _LIMIT_LOCK:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _not_a_picture(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(16)
    named_heic = path.suffix.lower() in {".heic", ".heif"}
    if named_heic or (head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS):
        return f"{path}: HEIC pictures are not supported; export it as JPEG or PNG first"
    return f"{path}: not a picture that can be read here; use JPEG, PNG, WebP, TIFF, GIF or BMP"


def _exif(image: Image.Image) -> tuple[bytes | None, int]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tags = image.getexif()
            orientation = tags.get(0x0112, 1)
            exif = from_tiff(tags) if image.format == "TIFF" else image.info.get("exif")
    except Exception:  # broken EXIF must not cost the user the picture
        return None, 1
    exif = without_thumbnail(exif) if isinstance(exif, bytes) and exif else None
    return exif, orientation if orientation in range(1, 9) else 1


def _dpi(value: Any) -> tuple[float, float] | None:
    try:
        x, y = (float(number) for number in value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return (
        (x, y) if all(math.isfinite(number) and 0 < number < 65536 for number in (x, y)) else None
    )


def _from_array(array: np.ndarray) -> Picture:
    if array.ndim == 2:
        array = np.repeat(array[:, :, None], 3, axis=2)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (3, 4):
        raise ValueError(f"expected uint8 (H, W[, 3 or 4]), got {array.dtype} {array.shape}")
    return Picture(rgb=array[:, :, :3], alpha=array[:, :, 3] if array.shape[2] == 4 else None)


def _output_format(path: Path, picture: Picture) -> str:
    suffix = path.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise DataError(f"{path}: cannot write {suffix} files; use one of {' '.join(SUFFIXES)}")
    format = SUFFIXES[suffix] if suffix else picture.format or "PNG"
    Image.init()
    if format not in Image.SAVE:
        raise DataError(f"{path}: this installation of PIL cannot write {format}; use .png or .jpg")
    return format


def _to_pil(picture: Picture, format: str) -> Image.Image:
    rgb, alpha = picture.rgb, picture.alpha
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3:
        raise ValueError(f"expected uint8 rgb (height, width, 3), got {rgb.dtype} {rgb.shape}")
    if alpha is not None and alpha.shape != rgb.shape[:2]:
        raise ValueError(f"alpha {alpha.shape} does not fit rgb {rgb.shape}")
    if alpha is not None and format in _KEEPS_ALPHA:
        pixels = np.dstack((rgb, alpha))
    else:
        pixels = over_white(rgb, alpha)
    if _keeps_orientation(picture, format):
        pixels = untranspose(pixels, picture.orientation)
    return Image.fromarray(np.ascontiguousarray(pixels))


def _keeps_orientation(picture: Picture, format: str) -> bool:
    return "exif" in _options(picture, format, 95) and has_orientation(picture.exif or b"")


def _options(picture: Picture, format: str, quality: int) -> dict[str, Any]:
    options: dict[str, Any] = {}
    too_long = format == "JPEG" and len(picture.exif or b"") > _JPEG_SEGMENT
    if format in _KEEPS_EXIF and picture.exif and not too_long:
        options["exif"] = picture.exif
    if picture.icc_profile and format in _KEEPS_EXIF:
        options["icc_profile"] = picture.icc_profile
    if picture.dpi and format in {"JPEG", "PNG", "TIFF", "BMP"}:
        options["dpi"] = picture.dpi
    if format in {"JPEG", "WEBP", "AVIF"}:
        options["quality"] = quality
    if format == "JPEG":
        options["subsampling"] = (
            0  # flat colours with sharp edges, which generators make, fray at 4:2:0
        )
    if format == "TIFF":
        options["compression"] = "tiff_lzw"
    return options


def _again(error: BaseException) -> str:
    return f"{reason(error)}; copy or export it again"
