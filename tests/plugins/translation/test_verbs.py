"""``multigan translate`` as a user meets it."""

from __future__ import annotations

import subprocess
import sys

import av
import numpy as np
import pytest
import torch
from PIL import Image

from multigan.inference.pretrained import save_model
from multigan.plugins.translation.networks import CompactGenerator
from multigan.plugins.translation.restoration.networks import Inpainter


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A saved model with random weights, named 'ink'."""
    torch.manual_seed(0)
    generator = CompactGenerator(width=8, blocks=1)
    folder = tmp_path_factory.mktemp("models") / "ink"
    facts = {
        "multiple": 4,
        "minimum": 16,
        "halo": generator.reach,
        "directions": {"ab": "generator"},
    }
    save_model(
        folder,
        facts,
        {"generator": generator},
        plugin="translation",
        method="drawing",
        card="# ink",
    )
    return folder


@pytest.fixture
def translate(model, capsys, monkeypatch):
    """Runs the verb in this process; returns the exit code, stdout and stderr."""

    def call(*arguments, style=None, model=model):
        from multigan import cli

        chosen = ["--style", style] if style else ["--model", str(model)]
        monkeypatch.setattr(sys, "argv", ["multigan", "translate", *map(str, arguments), *chosen])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def picture(path, size=(40, 30), mode="RGB", **options):
    channels = len(Image.new(mode, (1, 1)).getbands())
    values = np.random.default_rng(1).integers(0, 256, (size[1], size[0], channels), dtype=np.uint8)
    pixels = values[:, :, 0] if channels == 1 else values
    Image.fromarray(pixels, mode=mode if channels in (1, 4) else None).save(path, **options)
    return path


def test_writes_beside_the_input_in_its_format(translate, tmp_path):
    source = picture(tmp_path / "photo.jpg")
    code, out, err = translate(source)
    assert (code, err) == (0, "")
    written = tmp_path / "photo-ink.jpg"
    assert out.strip() == str(written)
    with Image.open(written) as image:
        assert (image.format, image.size) == ("JPEG", (40, 30))


def test_output_names_file_and_format(translate, tmp_path):
    source = picture(tmp_path / "photo.jpg")
    assert translate(source, "-o", tmp_path / "other.png")[0] == 0
    with Image.open(tmp_path / "other.png") as image:
        assert image.format == "PNG"


def test_folder_keeps_its_structure_and_passes_over_bad_files(translate, tmp_path):
    (tmp_path / "album" / "inner").mkdir(parents=True)
    picture(tmp_path / "album" / "a.png")
    picture(tmp_path / "album" / "inner" / "b.jpg")
    (tmp_path / "album" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not really")
    code, out, err = translate(tmp_path / "album")
    assert code == 2
    assert (tmp_path / "album-ink" / "a-ink.png").is_file()
    assert (tmp_path / "album-ink" / "inner" / "b-ink.jpg").is_file()
    assert len(out.splitlines()) == 2
    assert len(err.splitlines()) == 1 and "broken.jpg" in err


def test_several_files_into_a_folder(translate, tmp_path):
    sources = [picture(tmp_path / f"{name}.png") for name in "ab"]
    assert translate(*sources, "-o", tmp_path / "out")[0] == 0
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["a-ink.png", "b-ink.png"]


def test_alpha_grey_and_orientation_are_kept(translate, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert (
        translate(
            picture(tmp_path / "alpha.png", mode="RGBA"),
            picture(tmp_path / "grey.png", mode="L"),
            picture(tmp_path / "turned.jpg", exif=exif),
            picture(tmp_path / "cmyk.jpg", mode="CMYK"),
            picture(tmp_path / "dot.png", size=(1, 1)),
        )[0]
        == 0
    )
    with (
        Image.open(tmp_path / "alpha.png") as before,
        Image.open(tmp_path / "alpha-ink.png") as after,
    ):
        assert np.array_equal(np.asarray(before)[..., 3], np.asarray(after)[..., 3])
    with Image.open(tmp_path / "turned-ink.jpg") as after:
        assert after.size == (40, 30)
        assert after.getexif()[0x0112] == 6
    for name in ("grey", "dot"):
        with (
            Image.open(tmp_path / f"{name}-ink.png") as after,
            Image.open(tmp_path / f"{name}.png") as before,
        ):
            assert after.size == before.size


@pytest.mark.parametrize(
    ("content", "name", "word"),
    [
        (b"", "empty.jpg", "empty"),
        (b"just some text", "text.jpg", "picture"),
        (None, "missing.jpg", "exist"),
    ],
)
def test_one_line_and_exit_code_2_for_what_is_no_picture(translate, tmp_path, content, name, word):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, out, err = translate(tmp_path / name)
    assert code == 2 and out == ""
    assert len(err.splitlines()) == 1 and word in err and name in err
    assert not list(tmp_path.glob("*-ink*"))


def test_a_truncated_picture_is_refused(translate, tmp_path):
    whole = picture(tmp_path / "whole.jpg", size=(200, 200)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    code, _, err = translate(tmp_path / "cut.jpg")
    assert code == 2 and len(err.splitlines()) == 1


def test_unknown_style_is_suggested(translate, tmp_path, monkeypatch):
    from multigan import registry

    monkeypatch.setattr(registry, "shipped_models", lambda plugin: {"cartoon": tmp_path})
    code, _, err = translate(picture(tmp_path / "x.png"), style="cartoo")
    assert code == 2
    assert "did you mean 'cartoon'" in err


def test_inputs_are_never_overwritten(translate, tmp_path):
    source = picture(tmp_path / "x.png")
    before = source.read_bytes()
    code, _, err = translate(source, "-o", source)
    assert code == 2 and "overwrite" in err
    assert source.read_bytes() == before


def test_two_inputs_that_would_share_a_name_are_refused(translate, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        picture(tmp_path / folder / "x.png")
    code, _, err = translate(tmp_path / "a", tmp_path / "b", "-o", tmp_path / "out")
    assert code == 2 and "both" in err


def test_planning_needs_no_torch(tmp_path):
    """A mistyped path is told at once."""
    program = (
        "import sys; sys.argv = ['multigan', 'translate', 'missing.jpg', '--model', 'm']\n"
        "from multigan import cli\n"
        "try: cli.main()\n"
        "except SystemExit as stop: assert stop.code == 2\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


def test_translating_imports_nothing_heavy_beside_torch(model, tmp_path):
    """Each of these takes half a second or more, which a photo in a second cannot spare."""
    picture(tmp_path / "x.png")
    program = (
        f"import sys; sys.argv = ['multigan', 'translate', 'x.png', '--model', {str(model)!r}]\n"
        "from multigan import cli\n"
        "try: cli.main()\n"
        "except SystemExit as stop: assert not stop.code\n"
        "heavy = {'torch._dynamo', 'torchvision', 'datasets', 'scipy', 'transformers'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)


@pytest.fixture(scope="module")
def inpainting(tmp_path_factory):
    """A saved inpainting model that is nothing but the diffusion fill."""
    generator = Inpainter(width=8, blocks=1)
    folder = tmp_path_factory.mktemp("models") / "mend"
    facts = {
        "multiple": 4, "minimum": 4, "halo": generator.reach, "task": "inpainting", "scale": 1,
        "directions": {"restore": "generator"},
    }  # fmt: skip
    networks = {"generator": generator}
    save_model(folder, facts, networks, plugin="translation", method="restoration", card="# mend")
    return folder


def test_a_mask_says_what_is_filled(translate, inpainting, tmp_path):
    source = picture(tmp_path / "x.png")
    mask = np.zeros((30, 40), dtype=np.uint8)
    mask[5:9, 7:20] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    assert translate(source, "--mask", tmp_path / "mask.png", model=inpainting)[0] == 0
    before, after = (np.asarray(Image.open(tmp_path / name)) for name in ("x.png", "x-mend.png"))
    changed = (before != after).any(axis=2)
    assert changed[mask > 0].mean() > 0.9 and not changed[mask == 0].any()
    code, _, err = translate(source, model=inpainting)
    assert code == 2 and "give a mask" in err
    code, _, err = translate(source, "--mask", tmp_path / "mask.png")
    assert code == 2 and "--mask is for inpainting" in err


# -- films ----------------------------------------------------------------------------------------


def film(path, count=5, size=(48, 40), sound=None, noisy=False):
    """A square that walks; `sound` names a codec; noise makes all frames of one length."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264" if path.suffix != ".avi" else "mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        audio = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for number in range(count):
            rgb = np.full((size[1], size[0], 3), 80, np.uint8)
            if noisy:
                rgb = rng.integers(0, 256, rgb.shape, dtype=np.uint8)
            rgb[10:20, 4 * number : 4 * number + 10] = 250
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode())
        if audio is not None:
            samples = av.AudioFrame.from_ndarray(
                np.zeros((1, 4800 * count), np.float32), format="fltp", layout="mono"
            )
            samples.sample_rate = 48000
            container.mux(audio.encode(samples))
            container.mux(audio.encode())
    return path


