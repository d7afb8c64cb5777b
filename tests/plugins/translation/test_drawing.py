from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from multigan.config.recipe import load_recipe, make_recipe
from multigan.errors import RecipeError
from multigan.plugins.translation.drawing.abstractions.cartoon import cartoon
from multigan.plugins.translation.drawing.gan import DrawingGAN
from multigan.training.phases import Noise, Step
from multigan.training.train import train

SMALL: dict[str, Any] = {
    "plugin": "translation",
    "method": "drawing",
    "data": {"size": 64, "photo_sides": [72, 80], "art_side": 72, "builtin_size": 4},
    "model": {"width": 8, "blocks": 1, "discriminator_width": 8},
    "steps": {"abstraction": 2, "adversarial": 2},
    "train": {"batch_size": 2, "device": "cpu", "trackers": []},
}


def small(**sections: dict[str, Any]) -> Any:
    merged = {**SMALL, **{name: {**SMALL.get(name, {}), **s} for name, s in sections.items()}}
    return make_recipe(merged)


def batch_of(gan: DrawingGAN, count: int = 2) -> dict[str, Any]:
    torch.manual_seed(0)
    samples = [gan.dataset()[i] for i in range(count)]
    return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}


def photos(folder: Path, count: int = 3) -> Path:
    folder.mkdir()
    for i in range(count):
        pixels = np.random.default_rng(i).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((90, 60), Image.Resampling.BICUBIC).save(folder / f"{i}.png")
    return folder


def stands_in(crop: torch.Tensor, whole: torch.Tensor) -> bool:
    """Whether a crop in [-1, 1] is a window of a uint8 picture."""
    pixels, (height, width) = crop.add(1).mul(127.5).round().to(torch.uint8), crop.shape[-2:]
    corners = (whole == pixels[:, :1, :1]).all(0).nonzero().tolist()
    return any(
        torch.equal(whole[:, top : top + height, left : left + width], pixels)
        for top, left in corners
    )


def test_photo_and_drawing_are_cropped_and_mirrored_together(tmp_path: Path) -> None:
    data = DrawingGAN(small(data={"photos": str(photos(tmp_path / "photos"))})).data
    whole = data.pair(1, 80)
    assert whole.shape == (6, 80, 120) and whole.dtype == torch.uint8
    drawn = cartoon(whole[None, :3].float() / 255)[0]
    torch.testing.assert_close(whole[3:].float() / 255, drawn, atol=0.003, rtol=0)
    seen = set()
    for seed in range(16):
        torch.manual_seed(seed)
        sample = data[1]
        both = torch.cat([sample["photo"], sample["drawing"]])
        assert both.shape == (6, 64, 64)
        found = [
            (side, mirrored)
            for side in (72, 80)
            for mirrored in (False, True)
            if stands_in(both.flip(-1) if mirrored else both, data.pair(1, side))
        ]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) == 4  # both sizes, mirrored and not


def test_the_same_seed_gives_the_same_sample() -> None:
    data = DrawingGAN(small()).data
    torch.manual_seed(5)
    first = data[2]
    torch.manual_seed(5)
    again = data[2]
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_drawings_are_cached_and_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small(
        data={"photos": str(photos(tmp_path / "photos")), "cache": str(tmp_path / "cache")}
    )
    drawn = DrawingGAN(recipe).data.pair(0, 72)
    assert len(list((tmp_path / "cache").glob("*.png"))) == 1
    monkeypatch.setattr("multigan.plugins.translation.drawing.data.ABSTRACTIONS", {})
    assert torch.equal(DrawingGAN(recipe).data.pair(0, 72), drawn)


def test_imitation_is_perfect_only_for_the_drawing_itself() -> None:
    gan = DrawingGAN(small(loss={"lines": 4.0, "edges": 2.0, "tint": 2.0}))
    drawing = batch_of(gan)["drawing"]
    assert all(float(term) == 0 for term in gan._likeness(drawing, drawing).values())
    # A constant shift costs its size, times the extra weight of lines, and no edges.
    flat = torch.zeros(1, 3, 32, 32)
    terms = gan._likeness(flat + 0.25, flat)
    torch.testing.assert_close(terms["colour"], torch.tensor(0.25))
    torch.testing.assert_close(terms["edges"], torch.tensor(0.0))
    # Grey shifts have no tint; a shift of one channel has 2/3, 1/3 and 1/3 of it.
    torch.testing.assert_close(terms["tint"], torch.tensor(0.0))
    green = flat.clone()
    green[:, 1] += 0.3
    torch.testing.assert_close(gan._likeness(green, flat)["tint"], torch.tensor(2 * 0.4 / 3))
    # An error on a dark line costs more than the same error on the paper beside it.
    lined = torch.ones(1, 3, 32, 32)
    lined[..., 16] = -1
    on_line, beside = lined.clone(), lined.clone()
    on_line[..., 16, 16] += 0.5
    beside[..., 16, 4] += 0.5
    assert gan._likeness(on_line, lined)["colour"] > 3 * gan._likeness(beside, lined)["colour"]


