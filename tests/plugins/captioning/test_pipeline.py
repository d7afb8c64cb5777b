from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import multigan
from multigan.data.scenes import render, scene
from multigan.errors import DataError, PluginError


@pytest.fixture(scope="module")
def pipe(small_run: Path) -> Any:
    loaded = multigan.pipeline(small_run)
    # After two steps words hardly depend on pictures; the statistics of scenes make them.
    encoder: Any = loaded.components["encoder"].train()
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    scenes = torch.stack([torch.from_numpy(render(scene(i), 32)) for i in range(50)])
    encoder(scenes.permute(0, 3, 1, 2) / 127.5 - 1)
    encoder.eval()
    generator: Any = loaded.components["generator"]
    generator.output.weight.data.normal_(generator=torch.Generator().manual_seed(1))
    generator.keys_values.weight.data.mul_(4)
    return loaded


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    return [render(scene(i), 20 + 9 * i) for i in range(7)]


def test_batches_of_any_size_say_the_same(pipe: Any, pictures: list[np.ndarray]) -> None:
    for options in ({"temperature": 1.0}, {"temperature": 0.0}, {"beam": 4}):
        alone = [pipe(picture, count=3, seed=2, **options).captions[0] for picture in pictures]
        assert len({tuple(of) for of in alone}) > 1
        for batch in (1, 2, 5, 32):
            assert pipe(pictures, count=3, seed=2, batch=batch, **options).captions == alone


def test_seeds_and_counts(pipe: Any, pictures: list[np.ndarray]) -> None:
    few = pipe(pictures[0], count=2, temperature=1.0)
    more = pipe(pictures[0], count=4, temperature=1.0)
    assert more.captions[0][:2] == few.captions[0] and len(more.texts) == 4
    assert pipe(pictures[0], count=4, temperature=1.0, seed=1).captions != more.captions


def test_the_best_of_a_beam_comes_first(pipe: Any, pictures: list[np.ndarray]) -> None:
    found = pipe(pictures[0], count=5, beam=5).captions[0]
    assert pipe(pictures[0], beam=5).captions[0] == found[:1] and len(set(found)) == 5


def test_any_picture(pipe: Any) -> None:
    rgb = render(scene(3), 48)
    clear = np.dstack([rgb, np.full((48, 48), 255, np.uint8)])
    assert pipe(clear).captions == pipe(rgb).captions
    hidden = np.dstack([rgb, np.zeros((48, 48), np.uint8)])
    assert pipe(hidden).captions == pipe(np.full((48, 48, 3), 255, np.uint8)).captions
    grey = Image.fromarray(rgb).convert("L")
    assert pipe(grey).captions == pipe(grey.convert("RGB")).captions
    for size in ((1, 1), (1, 300), (2500, 40)):
        assert len(pipe(np.zeros((*size, 3), np.uint8)).texts) == 1
    batch = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
    assert pipe(batch).captions == pipe([rgb]).captions


def test_rotated_pictures_are_read_upright(pipe: Any, tmp_path: Path) -> None:
    rgb = Image.fromarray(render(scene(3), 48))
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    assert pipe(tmp_path / "turned.png").captions == pipe(rgb).captions


def test_which_caption_fits(pipe: Any, pictures: list[np.ndarray]) -> None:
    captions = ["there is a red circle", "we see two blue stars on a white background"]
    scores = pipe.match(pictures, captions)
    assert scores.shape == (7, 2)
    for i, picture in enumerate(pictures):
        for c, caption in enumerate(captions):
            torch.testing.assert_close(pipe.match(picture, [caption])[0, 0], scores[i, c])
    with pytest.raises(DataError, match="does not know zebra"):
        pipe.match(pictures[0], ["there is a zebra"])
    with pytest.raises(DataError, match="empty caption"):
        pipe.match(pictures[0], [" "])


def test_arguments_out_of_range(pipe: Any, pictures: list[np.ndarray]) -> None:
    for options in ({"count": 0}, {"temperature": -1}, {"beam": 2, "count": 3}, {"beam": 1000}):
        with pytest.raises(PluginError):
            pipe(pictures[0], **options)


def test_saved_and_loaded_again(pipe: Any, pictures: list[np.ndarray], tmp_path: Path) -> None:
    pipe.save(tmp_path / "model")
    again: Any = multigan.pipeline(tmp_path / "model")
    assert again(pictures, temperature=1.0).captions == pipe(pictures, temperature=1.0).captions