def contents(path):
    with av.open(str(path)) as container:
        video = sum(1 for _ in container.decode(video=0))
        codecs = [stream.codec_context.codec for stream in container.streams.audio]
        return video, [codec.canonical_name for codec in codecs]


def test_a_film_becomes_a_film_with_its_sound(translate, tmp_path):
    code, out, err = translate(film(tmp_path / "clip.mp4", sound="aac"))
    assert (code, err) == (0, "")
    assert out.strip() == str(tmp_path / "clip-ink.mp4")
    assert contents(tmp_path / "clip-ink.mp4") == (5, ["aac"])


def test_old_and_odd_films_become_what_players_know(translate, tmp_path):
    old, odd = film(tmp_path / "a.avi", sound="mp3"), film(tmp_path / "b.avi", sound="pcm_u8")
    assert translate(old, odd)[0] == 0
    assert contents(tmp_path / "a-ink.mp4") == (5, ["mp3"])
    assert contents(tmp_path / "b-ink.mkv") == (5, ["pcm_u8"])
    code, _, err = translate(odd, "-o", tmp_path / "c.webm")
    assert code == 2 and len(err.splitlines()) == 1 and "write a .mkv" in err


def test_an_animation_stays_one_and_a_film_can_become_one(translate, tmp_path):
    images = [Image.new("RGB", (40, 30), (60 * i, 90, 20)) for i in range(4)]
    images[0].save(
        tmp_path / "x.gif", save_all=True, append_images=images[1:], duration=120, loop=0
    )
    assert translate(tmp_path / "x.gif")[0] == 0
    with Image.open(tmp_path / "x-ink.gif") as image:
        assert (image.n_frames, image.info["duration"], image.info["loop"]) == (4, 120, 0)
    assert translate(film(tmp_path / "clip.mp4"), "-o", tmp_path / "clip.webp")[0] == 0
    with Image.open(tmp_path / "clip.webp") as image:
        assert (image.format, image.n_frames) == ("WEBP", 5)