def test_flatness_weighs_texture_where_the_drawing_is_quiet() -> None:
    drawing = torch.zeros(1, 3, 32, 32)
    drawing[..., 20:] = 1
    quiet, drawn = drawing.clone(), drawing.clone()
    quiet[..., 8:] += 0.1  # a step that the drawing has not
    drawn[..., 20:] += 0.1  # a drawn step made steeper
    edges = {
        flatness: [
            float(DrawingGAN(small(loss={"flatness": flatness}))._likeness(x, drawing)["edges"])
            for x in (quiet, drawn)
        ]
        for flatness in (0.0, 4.0)
    }
    # 2 for the weight of edges, 0.1 the step, one difference in 31.
    assert edges[0.0] == pytest.approx([2 * 0.1 / 31] * 2, rel=1e-4)
    assert edges[4.0] == pytest.approx([5 * 2 * 0.1 / 31, 2 * 0.1 / 31], rel=1e-4)


def test_the_texture_view_is_grey_and_the_surface_view_is_coarse() -> None:
    gan = DrawingGAN(small())
    step = Step(0, 1, Noise(0))
    grey = torch.full((2, 3, 32, 32), 0.4)
    views = gan._views(step, grey)
    torch.testing.assert_close(views["texture"][0], torch.full((2, 1, 32, 32), 0.4))
    red = torch.zeros(2, 3, 32, 32)
    red[:, 0] = 1
    mixes = gan._views(step, red)["texture"][0][:, 0, 0, 0]
    assert ((mixes > 0.2) & (mixes < 0.47)).all() and mixes[0] != mixes[1]
    assert views["surface"][0].shape == (2, 3, 8, 8)


def test_blurred_art_is_fake_that_can_be_switched_off() -> None:
    step = Step(0, 1, Noise(0))
    for weight in (0.5, 0.0):
        gan = DrawingGAN(small(loss={"blurred": weight}))
        batch = batch_of(gan)
        batch["fake"] = batch["photo"]
        assert ("blurred" in gan.discriminators(batch, step)) == (weight > 0)


def test_phases_move_only_what_they_update() -> None:
    gan = DrawingGAN(small())
    batch, step = batch_of(gan), Step(0, 1, Noise(0))
    sum(gan.generator(batch, step).values()).backward()
    assert all(p.grad is not None for p in gan.networks["generator"].parameters())
    gan.networks.zero_grad(set_to_none=True)
    sum(gan.discriminators(batch, step).values()).backward()
    assert all(p.grad is None for p in gan.networks["generator"].parameters())
    for name in ("texture", "surface"):
        assert any(p.grad.abs().sum() > 0 for p in gan.networks[name].parameters())


def test_relativistic_games_are_possible() -> None:
    gan = DrawingGAN(small(loss={"objective": "relativistic"}))
    assert torch.isfinite(sum(gan.generator(batch_of(gan), Step(0, 1, Noise(0))).values()))


@pytest.mark.parametrize("data", [{"size": 66}, {"size": 128}, {"size": 32}])
def test_sizes_that_do_not_fit_are_refused(data: dict[str, int]) -> None:
    with pytest.raises(RecipeError, match=r"data\.size"):
        small(data=data)


def test_imitation_learns_and_training_starts_from_a_trained_model(tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos")
    recipe = small(
        data={"photos": str(folder)},
        steps={"abstraction": 60, "adversarial": 2},
        ema={"decay": 0.0},
        optimizers={"imitation": {"lr": 3e-3, "warmup": 0}},
        train={"evaluate_every": 60, "preview_every": 0},
    )
    run = train(recipe, output=tmp_path / "first", quiet=True)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    scores = [json.loads(line)["drawing-l1"] for line in lines if "drawing-l1" in line]
    assert scores[1] < 0.7 * scores[0]

    again = DrawingGAN(small(model={"start": str(run)}))
    trained = DrawingGAN(recipe).networks["generator"]
    fresh = again.networks["generator"]
    assert not torch.equal(fresh.paint.weight, trained.paint.weight)
    with pytest.raises(RecipeError, match=r"model\.width"):
        DrawingGAN(small(model={"start": str(run), "width": 12}))


def test_the_shipped_recipe_is_valid_and_its_model_can_be_tiled() -> None:
    recipe = load_recipe("cartoon", ["data.photos=builtin:scenes", "data.art=builtin:sketches"])
    facts = DrawingGAN(recipe).model()
    assert facts["networks"] == ["generator"] and facts["multiple"] == 4
    assert facts["halo"] == DrawingGAN(recipe).networks["generator"].reach
