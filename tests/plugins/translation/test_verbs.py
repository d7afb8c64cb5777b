"""``multigan translate`` as a user meets it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from multigan.inference.pretrained import save_model
from multigan.plugins.translation.networks import CompactGenerator


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

    def call(*arguments, style=None):
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
