"""The EXIF block of a picture, edited as little as possible: a rewrite breaks maker notes."""

from __future__ import annotations

import struct
import warnings

from PIL import Image

ORIENTATION = 0x0112
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
# Description, make, model, orientation, software, date, artist, copyright. The other tags of a TIFF
# describe how its pixels are stored.
_DESCRIPTIVE = (0x010E, 0x010F, 0x0110, ORIENTATION, 0x0131, 0x0132, 0x013B, 0x8298)


def has_orientation(exif: bytes) -> bool:
    """Whether the first directory of a raw EXIF block has a valid orientation tag."""
    tags = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tags.load(exif)
            return tags.get(ORIENTATION) in range(1, 9)
    except Exception:  # a broken block; what PIL raises on one is not specified
        return False


def without_thumbnail(exif: bytes) -> bytes:
    """Unlink the thumbnail: a file browser would go on showing the picture as it was before.

    Only the four bytes that point to the thumbnail's directory change. A block too broken to follow
    is returned as it is.
    """
    start = 6 if exif[:6] == b"Exif\x00\x00" else 0
    order = {b"II": "<", b"MM": ">"}.get(exif[start : start + 2])
    if order is None:
        return exif
    try:
        (directory,) = struct.unpack_from(order + "I", exif, start + 4)
        (count,) = struct.unpack_from(order + "H", exif, start + directory)
        pointer = start + directory + 2 + 12 * count
        struct.unpack_from("4s", exif, pointer)
    except struct.error:
        return exif
    return exif[:pointer] + bytes(4) + exif[pointer + 4 :]


def from_tiff(tags: Image.Exif) -> bytes | None:
    """The tags of a TIFF that still hold in another file, as a raw EXIF block, if any."""
    kept = Image.Exif()
    for tag in _DESCRIPTIVE:
        if tag in tags:
            kept[tag] = tags[tag]
    for directory in (_EXIF_IFD, _GPS_IFD):
        values = tags.get_ifd(directory)
        if values:
            kept.get_ifd(directory).update(values)
    some = len(kept) or kept.get_ifd(_EXIF_IFD) or kept.get_ifd(_GPS_IFD)
    return kept.tobytes() if some else None
