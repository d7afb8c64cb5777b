"""Checkpoints of other projects: what is read, and one clear line for everything else."""

from __future__ import annotations

import hashlib
import os
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import multigan
from multigan.errors import CheckpointError
from multigan.inference.foreign import import_model, open_checkpoint, read_state

PLUGIN = """
from dataclasses import replace
from multigan_toy import PLUGIN as TOY
PLUGIN = replace(
    TOY, name="peer", methods={}, imports="multigan_peer.layouts:imported",
    layouts={"two-layers": "generators of points of another project"},
)
"""
LAYOUTS = """
from multigan.errors import CheckpointError
from multigan.inference.foreign import Imported
from multigan_toy.networks import MLP

def imported(state):
    if "fc1.weight" not in state:
        return None
    if "fc2.weight" not in state:
        raise CheckpointError("looks like two-layers, but fc2 is missing")
    network = MLP(4, 8, 2)
    names = {"fc1": "layers.0", "fc2": "layers.3"}
    network.load_state_dict({names[key[:3]] + key[3:]: value for key, value in state.items()})
    return Imported("two-layers", {"generator": network}, {"latents": 4}, ("Points only.",))
"""


@pytest.fixture(autouse=True)
def peer(installed_toy: Path, tmp_path: Path, distribution: Any, importable: Any) -> Iterator[None]:
    """A plugin that knows one layout, and one that cannot say what it knows."""
    site = tmp_path / "site"
    broken = 'PLUGIN = replace(TOY, name="a_broken", methods={}, imports="nothing:here")\n'
    for name, text in (
        ("multigan_peer", PLUGIN),
        ("a_broken", PLUGIN.split("PLUGIN = ")[0] + broken),
    ):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text(text)
        distribution(site, name.replace("_", "-"), f"{name} = {name}:PLUGIN")
    (site / "multigan_peer" / "layouts.py").write_text(LAYOUTS)
    with importable(site):
        yield


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4, 8), nn.Linear(8, 2)


def weights(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return Net().state_dict()


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + key: tensor for key, tensor in weights().items()}


WRAPPED: dict[str, Callable[[], Any]] = {
    "plain": weights,
    "parameters": lambda: {key: nn.Parameter(tensor) for key, tensor in weights().items()},
    "DataParallel": lambda: prefixed("module."),
    "compiled": lambda: prefixed("_orig_mod."),
    "both": lambda: prefixed("module._orig_mod."),
    "state_dict": lambda: {"epoch": 3, "state_dict": prefixed("module."), "optimizer": {"lr": 1.0}},
    "params": lambda: {"params": weights()},
    "nested": lambda: {"model": {"generator": weights(), "discriminator": weights(1)}},
    "average": lambda: {"generator": weights(1), "g_ema": weights(), "step": torch.tensor(3)},
    "more than tensors": lambda: {**weights(), "epoch": 3, "name": "x"},
}


@pytest.mark.parametrize("name", WRAPPED)
@pytest.mark.parametrize("zipped", [True, False])
def test_generators_are_found_in_what_surrounds_them(name, zipped, tmp_path):
    file = tmp_path / "x.pth"
    torch.save(WRAPPED[name](), file, _use_new_zipfile_serialization=zipped)
    state = read_state(file)
    assert list(state) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    for key, tensor in weights().items():
        assert torch.equal(state[key], tensor)


def test_safetensors(tmp_path):
    save_file(prefixed("module."), tmp_path / "x.safetensors")
    assert read_state(tmp_path / "x.safetensors").keys() == weights().keys()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "latest.pth"
    torch.save(weights(), path)
    return path


def test_from_a_file_to_samples(cli, file, tmp_path):
    folder = tmp_path / "points"
    done = cli("import", file, "--output", folder)
    assert (done.code, done.out, done.err) == (0, f"{folder}\n", "")
    samples = multigan.pipeline(folder).sample(3, seed=1).texts
    assert samples == open_checkpoint(file).sample(3, seed=1).texts
    noise = torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    net = Net()
    net.load_state_dict(weights())
    expected = net.fc2(net.fc1(noise).tanh())
    assert samples == [f"{x:.3f} {y:.3f}" for x, y in expected.tolist()]
    card = (folder / "README.md").read_text()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    for said in ("# points", "latest.pth", digest, "two-layers", "58", "of the original", "Points"):
        assert said in card
    assert not [path for path in folder.rglob("*") if path.suffix in (".pth", ".pt", ".py")]


