"""Somebody else's generator from the file to a translated photo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import multigan


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (36, 44, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def as_they_would(peer: torch.nn.Module, photo: Path) -> np.ndarray:
    """Their results, rounded."""
    x = torch.from_numpy(pixels(photo).copy()).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        return peer(x)[0].permute(1, 2, 0).add(1).mul(127.5).round().byte().numpy()


@pytest.mark.parametrize("name", ["resnet", "cut", "animegan"])
def test_import_then_translate(peers: Any, name: str, cli: Any, photo: Path, tmp_path: Path):
    torch.manual_seed(0)
    peer = getattr(peers, name)()
    torch.save(peer.state_dict(), tmp_path / "latest_net_G.pth")
    folder = tmp_path / "their_style"
    done = cli("import", tmp_path / "latest_net_G.pth", "--output", folder)
    assert (done.code, done.out) == (0, f"{folder}\n")
    made = np.asarray(multigan.pipeline(folder)(photo).images[0])
    assert made.shape == (36, 44, 3) and made.std() > 5
    # A value on the edge between two levels may fall on either side.
    assert np.abs(made.astype(int) - as_they_would(peer, photo)).max() <= 1
    assert cli("translate", photo, "--model", folder).code == 0
    assert np.array_equal(pixels(tmp_path / "photo-their_style.png"), made)


def test_translate_with_weights_in_one_go(peers: Any, cli: Any, photo: Path, tmp_path: Path):
    """Each way of storing the same generator gives the same picture."""
    peer = peers.unet(dropout=True)
    state = peer.state_dict()
    moved = {f"module.{key}": tensor for key, tensor in state.items()}
    torch.save(state, tmp_path / "zip.pth")
    torch.save(moved, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": moved, "epoch": 200}, tmp_path / "wrapped.pt")
    save_file(
        {key: tensor.contiguous() for key, tensor in state.items()}, tmp_path / "s.safetensors"
    )
    results = []
    for name in ("zip.pth", "old.pth", "wrapped.pt", "s.safetensors"):
        done = cli("translate", photo, "--weights", tmp_path / name)
        target = tmp_path / f"photo-{name.partition('.')[0]}.png"
        assert (done.code, done.out, done.err) == (0, f"{target}\n", "")
        results.append(pixels(target))
    assert results[0].shape == (36, 44, 3) and results[0].std() > 5
    assert all(np.array_equal(result, results[0]) for result in results)


def test_a_discriminator_is_told_apart(peers: Any, cli: Any, photo: Path, tmp_path: Path):
    torch.save(peers.judge().state_dict(), tmp_path / "latest_net_D.pth")
    failed = cli("translate", photo, "--weights", tmp_path / "latest_net_D.pth")
    assert failed.code == 2 and failed.out == "" and failed.err.count("\n") == 1
    assert "latest_net_D.pth is a discriminator" in failed.err
    assert "latest_net_G.pth" in failed.err


@pytest.mark.parametrize(
    "words", [(), ("--weights", "x.pth", "--style", "cartoon"), ("--weights", "x", "--model", "y")]
)
def test_one_of_three(words: tuple[str, ...], cli: Any, photo: Path):
    failed = cli("translate", photo, *words)
    assert failed.code == 2 and "one of --style NAME" in failed.err
