"""Style transfer: features, colours, the optimisation, and the generator that learns it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file

import multigan
from multigan.config.recipe import load_recipe
from multigan.data.media import Picture
from multigan.errors import CheckpointError, DataError, PluginError, RecipeError
from multigan.plugins.translation.drawing.abstractions.oklab import rgb_to_oklab
from multigan.plugins.translation.stylize.colours import greys, palette, recoloured, with_lightness
from multigan.plugins.translation.stylize.features import perceptual_features
from multigan.plugins.translation.stylize.network import OPPONENTS, StyleGenerator
from multigan.plugins.translation.stylize.objective import StyleObjective, Weights
from multigan.plugins.translation.stylize.optimise import optimise, stylize
from multigan.plugins.translation.stylize.training import FastNeuralStyle
from multigan.plugins.translation.stylize.vgg import BLOCKS, STYLE, VGG19
from multigan.training.phases import Noise
from multigan.training.train import train

SMALL = (
    "data.photos=builtin:scenes",
    "data.style=builtin:sketches",
    "data.size=64",
    "data.side=64",
    "data.builtin_size=3",
    "model.width=4",
    "model.blocks=1",
    "train.batch_size=2",
    "train.device=cpu",
    "train.precision=fp32",
    "train.trackers=[]",
)


def smooth(seed: int, height: int = 64, width: int = 80) -> torch.Tensor:
    """A soft random picture (1, 3, H, W) in [-1, 1]."""
    noise = torch.rand(1, 3, 6, 8, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(noise, (height, width), mode="bicubic").clamp(0, 1).mul(2).sub(1)


def striped(height: int = 64, width: int = 64) -> torch.Tensor:
    """Diagonal stripes in two colours (1, 3, H, W) in [-1, 1]."""
    wave = ((torch.arange(height)[:, None] + torch.arange(width)) % 12 < 6).float()
    return torch.stack([wave, 0.5 * wave, 1 - wave])[None].mul(2).sub(1)


def pixels(x_1CHW: torch.Tensor) -> np.ndarray:
    return x_1CHW[0].permute(1, 2, 0).add(1).mul(127.5).round().to(torch.uint8).numpy()


def vgg_file(path: Path, *, without: str = "") -> Path:
    """Weights in torchvision's layout, four channels wide."""
    tensors, before = {}, 3
    for index in (index for block in BLOCKS for index in block):
        tensors[f"features.{index}.weight"] = torch.randn(4, before, 3, 3) * 0.3
        tensors[f"features.{index}.bias"] = torch.randn(4) * 0.1
        before = 4
    tensors["classifier.0.weight"] = torch.zeros(2, 2)
    tensors.pop(without, None)
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


def test_optimising_comes_near_the_style_and_weights_are_a_choice() -> None:
    photo, style, features = smooth(0, 24, 32), striped(24, 24), perceptual_features("random")
    objective = StyleObjective(features, style, weights=Weights())
    content = objective.content(photo)
    before, loose, tight = (
        objective.errors(x, content=content)
        for x in (
            photo,
            *(
                optimise(
                    photo, style, features=features, iterations=15, weights=Weights(content=weight)
                )
                for weight in (0.0, 50.0)
            ),
        )
    )
    assert before[1] == 0 and loose[0] < 0.2 * before[0]
    assert loose[0] < tight[0] < before[0] and tight[1] < loose[1]


def test_without_style_the_photo_stays() -> None:
    photo, features = smooth(1), perceptual_features("random")
    weights = Weights(content=1.0, style=0.0, tv=0.0)
    painted = optimise(photo, striped(), features=features, iterations=10, weights=weights)
    assert (painted - photo).abs().mean() < 0.05