def test_the_card_can_have_another_name(cli, file, tmp_path):
    assert cli("import", file, "-o", tmp_path / "points", "--name", "Monet, later").code == 0
    assert "# Monet, later\n" in (tmp_path / "points" / "README.md").read_text()


def test_an_opened_checkpoint_can_be_saved(file, tmp_path):
    pipe = open_checkpoint(file, device="cpu")
    pipe.save(tmp_path / "saved")
    assert multigan.pipeline(tmp_path / "saved").sample(2).texts == pipe.sample(2).texts


def test_lists_and_the_doctor(cli):
    assert "two-layers  " in cli("list", "imports").out
    doctor = cli("doctor").out
    assert re.search(r"^plugin a_broken +BROKEN: cannot load 'nothing:here'", doctor, re.MULTILINE)
    assert re.search(r"^plugin peer +works", doctor, re.MULTILINE)


# What cannot be imported


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("pwned",)


def truncated(path: Path, *, zipped: bool) -> None:
    torch.save(weights(), path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.8)])


def cyclic(path: Path) -> None:
    content: dict[str, Any] = {"epoch": 1}
    content["model"] = content
    torch.save(content, path)


def not_finite(path: Path) -> None:
    state = weights()
    state["fc1.bias"][3] = torch.nan
    torch.save(state, path)


MISTAKES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "missing": (lambda path: None, "does not exist"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (lambda path: path.write_text("<html>404</html>"), "no PyTorch checkpoint"),
    "nonsense": (lambda path: path.write_bytes(b"\x80\x02hello"), "no PyTorch checkpoint"),
    "truncated": (lambda path: truncated(path, zipped=True), "damaged, incomplete"),
    "truncated, legacy": (lambda path: truncated(path, zipped=False), "damaged, incomplete"),
    "code": (lambda path: torch.save({"a": Evil()}, path), "code in it (posix.mkdir)"),
    "code, legacy": (
        lambda path: torch.save({"a": Evil()}, path, _use_new_zipfile_serialization=False),
        "code in it (posix.mkdir)",
    ),
    "code, plain": (lambda path: path.write_bytes(pickle.dumps(Evil(), 2)), "code in it"),
    "module": (lambda path: torch.save(nn.Linear(2, 2), path), "state_dict() alone"),
    "numbers": (lambda path: torch.save([1, 2], path), "holds a list"),
    "no tensors": (lambda path: torch.save({"epoch": 3, "loss": 1.0}, path), "epoch, loss"),
    "nothing": (lambda path: torch.save({}, path), "but nothing"),
    "cyclic": (cyclic, "holds no named tensors"),
    "not finite": (not_finite, "fc1.bias is not finite"),
    "incomplete": (lambda path: torch.save({"fc1.weight": torch.ones(2)}, path), "fc2 is missing"),
    "unknown": (
        lambda path: torch.save({f"up.{i}.w": torch.ones(i, 2) for i in range(9)}, path),
        "9 tensors, the first are up.0.w (0, 2), up.1.w (1, 2)",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_one_line_and_exit_code_2(name, cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, message = MISTAKES[name]
    make(tmp_path / "x.pth")
    result = cli("import", "x.pth", "-o", "out")
    assert result.code == 2 and result.out == ""
    assert result.err.startswith("error: x.pth ") or name == "not finite"
    assert result.err.count("\n") == 1 and len(result.err) < 400
    assert message in result.err
    assert not (tmp_path / "out").exists() and not (tmp_path / "pwned").exists()


def test_an_unknown_layout_says_what_is_known(tmp_path):
    torch.save({"w": torch.ones(2)}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"known are .*two-layers.*list imports"):
        open_checkpoint(tmp_path / "x.pth")


def test_torchscript_is_refused(tmp_path):
    import zipfile

    torch.save(weights(), tmp_path / "x.pt")
    with zipfile.ZipFile(tmp_path / "x.pt", "a") as archive:  # what tells TorchScript apart
        archive.writestr("x/constants.pkl", b"")
    with pytest.raises(CheckpointError, match="is TorchScript, which is code"):
        read_state(tmp_path / "x.pt")


def test_damaged_safetensors(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"\x10")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        read_state(tmp_path / "x.safetensors")


def test_no_folder_is_overwritten(cli, file, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    for place in (tmp_path / "photos", file, file / "inside"):
        result = cli("import", file, "-o", place)
        assert result.code == 2 and result.err.count("\n") == 1
    assert (tmp_path / "photos" / "a.jpg").exists() and file.is_file()
    (tmp_path / "empty").mkdir()
    assert import_model(file, tmp_path / "empty") == tmp_path / "empty"
