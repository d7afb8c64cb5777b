"""Every recipe of this plugin is played for a step or two of each stage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import multigan
from multigan import registry
from multigan.config.recipe import load_recipe
from multigan.data.media import write_image
from multigan.data.scenes import render, scene
from multigan.training.train import train

NAMES = [name for name in registry.recipes() if load_recipe(name).plugin == "captioning"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Scenes in the layouts that the recipes read."""
    rows, images, annotations = [], [], []
    for i in range(12):
        write_image(render(scene(i), 40), tmp_path / f"{i}.png")
        caption = f"there are {i % 3} things and a star"
        rows.append({"file": f"{i}.png", "caption": caption, "book": f"book {i % 4}"})
        images.append({"id": i, "file_name": f"{i}.png"})
        annotations += [{"image_id": i, "caption": caption}, {"image_id": i, "caption": "a star"}]
    coco = {"images": images, "annotations": annotations}
    (tmp_path / "captions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "captions.json").write_text(json.dumps(coco), encoding="utf-8")
    (tmp_path / "pages.jsonl").write_text('{"text": "a star and things"}\n', encoding="utf-8")
    return tmp_path


def vision_model(folder: Path) -> str:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        image_size=32, patch_size=8,
    )  # fmt: skip
    transformers.ViTModel(config).save_pretrained(folder / "vit")
    return str(folder / "vit")


@pytest.mark.parametrize("name", NAMES)
def test_recipe(name: str, photos: Path, short: list[str], tmp_path: Path) -> None:
    own = {
        "captiongan": ["data.builtin_size=30"],
        "captiongan-illustrations": [
            f"data.source={photos / 'captions.jsonl'}", f"data.text={photos / 'pages.jsonl'}",
            "steps.language=1",
        ],
        "captiongan-coco": [
            f"data.source={photos / 'captions.json'}", f"data.pictures={photos}",
            "train.workers=0", f"model.encoder={vision_model(photos)}",
        ],
    }[name]  # fmt: skip
    run = train(name, overrides=[*short, *own], output=tmp_path / "run", quiet=True)
    shown = json.loads((run / "exhibits" / "captions.json").read_text())
    assert [row[0] for row in shown["rows"]][-2:] == ["MLE", "GAN"]
    pipe: Any = multigan.pipeline(run)
    assert len(pipe([photos / "1.png", photos / "2.png"], count=2).texts) == 4


def test_language_comes_before_pictures(photos: Path, short: list[str], tmp_path: Path) -> None:
    """What is learned from sentences alone is what the sentences say."""
    (photos / "pages.jsonl").write_text('{"text": "the moon is far"}\n' * 2, encoding="utf-8")
    source = [f"data.source={photos / 'captions.jsonl'}", f"data.text={photos / 'pages.jsonl'}"]
    lengths = ["steps.language=60", "steps.mle=0", "steps.evaluator=0", "steps.adversarial=0"]
    learn = [
        "optimizers.pretraining.lr=0.01",
        "model.dropout=0",
        "ema.decay=0",
        "evaluate.exhibit=0",
    ]
    run = train(
        "captiongan-illustrations", overrides=[*short, *source, *learn, *lengths],
        output=tmp_path / "run", quiet=True,
    )  # fmt: skip
    pipe: Any = multigan.pipeline(run)
    grid = torch.zeros(1, pipe.encoder.cells, pipe.encoder.features)
    tokens = pipe._by_chance(grid, 1, 0, 0.0)[0]
    assert pipe.vocabulary.decode_batch(tokens) == ["the moon is far"]
