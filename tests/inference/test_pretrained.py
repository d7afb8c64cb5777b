"""Saved models: whole round trips, and one clear line for everything that is not a whole model."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import multigan
from multigan.errors import CheckpointError, MultiganError
from multigan.inference.pretrained import FILES, load_model, save_model


@pytest.fixture
def model(installed_toy: Path, tmp_path: Path) -> Path:
    from multigan_toy.networks import MLP

    torch.manual_seed(0)
    folder = tmp_path / "model"
    networks = {"generator": MLP(4, 8, 2, batchnorm=True)}
    save_model(folder, {"latents": 4}, networks, plugin="toy", method="ring", card="# A ring\n")
    return folder


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def one_line(folder: str | Path) -> str:
    with pytest.raises(MultiganError) as error:
        multigan.pipeline(folder)
    message = str(error.value)
    assert "\n" not in message
    assert 10 < len(message) < 600
    return message


def test_round_trip(model: Path, tmp_path: Path) -> None:
    pipe = multigan.pipeline(model)
    pipe.save(tmp_path / "again")
    again = multigan.pipeline(tmp_path / "again")
    assert pipe.sample(5, seed=1).texts == again.sample(5, seed=1).texts
    assert pipe.sample(5, seed=1).texts != again.sample(5, seed=2).texts
    network = again.components["generator"]
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert (tmp_path / "again" / "README.md").read_text() == "# A ring\n"
    assert {p.name for p in model.iterdir()} == {"multigan.json", "generator", "README.md"}


def test_half_precision_is_widened_when_read(model: Path, tmp_path: Path) -> None:
    plugin, networks, facts = load_model(model)
    half = tmp_path / "half"
    save_model(
        half, {"latents": 4}, networks, plugin=plugin, method=facts["method"], card="", half=True
    )
    stored = load_file(half / "generator" / "model.safetensors")
    assert stored["layers.0.weight"].dtype == torch.float16
    assert stored["layers.1.num_batches_tracked"].dtype == torch.int64
    read = load_model(half)[1]["generator"].state_dict()
    for name, value in networks["generator"].state_dict().items():
        assert read[name].dtype == value.dtype
        torch.testing.assert_close(read[name], value, rtol=1e-3, atol=1e-6)


def test_a_failed_save_keeps_the_old_model(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from multigan.inference import pretrained

    before = multigan.pipeline(model).sample(3).texts
    _, networks, _ = load_model(model)
    nn.init.zeros_(networks["generator"].layers[0].weight)

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pretrained, "save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_model(model, {"latents": 4}, networks, plugin="toy", method="ring", card="")
    assert multigan.pipeline(model).sample(3).texts == before
    monkeypatch.undo()
    save_model(model, {"latents": 4}, networks, plugin="toy", method="ring", card="")
    assert multigan.pipeline(model).sample(3).texts != before
    assert not list(model.parent.glob(".*"))


MANIFEST: dict[str, Callable[[dict[str, Any]], Any]] = {
    "format 2": lambda d: d.update(format=2),
    "no format": lambda d: d.pop("format"),
    "no plugin": lambda d: d.pop("plugin"),
    "unknown plugin": lambda d: d.update(plugin="tooy"),
    "plugin is a list": lambda d: d.update(plugin=["toy"]),
    "no facts": lambda d: d.pop("facts"),
    "facts are a list": lambda d: d.update(facts=[]),
    "no networks": lambda d: d["facts"].pop("networks"),
    "networks are a word": lambda d: d["facts"].update(networks="generator"),
    "network not there": lambda d: d["facts"].update(networks=["generator", "other"]),
    "network above": lambda d: d["facts"].update(networks=["../model/generator"]),
    "network is ..": lambda d: d["facts"].update(networks=[".."]),
    "network is absolute": lambda d: d["facts"].update(networks=["/etc"]),
    "network is empty": lambda d: d["facts"].update(networks=[""]),
    "network is a number": lambda d: d["facts"].update(networks=[1]),
}


@pytest.mark.parametrize("name", MANIFEST)
def test_tampered_manifest(model: Path, name: str) -> None:
    edit(model / "multigan.json", MANIFEST[name])
    one_line(model)


CONFIG: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no class": lambda d: d.pop("class"),
    "unknown class": lambda d: d.update({"class": "os.system"}),
    "class is a list": lambda d: d.update({"class": ["mlp"]}),
    "no arguments": lambda d: d.pop("arguments"),
    "arguments are a list": lambda d: d.update(arguments=[4, 8, 2]),
    "missing argument": lambda d: d["arguments"].pop("hidden"),
    "unknown argument": lambda d: d["arguments"].update(device="cuda"),
    "argument is a word": lambda d: d["arguments"].update(hidden="8"),
    "argument is null": lambda d: d["arguments"].update(hidden=None),
    "negative": lambda d: d["arguments"].update(hidden=-8),
    "zero": lambda d: d["arguments"].update(hidden=0),
    "other size": lambda d: d["arguments"].update(hidden=9),
    "terabytes": lambda d: d["arguments"].update(hidden=10**11),
    "beyond 64 bits": lambda d: d["arguments"].update(hidden=10**30),
    "no batch norm": lambda d: d["arguments"].update(batchnorm=False),
}


@pytest.mark.parametrize("name", CONFIG)
def test_tampered_arguments(model: Path, name: str) -> None:
    edit(model / "generator" / "config.json", CONFIG[name])
    one_line(model)


def test_huge_arguments_take_no_memory(model: Path) -> None:
    """Eight gigabytes that the weights do not fill are refused before they are reserved."""
    import resource

    edit(model / "generator" / "config.json", lambda d: d["arguments"].update(hidden=500_000_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "does not fit" in one_line(model)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_constructor_that_reads_numbers_back_still_loads(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from multigan_toy.networks import MLP

    original = MLP.__init__

    def reading(self: Any, *args: Any, **kwargs: Any) -> None:
        float(torch.linspace(0, 1, 3)[1])  # impossible on the meta device
        original(self, *args, **kwargs)

    monkeypatch.setattr(MLP, "__init__", reading)
    assert len(multigan.pipeline(model).sample(2).texts) == 2


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("file", ["multigan.json", "generator/config.json"])
def test_damaged_json(model: Path, file: str, content: bytes) -> None:
    (model / file).write_bytes(content)
    assert "damaged" in one_line(model)


class Evil:
    def __reduce__(self) -> Any:
        return (Path("evil-ran").touch, ())


def test_damaged_weights(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    weights = model / "generator" / "model.safetensors"
    whole = weights.read_bytes()
    for content in (
        whole[:-4], whole[:40], b"", b"\xff" * 200, b"\xff" * 8 + whole[8:], pickle.dumps(Evil()),
    ):  # fmt: skip
        weights.write_bytes(content)
        assert "not a whole safetensors file" in one_line(model)
    weights.unlink()
    assert "does not exist" in one_line(model)
    weights.mkdir()
    one_line(model)
    weights.rmdir()
    torch.save({"layers.0.weight": torch.zeros(8, 4)}, weights)
    one_line(model)
    tensors = {"other": torch.zeros(3)}
    save_file(tensors, weights)
    assert "does not fit this architecture" in one_line(model)
    assert not Path("evil-ran").exists()


def test_things_that_are_no_model(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("model.pth", "model.safetensors", "multigan.json"):
        Path(name).write_bytes(pickle.dumps(Evil()))
        assert "is a file; a model is a folder" in one_line(name)
    Path("empty").mkdir()
    assert "holds no model" in one_line("empty")
    for name in ("nothing", "./no/thing", "/no/thing", "a/b/c"):
        assert "no model at" in one_line(name)
    shutil.rmtree(model / "generator")
    assert "cannot be read" in one_line(model)
    assert not Path("evil-ran").exists()


def test_hub_download_takes_no_code_and_no_pickle(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fnmatch

    import huggingface_hub

    asked: dict[str, Any] = {}

    def snapshot(repository: str, **options: Any) -> str:
        asked.update(repository=repository, **options)
        return str(model)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert len(multigan.pipeline("someone/ring").sample(2).texts) == 2
    assert asked["repository"] == "someone/ring"
    assert sorted(asked["allow_patterns"]) == sorted(FILES)
    for name in ("pytorch_model.bin", "g/model.pt", "model.pkl", "g/modeling.py", "a.py", "x.pth"):
        assert not any(fnmatch.fnmatch(name, pattern) for pattern in FILES)


def test_offline_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    assert "no model someone/ring on the hub can be reached" in one_line("someone/ring")
    assert "on the hub" in one_line("someone/-ring--")


def test_push(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    calls: list[tuple[str, dict[str, Any]]] = []

    class Api:
        def create_repo(self, repository: str, **options: Any) -> None:
            calls.append(("create", {"repository": repository, **options}))

        def upload_folder(self, **options: Any) -> str:
            calls.append(("upload", options))
            return "https://hub/commit/1"

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert multigan.pipeline(model).push_to_hub("me/ring", private=True) == "https://hub/commit/1"
    assert calls[0] == ("create", {"repository": "me/ring", "private": True, "exist_ok": True})
    assert calls[1][1]["folder_path"] == model
    assert sorted(calls[1][1]["allow_patterns"]) == sorted(FILES)


def test_push_of_what_lies_nowhere(model: Path) -> None:
    pipe = multigan.pipeline(model)
    pipe.source = None
    with pytest.raises(CheckpointError, match="before pushing"):
        pipe.push_to_hub("me/ring")


def test_facts_that_a_pipeline_misses_are_one_line(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from multigan_toy.pipeline import ToyPipeline

    def needy(self: Any, components: Any, facts: dict[str, Any]) -> None:
        self.vocabulary = facts["vocabulary"]

    monkeypatch.setattr(ToyPipeline, "__init__", needy)
    assert "does not say what a toy model needs" in one_line(model)


def test_unknown_styles_and_plugins(installed_toy: Path) -> None:
    with pytest.raises(MultiganError, match="needs style="):
        multigan.pipeline("toy")
    with pytest.raises(MultiganError, match="unknown toy style 'x'"):
        multigan.pipeline("toy", style="x")
    with pytest.raises(MultiganError, match="unknown plugin 'tooy'"):
        multigan.pipeline("tooy", style="x")
