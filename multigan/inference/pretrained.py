"""Saved models: a folder of JSON and safetensors that carries no code.

multigan.json              plugin, method, and the facts that its pipeline needs
NETWORK/config.json        {"class": "lstm-generator", "arguments": {...}}
NETWORK/model.safetensors
README.md                  the model card
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

import multigan
from multigan import registry
from multigan.errors import CheckpointError, suggestion
from multigan.plugin import load
from multigan.weights import fill, read_tensors

FORMAT = 1
FILES = ("multigan.json", "*/config.json", "*/model.safetensors", "README.md")
"""All that a model consists of, and all that is fetched from a hub: never a pickle, never code."""


def save_model(
    folder: Path,
    facts: Mapping[str, Any],
    networks: Mapping[str, nn.Module],
    *,
    plugin: str,
    method: str,
    card: str,
    half: bool = False,
) -> None:
    """Writes a model folder, replacing the one that is there only once the new one is whole.

    Args:
        folder: Where to.
        facts: JSON-able; what the pipeline needs beside the weights.
        networks: Name -> a `multigan.nn.network.Network`.
        plugin: Name of the plugin that can load it.
        method: How it was trained.
        card: Markdown for README.md.
        half: Store floating-point weights in half precision.
    """
    classes = {cls: name for name, cls in load(registry.plugin(plugin).networks).NETWORKS.items()}
    partial = folder.with_name(f".{folder.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    for name, network in networks.items():
        (partial / name).mkdir(parents=True)
        config = {"class": classes[type(network)], "arguments": network.config}
        _write_json(partial / name / "config.json", config)
        weights = {
            key: (value.half() if half and value.is_floating_point() else value)
            .detach()
            .cpu()
            .contiguous()
            for key, value in network.state_dict().items()
        }
        try:
            save_file(weights, partial / name / "model.safetensors")
            (partial / name / "model.safetensors").chmod(0o644)  # safetensors lets nobody else read
        except SafetensorError as error:  # how safetensors reports a full disk
            raise CheckpointError(f"cannot write the model {folder}: {error}") from error
    document = {
        "format": FORMAT,
        "multigan": multigan.__version__,
        "plugin": plugin,
        "method": method,
        "facts": {**facts, "networks": sorted(networks)},
    }
    _write_json(partial / "multigan.json", document)
    (partial / "README.md").write_text(card, encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(partial, folder)


def replace_folder(source: Path, folder: Path) -> None:
    """Copies a model folder in the place of another, which is there until the copy is whole."""
    partial = folder.with_name(f".{folder.name}.partial")
    if partial.exists():
        shutil.rmtree(partial)
    shutil.copytree(source, partial)
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(partial, folder)


def load_model(folder: Path) -> tuple[str, dict[str, nn.Module], dict[str, Any]]:
    """Reads a model folder.

    Returns:
        The plugin's name, the networks in eval mode on the CPU in fp32, and the facts.

    Raises:
        CheckpointError: Missing, damaged, tampered with, or from a newer format.
        PluginError: The plugin is not installed.
    """
    document = _read_json(folder / "multigan.json")
    if document.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder / 'multigan.json'} has format {document.get('format')!r}; this multigan "
            f"reads format {FORMAT}"
        )
    plugin, facts = document.get("plugin"), document.get("facts")
    if not isinstance(plugin, str) or not isinstance(facts, dict):
        raise CheckpointError(f"{folder / 'multigan.json'} is damaged: no plugin or no facts")
    known = load(registry.plugin(plugin).networks).NETWORKS
    networks: dict[str, nn.Module] = {}
    names = facts.get("networks")
    if not isinstance(names, list) or not all(_is_plain(name) for name in names):
        raise CheckpointError(
            f"{folder / 'multigan.json'} is damaged: 'networks' must list folder names"
        )
    for name in names:
        networks[name] = _load_network(folder / name, known)
    return plugin, networks, {**facts, "plugin": plugin, "method": document.get("method")}


def find_model(source: str | Path) -> Path:
    """Resolves a model folder, a run folder, a shipped model or a hub id to a local model folder.

    Raises:
        CheckpointError: There is no model of that name.
    """
    path = Path(source).expanduser()
    for folder in (path, path / "model"):
        if (folder / "multigan.json").is_file():
            return folder
    shipped = {
        name: folder
        for plugin in registry.plugins()
        for name, folder in registry.shipped_models(plugin).items()
    }
    if str(source) in shipped and not path.is_file():
        return shipped[str(source)]
    if path.is_dir():
        raise CheckpointError(f"{path} holds no model: neither multigan.json nor model/ is in it")
    if path.exists():
        raise CheckpointError(
            f"{path} is a file; a model is a folder with multigan.json and safetensors, and is "
            "never read from a pickle (multigan import makes one of other projects' files)"
        )
    if str(source).count("/") == 1 and not str(source).startswith((".", "/", "~")):
        return _download(str(source))
    raise CheckpointError(
        f"no model at {source}{suggestion(str(source), shipped)}; or name a run folder, a model "
        "folder or a hub id"
    )


def push_model(folder: Path, repository: str, *, private: bool = False) -> str:
    """Uploads a model folder to the Hugging Face hub.

    Returns:
        The address of the commit.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    api.create_repo(repository, private=private, exist_ok=True)
    commit = api.upload_folder(repo_id=repository, folder_path=folder, allow_patterns=list(FILES))
    return str(commit)


def _download(repository: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, allow_patterns=list(FILES)))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise CheckpointError(
            f"no folder {repository} here, and no model {repository} on the hub can be reached "
            f"({type(error).__name__})"
        ) from error


def _load_network(folder: Path, known: Mapping[str, type[nn.Module]]) -> nn.Module:
    config = _read_json(folder / "config.json")
    name, arguments = config.get("class"), config.get("arguments")
    if not isinstance(name, str) or name not in known or not isinstance(arguments, dict):
        raise CheckpointError(
            f"{folder / 'config.json'}: unknown network {name!r}{suggestion(str(name), known)}"
        )
    path = folder / "model.safetensors"
    tensors = read_tensors(path)
    shapes = {} if _modest(arguments, tensors) else _shapes(known[name], arguments)
    if any(shape != tensors[key].shape for key, shape in shapes.items() if key in tensors):
        raise CheckpointError(f"{path} does not fit the arguments in {folder / 'config.json'}")
    try:
        network = known[name](**arguments)
    except Exception as error:  # whatever a constructor makes of arguments that nobody has tried
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        raise CheckpointError(
            f"{folder / 'config.json'}: impossible arguments: {problem}"
        ) from error
    fill(network, tensors, path)
    return network.eval().requires_grad_(False)


def _modest(arguments: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> bool:
    """Whether the sizes asked for are so far below what is stored that building it is no danger.

    Spares the use of a style the meta device, which takes torch a second to import.
    """
    sizes = [value for value in arguments.values() if isinstance(value, int) and value > 1]
    return 64 * math.prod(sizes) <= sum(tensor.numel() for tensor in tensors.values())


def _shapes(cls: type[nn.Module], arguments: Mapping[str, Any]) -> dict[str, torch.Size]:
    """What the arguments ask for, without its memory; empty where that cannot be told so."""
    try:
        with torch.device("meta"):
            return {key: value.shape for key, value in cls(**arguments).state_dict().items()}
    except Exception:  # a constructor that reads numbers back; the real one comes next
        return {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: not JSON") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path} is damaged: not a JSON object")
    return document


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(
        json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )


def _is_plain(name: Any) -> bool:
    """A folder name and nothing that could lead elsewhere."""
    return isinstance(name, str) and name.replace("_", "").replace("-", "").isalnum()
