"""The models in the repository: they load, say what their cards say, and are as small."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import multigan
from multigan import registry
from multigan.data.audio import read_sound, write_sound
from multigan.plugins.audio.pairs import distances_of

ROOT = Path(__file__).parent.parent
LIMITS = {"image": 4, "motion": 8, "text": 8, "translation": 8}  # MB
LIMITS |= {"audio": 8, "captioning": 8, "video": 8}

MODELS = [
    (plugin, name, folder)
    for plugin in registry.plugins()
    for name, folder in registry.shipped_models(plugin).items()
]


@pytest.mark.parametrize(("plugin", "name", "folder"), MODELS, ids=[m[1] for m in MODELS])
def test_is_small_and_has_a_card(plugin: str, name: str, folder: Path) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    assert size <= LIMITS[plugin] * 1e6
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"# {name}" in card and "licence" in card and "## How it was trained" in card
    assert card.startswith("---\nlicense:")


def test_every_kind_of_model_is_listed(cli: Any) -> None:
    listed = cli("list", "models").out + cli("list", "styles").out
    assert {line.split()[0] for line in listed.splitlines()} == {name for _, name, _ in MODELS}


def test_text_en_writes_words(cli: Any) -> None:
    shown = cli("sample", "text-en", "-n", 6, "--temperature", 0.7, "--seed", 2)
    lines = shown.out.splitlines()
    assert len(set(lines)) == 6
    assert all(re.fullmatch(r"[a-z0-9' ,.\-&!?:;\"()/$%#]+", line) for line in lines)
    assert cli("sample", "text-en", "-n", 6, "--temperature", 0.7, "--seed", 2).out == shown.out
    prompted = cli("sample", "text-en", "-n", 3, "--prompt", "two dogs").out.splitlines()
    assert all(line.startswith("two dogs") for line in prompted)
    assert "has no --truncation" in cli("sample", "text-en", "--truncation", 1).err


def test_text_zh_writes_quatrains() -> None:
    poems = multigan.pipeline("text-zh")(40, temperature=0.6).texts  # type: ignore[operator]
    form = r"(?:[^，。]{5}，[^，。]{5}。){2}|(?:[^，。]{7}，[^，。]{7}。){2}"
    assert sum(re.fullmatch(form, poem) is not None for poem in poems) > 30


def test_digits_are_what_was_asked_for(cli: Any, tmp_path: Path) -> None:
    from multigan.plugins.image.features import extractor

    digits: Any = multigan.pipeline("digits")
    made = digits(50)
    judge: Any = extractor("digits")
    judged = judge.logits(judge(made.tensor)).argmax(1).tolist()
    assert sum(str(j) == label for j, label in zip(judged, made.labels, strict=True)) > 44
    assert cli("sample", "digits", "--interpolate", tmp_path / "x.mp4", "-n", 2).code == 0
    assert (tmp_path / "x.mp4").stat().st_size > 1000


def test_tiles_have_transparent_backgrounds_and_walls_have_none() -> None:
    tiles: Any = multigan.pipeline("tiles")
    assert tiles.classes == ("character", "dungeon", "item", "monster")
    alpha = tiles(80, seed=3).tensor[:, 3].flatten(1).mean(1).view(-1, 4).mean(0)
    assert alpha[1] > 0.7 and alpha[[0, 2, 3]].max() < 0.6
    assert tiles(1).images[0].mode == "RGBA"


def test_sprites_do_what_was_asked_for_and_go_on() -> None:
    from multigan.plugins.video.features import extractor

    sprites: Any = multigan.pipeline("sprites")
    made = sprites(17, seed=4, length=32)
    judge: Any = extractor("sprite-actions")
    for clips in (made.clips[:, :8], made.clips[:, 24:]):
        found = judge.logits(judge.features(clips)).argmax(1).tolist()
        right = sum(judge.class_names[i] == n for i, n in zip(found, made.labels, strict=True))
        assert right >= 16
    assert made.clips[:, :, :, 0, 0].min() > 0.9  # white corners


def test_spoken_digits_are_what_was_asked_for_in_all_voices(cli: Any, tmp_path: Path) -> None:
    pipe: Any = multigan.pipeline("audio", style="spoken-digits")
    made = pipe(60)
    assert len(set(made.labels)) == 60 and made.rate == 8000
    judged = multigan.pipeline("spoken-digits-classifier")(made.waveforms).labels  # type: ignore
    assert sum(j == label[0] for j, label in zip(judged, made.labels, strict=True)) > 54
    assert cli("sample", "spoken-digits", "-n", 2, "--label", "7", "-o", tmp_path).code == 0
    assert sorted(path.name for path in tmp_path.glob("*.wav")) == [
        "7_george_0.wav",
        "7_jackson_1.wav",
    ]
    assert "no class 'seven'" in cli("sample", "spoken-digits", "--label", "seven").err


def test_the_vocoder_is_nearer_than_griffin_lim_and_says_the_same(cli: Any, tmp_path: Path) -> None:
    """Nearer to a voice of its own making; spoken-digits' sounds come from Griffin-Lim."""
    time = np.arange(8000) / 8000
    phase = 2 * np.pi * (120 * time + 10 * np.sin(2 * np.pi * time))
    voice = sum(np.sin(k * phase) / k for k in range(1, 12)) * np.hanning(8000)
    breath = 0.02 * np.random.default_rng(0).normal(size=8000)
    write_sound(tmp_path / "voice.wav", (0.2 * voice + breath).astype(np.float32), 8000)
    assert cli("vocode", tmp_path / "voice.wav", "-o", tmp_path / "made.wav").code == 0
    words = ["--griffin-lim", 32, "-o", tmp_path / "without.wav"]
    assert cli("vocode", tmp_path / "voice.wav", *words).code == 0
    real = read_sound(tmp_path / "voice.wav")
    made, without = (
        distances_of(read_sound(tmp_path / f"{name}.wav").samples, real)
        for name in ("made", "without")
    )
    assert all(made[name] < 0.95 * without[name] for name in ("mel-l1", "mcd")), (made, without)

    digits: Any = multigan.pipeline("spoken-digits")
    vocoder: Any = multigan.pipeline("vocoder-8khz")
    said = digits(30, seed=5)
    copies = vocoder(vocoder.hear(said.waveforms)).waveforms
    judged = multigan.pipeline("spoken-digits-classifier")(copies).labels  # type: ignore[operator]
    assert sum(j == label[0] for j, label in zip(judged, said.labels, strict=True)) > 26


def test_a_sprite_does_what_another_one_does() -> None:
    """Films of generated characters, played by the first frames of others."""
    from multigan.plugins.video.features import extractor

    sprites: Any = multigan.pipeline("sprites")
    animator: Any = multigan.pipeline("sprite-animator")
    judge: Any = extractor("sprite-actions")
    driving = sprites(17, seed=4, length=8)
    with torch.inference_mode():
        actions = animator.extractor(driving.clips * 2 - 1)
        looks = sprites(17, seed=5, length=2).clips[:, 0].roll(5, 0) * 2 - 1
        made = animator.animator(looks, actions).float().add(1).div(2).clamp(0, 1)
    found = judge.logits(judge.features(made)).argmax(1).tolist()
    right = sum(judge.class_names[i] == n for i, n in zip(found, driving.labels, strict=True))
    assert right >= 15