def test_size_alpha_and_colours_are_kept() -> None:
    photo = Picture(
        rgb=pixels(smooth(2, 90, 130)), alpha=np.arange(90 * 130).reshape(90, 130).astype(np.uint8)
    )
    shares: list[float] = []
    painted = stylize(
        photo,
        pixels(striped()),
        features=perceptual_features("random"),
        size=64,
        iterations=8,
        colours="keep",
        progress=shares.append,
    )
    assert painted.rgb.shape == photo.rgb.shape and painted.alpha is photo.alpha
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1)

    def lab(rgb: np.ndarray) -> torch.Tensor:
        return rgb_to_oklab(torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255)

    before, after = lab(photo.rgb), lab(painted.rgb)
    inside = (painted.rgb > 2).all(2) & (painted.rgb < 253).all(2)  # elsewhere sRGB ends
    assert inside.mean() > 0.5
    shift = (after - before)[0, 1:].abs().amax(0)[torch.from_numpy(inside)]
    assert shift.max() < 0.01
    assert (after - before)[0, 0].abs().mean() > 0.01


def test_recoloured_photos_have_the_colours_of_the_style() -> None:
    photo, style = 0.3 * smooth(7), 0.2 * smooth(8) + torch.tensor([0.3, 0.0, -0.2])[:, None, None]
    after = recoloured(photo, style)
    torch.testing.assert_close(after.mean((2, 3)), style.mean((2, 3)), atol=1e-4, rtol=0)
    spread, spread_style, before = (
        np.cov(x[0].flatten(1).numpy(), bias=True) for x in (after, style, photo)
    )
    floor = 0.05**2  # both covariances are raised by it before they are matched
    assert np.abs(spread - spread_style).max() < floor < np.abs(before - spread_style).max()
    torch.testing.assert_close(recoloured(photo, photo), photo, atol=1e-3, rtol=0)
    grey = photo.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert torch.isfinite(recoloured(grey, style)).all()


def test_the_generator_begins_with_the_photo_in_the_palette_of_the_style() -> None:
    photo, style = 0.5 * smooth(7), 0.3 * smooth(8) + 0.2
    generator = StyleGenerator(width=4, blocks=1)
    generator.take_palette(style)
    painted = generator(photo)
    assert torch.equal(painted, generator.recoloured(photo))
    torch.testing.assert_close(painted.mean((2, 3)), style.mean((2, 3)), atol=1e-4, rtol=0)
    # Whitened by hand in the opponent space, then stretched to the covariance of the style.
    away, back = (torch.tensor(OPPONENTS) @ photo[0].flatten(1)), torch.tensor(OPPONENTS).T
    even = (away - away.mean(1, keepdim=True)) / (away.var(1, correction=0) + 0.05**2).sqrt()[
        :, None
    ]
    mean, spread = palette(style)
    expected = spread @ back @ even + mean[:, None]
    torch.testing.assert_close(painted[0].flatten(1), expected, atol=1e-4, rtol=1e-4)
    covariance = torch.cov(style[0].flatten(1), correction=0) + 0.05**2 * torch.eye(3)
    torch.testing.assert_close(spread @ spread.T, covariance, atol=1e-5, rtol=1e-4)


def test_greys_have_the_lightness_of_the_photo() -> None:
    photo, style = smooth(3), striped() * 0.2 - 0.7
    grey, grey_style = (rgb_to_oklab(x.add(1).div(2)) for x in greys(photo, style))
    light = rgb_to_oklab(photo.add(1).div(2))[:, :1]
    torch.testing.assert_close(grey[:, :1], light, atol=2e-3, rtol=0)
    assert grey[:, 1:].abs().max() < 1e-3
    torch.testing.assert_close(grey_style[:, 0].mean(), light.mean(), atol=0.02, rtol=0)
    torch.testing.assert_close(with_lightness(photo, photo), photo, atol=0.01, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (40, 9)])
def test_any_size_of_photo(size: tuple[int, int]) -> None:
    photo = Picture(rgb=np.full((*size, 3), 90, dtype=np.uint8))
    features = perceptual_features("random")
    painted = stylize(photo, pixels(striped(20, 5)), features=features, size=64, iterations=1)
    assert painted.rgb.shape == (*size, 3)