def test_a_folder_may_hold_both_and_bad_films_are_passed_over(translate, tmp_path):
    (tmp_path / "day" / "one").mkdir(parents=True)
    picture(tmp_path / "day" / "a.png")
    film(tmp_path / "day" / "one" / "b.mov")
    (tmp_path / "day" / "broken.mp4").write_bytes(b"not a film")
    code, out, err = translate(tmp_path / "day")
    assert code == 2 and len(err.splitlines()) == 1 and "broken.mp4" in err
    assert len(out.splitlines()) == 2
    assert (tmp_path / "day-ink" / "a-ink.png").is_file()
    assert contents(tmp_path / "day-ink" / "one" / "b-ink.mov") == (5, [])


@pytest.mark.parametrize(
    ("source", "output", "word"),
    [
        ("clip.mp4", "x.jpg", "is a film"),
        ("x.png", "x.mp4", "is a picture"),
        ("clip.mp4", "x.avi", "cannot write .avi"),
    ],
)
def test_pictures_and_films_are_not_turned_into_each_other(
    translate, tmp_path, source, output, word
):
    film(tmp_path / "clip.mp4")
    picture(tmp_path / "x.png")
    code, out, err = translate(tmp_path / source, "-o", tmp_path / "out" / output)
    assert code == 2 and out == "" and word in err and len(err.splitlines()) == 1


def test_a_film_cut_short_is_translated_as_far_as_it_goes(translate, tmp_path):
    whole = film(tmp_path / "whole.avi", count=40, noisy=True).read_bytes()
    (tmp_path / "cut.avi").write_bytes(whole[: len(whole) * 2 // 3])
    code, out, err = translate(tmp_path / "cut.avi")
    assert code == 0 and len(err.splitlines()) == 1
    assert err.startswith("warning: ") and "cut short" in err
    assert 5 < contents(out.strip())[0] < 40


def test_ctrl_c_leaves_nothing_half(translate, tmp_path, monkeypatch):
    from multigan.data.video_writer import VideoWriter

    def interrupted(self, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(VideoWriter, "write", interrupted)
    assert translate(film(tmp_path / "clip.mp4"))[0] == 130
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_smooth_takes_a_share(translate, tmp_path):
    source = film(tmp_path / "clip.mp4")
    assert translate(source, "--smooth", "0")[0] == 0
    code, _, err = translate(source, "--smooth", "1.5")
    assert code == 2 and "smooth" in err
