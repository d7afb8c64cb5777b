"""Pictures of every kind, read and written back."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps

from multigan.data import media
from multigan.data.media import MAX_PIXELS, Picture, list_images, read_image, write_image
from multigan.errors import DataError

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def gradient(height: int, width: int, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    planes = (
        x * 255 // max(width - 1, 1),
        y * 255 // max(height - 1, 1),
        (x + y) % 256,
        x * 0 + 99,
    )
    return np.stack(planes[:channels], axis=-1).astype(np.uint8)


def orientation_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    return exif.tobytes()


def one_line(error: pytest.ExceptionInfo[DataError], path: Path) -> str:
    message = str(error.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize(
    "suffix", [".png", ".jpg", ".webp", ".bmp", ".tif", ".gif", ".ppm", ".avif"]
)
@pytest.mark.parametrize("size", [(1, 1), (33, 517), (64, 48)])
def test_every_format_reads_as_rgb_and_is_written_back_at_its_size(tmp_path, suffix, size):
    flat = np.full((size[1], size[0], 3), (200, 100, 50), np.uint8)
    path = write_image(flat, tmp_path / f"a{suffix}")
    picture = read_image(path)
    assert picture.rgb.shape == flat.shape
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.flags.writeable and picture.rgb.flags.c_contiguous
    assert np.abs(picture.rgb.astype(int) - flat).max() <= 6
    assert Image.open(write_image(picture, tmp_path / f"b{suffix}")).size == size


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_on_reading_and_restored_on_writing(tmp_path, suffix, orientation):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :8], stored[:8, 24:], stored[8:, :8] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    path, again = tmp_path / f"a{suffix}", tmp_path / f"b{suffix}"
    Image.fromarray(stored).save(path, exif=orientation_exif(orientation), lossless=True)
    picture = read_image(path)
    upright = Image.fromarray(stored)
    upright.getexif()[0x0112] = orientation
    expected = np.asarray(ImageOps.exif_transpose(upright))
    assert np.abs(picture.rgb.astype(int) - expected).mean() < 8
    assert picture.orientation == orientation
    assert picture.stored_size == (32, 16)

    write_image(picture, again)
    with Image.open(again) as image:
        raw = image.tag_v2 if suffix == ".tif" else image.getexif()
        assert raw.get(0x0112) == orientation
        assert raw.get(0x010F) == "Maker"
    assert stored_pixels(again).shape == (16, 32, 3)
    assert np.abs(stored_pixels(again).astype(int) - stored).mean() < 8
    assert np.array_equal(read_image(again).rgb.shape, picture.rgb.shape)


def stored_pixels(path: Path) -> np.ndarray:
    """Pixels as they lie in the file; PIL turns a TIFF while decoding, so it is turned back."""
    with Image.open(path) as image:
        orientation = image.getexif().get(0x0112, 1) if image.format == "TIFF" else 1
        pixels = np.asarray(image.convert("RGB"))
    inverse = {
        6: lambda a: np.rot90(a, 1),
        8: lambda a: np.rot90(a, -1),
        5: lambda a: a.swapaxes(0, 1),
    }
    inverse |= {2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 1: lambda a: a}
    inverse |= {7: lambda a: np.rot90(a.swapaxes(0, 1), 2)}
    return inverse[orientation](pixels)


def test_a_format_without_exif_gets_the_picture_upright(tmp_path):
    Image.fromarray(gradient(10, 20)).save(tmp_path / "a.png", exif=orientation_exif(6))
    picture = read_image(tmp_path / "a.png")
    write_image(picture, tmp_path / "b.bmp")
    assert Image.open(tmp_path / "b.bmp").size == (10, 20)
    assert np.array_equal(read_image(tmp_path / "b.bmp").rgb, picture.rgb)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_nonsense_orientations_are_ignored(tmp_path, orientation):
    Image.fromarray(gradient(10, 20)).save(tmp_path / "a.png", exif=orientation_exif(orientation))
    picture = read_image(tmp_path / "a.png")
    assert picture.orientation == 1
    assert np.array_equal(picture.rgb, gradient(10, 20))


def test_broken_exif_does_not_cost_the_picture(tmp_path):
    Image.fromarray(gradient(10, 20)).save(
        tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7fxx"
    )
    picture = read_image(tmp_path / "a.jpg")
    assert picture.rgb.shape == (10, 20, 3)
    write_image(picture, tmp_path / "b.jpg")
    assert read_image(tmp_path / "b.jpg").rgb.shape == (10, 20, 3)


def test_the_thumbnail_of_the_old_picture_is_not_kept(tmp_path):
    thumbnail = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(thumbnail, "JPEG")
    ifd0 = (
        b"\x01\x00"
        + b"\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"
        + (26).to_bytes(4, "little")
    )
    entries = ((0x0201, 56), (0x0202, len(thumbnail.getvalue())))
    ifd1 = b"\x02\x00" + b"".join(
        tag.to_bytes(2, "little") + b"\x04\x00\x01\x00\x00\x00" + value.to_bytes(4, "little")
        for tag, value in entries
    )
    exif = b"Exif\0\0II*\0\x08\x00\x00\x00" + ifd0 + ifd1 + bytes(4) + thumbnail.getvalue()
    Image.fromarray(gradient(10, 20)).save(tmp_path / "a.jpg", exif=exif)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1), (
            "the test's own file has to have a thumbnail"
        )
    write_image(read_image(tmp_path / "a.jpg"), tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as image:
        assert not image.getexif().get_ifd(ExifTags.IFD.IFD1)
        assert image.getexif()[0x0112] == 6


def test_resolution_profile_and_exif_survive_a_change_of_pixels(tmp_path):
    source = Image.fromarray(gradient(10, 20))
    source.save(tmp_path / "a.jpg", dpi=(300, 300), icc_profile=SRGB, exif=orientation_exif(3))
    picture = read_image(tmp_path / "a.jpg")
    write_image(replace(picture, rgb=255 - picture.rgb), tmp_path / "b.jpg")
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.info["dpi"] == (300, 300)
        assert image.info["icc_profile"] == SRGB
        assert image.getexif()[0x0112] == 3
        assert np.asarray(image)[0, 0, 0] > 200


def test_grey_and_bilevel(tmp_path):
    Image.fromarray(gradient(8, 256)[:, :, 0]).save(tmp_path / "grey.png")
    rgb = read_image(tmp_path / "grey.png").rgb
    assert np.array_equal(rgb[0, :, 0], np.arange(256)) and np.array_equal(rgb[..., 0], rgb[..., 2])
    Image.fromarray(gradient(8, 256)[:, :, 0] > 127).save(tmp_path / "one.png")
    assert np.array_equal(read_image(tmp_path / "one.png").rgb[0, :, 1], np.repeat([0, 255], 128))


def test_grey_with_alpha_keeps_its_alpha(tmp_path):
    pixels = np.dstack((gradient(6, 9)[:, :, 0], gradient(6, 9)[:, :, 1]))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert Image.open(tmp_path / "a.png").mode == "LA"
    picture = read_image(tmp_path / "a.png")
    assert np.array_equal(picture.rgb[:, :, 1], pixels[:, :, 0])
    assert np.array_equal(picture.alpha, pixels[:, :, 1])
    write_image(picture, tmp_path / "b.png")
    assert np.array_equal(read_image(tmp_path / "b.png").alpha, picture.alpha)


@pytest.mark.parametrize("transparency", [1, bytes([255, 0, 128])])
def test_palette_with_transparency(tmp_path, transparency):
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    image.save(tmp_path / "a.png", transparency=transparency)
    picture = read_image(tmp_path / "a.png")
    assert picture.rgb[0, 2].tolist() == [0, 0, 255]
    assert picture.alpha[0].tolist() == ([255, 0, 255] if transparency == 1 else [255, 0, 128])


def test_alpha_over_white_where_the_format_has_none(tmp_path):
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, :2, 3] = 255
    write_image(pixels, tmp_path / "a.jpg")
    rgb = read_image(tmp_path / "a.jpg").rgb
    assert rgb[0, 0].max() < 20 and rgb[0, 3].min() > 235
    assert read_image(tmp_path / "a.jpg").alpha is None


def test_cmyk_jpeg_with_inverted_ink(tmp_path):
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[:, :, 1:3] = 255  # magenta and yellow make red; PIL writes ink inverted, as Adobe does
    Image.fromarray(ink, "CMYK").save(tmp_path / "a.jpg", quality=95)
    picture = read_image(tmp_path / "a.jpg")
    assert picture.mode == "CMYK"
    red, green, blue = picture.rgb[8, 8].tolist()
    assert red > 200 and green < 60 and blue < 60
    write_image(picture, tmp_path / "b.jpg")
    assert Image.open(tmp_path / "b.jpg").mode == "RGB"


def test_a_profile_of_another_colour_space_is_dropped(tmp_path):
    grey_profile = SRGB[:16] + b"GRAY" + SRGB[20:]
    Image.fromarray(gradient(8, 8)[:, :, 0]).save(tmp_path / "a.png", icc_profile=grey_profile)
    picture = read_image(tmp_path / "a.png")
    assert picture.icc_profile is None and picture.rgb.shape == (8, 8, 3)


def test_ycbcr_and_lab_tiff(tmp_path):
    red = Image.new("RGB", (16, 16), (220, 30, 40))
    red.convert("YCbCr").save(tmp_path / "y.tif")
    lab = ImageCms.profileToProfile(
        red, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lab.save(tmp_path / "lab.tif")
    for name in ("y.tif", "lab.tif"):
        assert np.abs(read_image(tmp_path / name).rgb[3, 3].astype(int) - (220, 30, 40)).max() <= 4


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path):
    values = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(2, 0)
    for name in ("a.png", "a.tif"):
        Image.fromarray(values).save(tmp_path / name)
        assert np.abs(read_image(tmp_path / name).rgb[0, :, 0] - np.arange(256.0)).max() <= 1
    (tmp_path / "a.pgm").write_bytes(b"P5 256 2 65535\n" + values.astype(">u2").tobytes())
    assert np.abs(read_image(tmp_path / "a.pgm").rgb[1, :, 2] - np.arange(256.0)).max() <= 1
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "b.tif")
    assert np.abs(read_image(tmp_path / "b.tif").rgb[0, :, 0] - np.arange(256.0)).max() <= 1


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 255.0), (-3.0, 7.0), (0.0, 4e6)])
def test_float_tiff_spans_black_to_white(tmp_path, low, high):
    values = np.linspace(low, high, 256, dtype=np.float32)[None].repeat(2, 0)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert np.abs(read_image(tmp_path / "a.tif").rgb[0, :, 0] - np.arange(256.0)).max() <= 1


def test_float_tiff_with_infinities(tmp_path):
    Image.fromarray(np.array([[np.nan, np.inf, 0.5, 1.0]], np.float32)).save(tmp_path / "a.tif")
    assert read_image(tmp_path / "a.tif").rgb[0, :, 0].tolist() == [0, 0, 128, 255]


def test_sixteen_bit_colour_png(tmp_path):
    import struct
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 2, 1, 16, 6, 0, 0, 0)
    row = b"\0" + struct.pack(">8H", 65535, 32896, 0, 65535, 0, 0, 257, 0)
    png = (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(row))
        + chunk(b"IEND", b"")
    )
    (tmp_path / "a.png").write_bytes(png)
    picture = read_image(tmp_path / "a.png")
    assert picture.rgb[0].tolist() == [[255, 128, 0], [0, 0, 1]]
    assert picture.alpha[0].tolist() == [255, 0]


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_of_an_animation_the_first_frame_is_read(tmp_path, suffix):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    assert read_image(tmp_path / f"a{suffix}").rgb[4, 4].tolist() == [255, 0, 0]


def test_refusals_are_one_line_that_names_the_file(tmp_path):
    with pytest.raises(DataError, match="no such file") as error:
        read_image(tmp_path / "missing.jpg")
    one_line(error, tmp_path / "missing.jpg")
    with pytest.raises(DataError, match="is a folder"):
        read_image(tmp_path)
    for name, content, message in (
        ("empty.jpg", b"", "is empty"),
        ("text.jpg", b"hello, this is text\n" * 50, "not a picture"),
        ("noise.png", np.random.default_rng(0).bytes(5000), "not a picture"),
        ("phone.jpg", b"\0\0\0\x18ftypheic" + bytes(100), "HEIC"),
        ("phone.heic", b"whatever", "HEIC"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=message) as error:
            read_image(tmp_path / name)
        one_line(error, tmp_path / name)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp", ".avif"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_truncated_files_are_refused(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    write_image(noise, tmp_path / f"a{suffix}")
    content = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"cut{suffix}").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError) as error:
        read_image(tmp_path / f"cut{suffix}")
    one_line(error, tmp_path / f"cut{suffix}")


def test_no_permission(tmp_path, monkeypatch):
    path = write_image(gradient(4, 4), tmp_path / "a.png")
    if os.geteuid() == 0:  # root may read everything, so the refusal is made here

        def refuse(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(media.Image, "open", refuse)
    else:
        path.chmod(0)
    with pytest.raises(DataError, match="permission"):
        read_image(path)


@pytest.mark.parametrize("pixels", [100_000_000, 200_000_000, 400_000_000, 10_000_000_000])
def test_the_limit_is_ours_not_that_of_pil(tmp_path, pixels, monkeypatch):
    before = Image.MAX_IMAGE_PIXELS
    side = int(pixels**0.5)
    (tmp_path / "a.ppm").write_bytes(b"P6 %d %d 255\n" % (side, side) + bytes(64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError) as error:
            read_image(tmp_path / "a.ppm")
    message = one_line(error, tmp_path / "a.ppm")
    assert ("megapixels" in message) == (pixels > MAX_PIXELS)
    assert before == Image.MAX_IMAGE_PIXELS


def test_writing_refuses_what_cannot_work(tmp_path):
    pixels = gradient(4, 4)
    with pytest.raises(DataError, match=r"cannot write \.txt"):
        write_image(pixels, tmp_path / "a.txt")
    with pytest.raises(DataError, match="does not exist"):
        write_image(pixels, tmp_path / "missing" / "a.png")
    with pytest.raises(DataError, match="cannot hold"):
        write_image(np.zeros((1, 70_000, 3), np.uint8), tmp_path / "a.jpg")
    with pytest.raises(DataError, match="not a file"):
        (tmp_path / "b.png").mkdir()
        write_image(pixels, tmp_path / "b.png")
    with pytest.raises(ValueError, match="uint8"):
        write_image(pixels.astype(np.float32), tmp_path / "a.png")
    with pytest.raises(ValueError, match="alpha"):
        write_image(Picture(pixels, alpha=np.zeros((3, 3), np.uint8)), tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    """The limit on file sizes of a process of its own stands for a full disk."""
    path = write_image(gradient(8, 8), tmp_path / "a.png")
    before = path.read_bytes()
    script = """