@pytest.mark.parametrize("name", ["vgg.pth", "vgg.safetensors"])
def test_vgg_is_read_from_a_file(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    path = vgg_file(tmp_path / name)
    features = perceptual_features("vgg19", weights=str(path))
    x = smooth(4)
    layers = features(x)
    assert [layer.shape[-1] for layer in layers.style] == [80, 40, 20, 10, 5]
    # The first layer by hand: ImageNet's normalisation, one convolution, ReLU.
    state = features.state_dict()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    first = F.conv2d((x / 2 + 0.5 - mean) / std, state["convs.0.weight"], padding=1)
    first = (first + state["convs.0.bias"][:, None, None]).relu()
    torch.testing.assert_close(layers.style[STYLE.index(0)], first)


def test_vgg_files_that_do_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"features\.21 is missing"):
        VGG19(str(vgg_file(tmp_path / "a.pth", without="features.21.weight")))
    (tmp_path / "b.pth").write_bytes(b"no weights")
    with pytest.raises(CheckpointError, match="cannot be read"):
        VGG19(str(tmp_path / "b.pth"))
    torch.save({"model": {}}, tmp_path / "c.pth")
    with pytest.raises(CheckpointError, match="other things"):
        VGG19(str(tmp_path / "c.pth"))
    with pytest.raises(CheckpointError, match="not a file"):
        VGG19(str(tmp_path / "d.pth"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(CheckpointError, match="download"):
        perceptual_features("vgg19")
    with pytest.raises(PluginError, match="did you mean 'vgg19'"):
        perceptual_features("vgg9")
    with pytest.raises(PluginError, match="leave the weights out"):
        perceptual_features("random", weights="x")


def test_the_recipe_learns_a_style_and_its_model_translates(tmp_path: Path) -> None:
    Image.fromarray(pixels(striped())).save(tmp_path / "stripes.png")
    recipe: Any = load_recipe(
        "style", [*SMALL, f"data.style={tmp_path / 'stripes.png'}", "steps.painting=20"]
    )
    method = FastNeuralStyle(recipe)
    with torch.no_grad():
        start = method.evaluate(method.networks, Noise(0))
    run = train(recipe, output=tmp_path / "style", quiet=True)
    pipe: Any = multigan.pipeline(run)
    end = method.evaluate(pipe.components, Noise(0))
    assert end["style-error"] < 0.7 * start["style-error"]
    photo = Image.fromarray(pixels(smooth(5, 50, 70)))
    assert pipe(photo).images[0].size == (70, 50)


def test_recipes_that_do_not_fit(tmp_path: Path) -> None:
    for size in (62, 128):
        with pytest.raises(RecipeError, match=r"data\.size"):
            load_recipe("style", [*SMALL, f"data.size={size}"])
    for name in "ab":
        Image.new("RGB", (70, 70)).save(tmp_path / f"{name}.png")
    FastNeuralStyle(load_recipe("style", SMALL))  # type: ignore[arg-type]
    recipe: Any = load_recipe("style", [*SMALL, f"data.style={tmp_path}"])
    with pytest.raises(DataError, match="name one"):
        FastNeuralStyle(recipe)


def test_the_verb(cli: Any, tmp_path: Path) -> None:
    photo, art = tmp_path / "photo.jpg", tmp_path / "art.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels(smooth(6))).save(photo, exif=exif)
    Image.fromarray(pixels(striped())).save(art)
    done = cli("stylize", photo, "--style-image", art, "--size", 64, "--iterations", 2)
    assert done.code == 0 and done.out.strip() == str(tmp_path / "photo-art.jpg")
    with Image.open(tmp_path / "photo-art.jpg") as image:
        assert image.size == (80, 64) and image.getexif()[0x0112] == 6


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["missing.jpg", "--style-image", "art.png"], "missing.jpg"),
        (["photo.png", "--style-image", "missing.png"], "missing.png"),
        (["photo.png"], "--style-image"),
        (["photo.png", "--style-image", "art.png", "-o", "x.mp3"], "cannot write .mp3"),
        (["photo.png", "--style-image", "art.png", "-o", "art.png"], "overwrite"),
        (["photo.png", "--style-image", "art.png", "--weights", "x"], "--features vgg19"),
        (["photo.png", "--style-image", "art.png", "--features", "vgg9"], "vgg19"),
        (["photo.png", "--style-image", "art.png", "--colours", "grey"], "keep"),
    ],
)
def test_mistakes_are_one_line(
    cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "art.png"):
        Image.new("RGB", (8, 8)).save(name)
    done = cli("stylize", *words)
    assert done.code == 2 and done.out == ""
    assert told in done.err and len(done.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["art.png", "photo.png"]