import resource, sys, numpy as np
from multigan.data.media import write_image
from multigan.errors import DataError
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    write_image(np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8), sys.argv[1])
except DataError as error:
    print(error)
"""
    root = Path(media.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot be written" in done.stdout and done.stdout.count("\n") == 1
    assert [other.name for other in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == before


def test_the_file_gets_ordinary_permissions_and_a_link_stays_a_link(tmp_path):
    path = write_image(gradient(4, 4), tmp_path / "a.png")
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert path.stat().st_mode == plain.stat().st_mode
    (tmp_path / "link.png").symlink_to(path)
    write_image(gradient(5, 5), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert read_image(path).rgb.shape == (5, 5, 3)


def test_a_reader_of_the_old_file_never_sees_half_of_the_new_one(tmp_path):
    path = write_image(gradient(4, 4), tmp_path / "a.png")
    with open(path, "rb", buffering=0) as reader:
        head = reader.read(4)
        write_image(gradient(50, 50), path)
        (tmp_path / "old.png").write_bytes(head + reader.read())
    assert read_image(tmp_path / "old.png").rgb.shape == (4, 4, 3)
    assert read_image(path).rgb.shape == (50, 50, 3)


def test_listing_is_natural_recursive_and_skips_hidden(tmp_path):
    for name in (
        "img10.png",
        "img2.PNG",
        "b/x.jpg",
        ".hidden.png",
        ".git/y.png",
        "notes.txt",
        "a/z.webp",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
    assert names == ["a/z.webp", "b/x.jpg", "img2.PNG", "img10.png"]
    assert [path.name for path in list_images(tmp_path, recursive=False)] == [
        "img2.PNG",
        "img10.png",
    ]


def test_listing_refusals(tmp_path):
    with pytest.raises(DataError, match=r"no pictures.*\.jpg .*\.png"):
        list_images(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        list_images(tmp_path / "missing")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match="is a file"):
        list_images(tmp_path / "a.txt")


def test_importing_media_costs_no_torch():
    heavy = ("torch", "torchvision", "datasets", "av")
    code = f"import sys, multigan.data.media; print([m for m in {heavy} if m in sys.modules])"
    root = Path(media.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
