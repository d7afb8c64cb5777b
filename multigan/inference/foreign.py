"""Checkpoints of other projects: from whatever file they left to a model folder of ours.

The core reads the file and finds the named tensors in it, without running anything that it holds.
Whose layout they have, each plugin says for itself (`multigan.plugin.Plugin.imports`).
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from multigan import registry
from multigan.errors import CheckpointError
from multigan.inference.pipeline import Pipeline
from multigan.inference.pretrained import save_model
from multigan.plugin import Plugin, load
from multigan.weights import read_tensors

# Where training scripts keep the generator beside the step and the optimisers; of two, the average
# over the training comes first, for it is what their authors generate with.
WRAPPERS = (
    "g_ema", "params_ema", "generator", "netG", "G", "state_dict", "model_state_dict", "params",
    "model", "net",
)  # fmt: skip
PREFIXES = ("module.", "_orig_mod.")  # of DataParallel and torch.compile
SHOWN = 4  # tensors in the message about an unknown layout
NESTED = 4  # wrappers around wrappers
SETTINGS = "config.json"  # where some projects say beside the weights what these do not tell
LONGEST = 1_000_000  # bytes of it


class Checkpoint(dict[str, Tensor]):
    """Named tensors.

    Attributes:
        settings: What config.json in the same folder says; empty without one that can be read.
    """

    settings: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Imported:
    """What a plugin makes of somebody else's tensors.

    Attributes:
        layout: Which one it was: a key of the plugin's ``layouts``.
        networks: Name -> a `multigan.nn.network.Network` that holds the weights.
        facts: What the plugin's pipeline needs beside them.
        notes: Sentences for the model card.
    """

    layout: str
    networks: Mapping[str, nn.Module]
    facts: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def import_model(file: Path, folder: Path, *, name: str | None = None) -> Path:
    """Writes a foreign checkpoint as a model folder.

    Args:
        file: ``.pth``, ``.pt`` or ``.safetensors``.
        folder: Where to; new or empty.
        name: What the model card calls it; by default as the folder.

    Returns:
        The folder.

    Raises:
        CheckpointError: The file cannot be read, no plugin knows its layout, or the folder is not
            free.
    """
    target = folder.expanduser().resolve()
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise CheckpointError(f"{folder} exists and is not an empty folder; name another --output")
    plugin, found = _recognise(file)
    card = _card(name or target.name, file, plugin, found)
    try:
        save_model(
            target, found.facts, found.networks, plugin=plugin.name, method=found.layout, card=card
        )
    except OSError as error:
        raise CheckpointError(f"cannot write to {folder}: {error.strerror}") from error
    return folder


def open_checkpoint(file: Path, *, device: str | torch.device | None = None) -> Pipeline:
    """The pipeline of a foreign checkpoint, as if it had been imported first.

    Raises:
        CheckpointError: The file cannot be read, or no plugin knows its layout.
    """
    plugin, found = _recognise(file)
    facts = {**found.facts, "networks": sorted(found.networks)}
    made: Pipeline = load(plugin.pipeline)(
        dict(found.networks), {**facts, "plugin": plugin.name, "method": found.layout}
    )
    return made.to(device) if device is not None else made


def read_state(file: Path) -> Checkpoint:
    """The named tensors of a checkpoint, out of their wrappers and without their prefixes.

    Args:
        file: Written by ``torch.save``, zipped or in the format before torch 1.6, or safetensors.

    Raises:
        CheckpointError: Missing, empty, damaged, no checkpoint, more than data, or without tensors.
    """
    if not file.is_file():
        problem = "is a folder; name the file in it" if file.is_dir() else "does not exist"
        raise CheckpointError(f"{file} {problem}")
    if file.stat().st_size == 0:
        raise CheckpointError(f"{file} is empty; copy or download it again")
    tensors = _unwrap(read_tensors(file) if file.suffix == ".safetensors" else _load(file), file)
    while prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in tensors)), None):
        tensors = {key.removeprefix(prefix): tensor for key, tensor in tensors.items()}
    for key, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise CheckpointError(f"{file}: {key} is not finite; that training had diverged")
    checkpoint = Checkpoint(tensors)
    checkpoint.settings = _settings(file.with_name(SETTINGS))
    return checkpoint


def _recognise(file: Path) -> tuple[Plugin, Imported]:
    """Asks every plugin."""
    tensors = read_state(file)
    known: list[str] = []
    for plugin in registry.plugins().values():
        if not plugin.imports:
            continue
        try:
            importer = load(plugin.imports)
        except Exception as error:  # a broken plugin hurts nobody else, but it may be the one
            known.append(f"what plugin '{plugin.name}' would know if it worked ({error})")
            continue
        try:
            found: Imported | None = importer(tensors)
        except CheckpointError as error:
            raise CheckpointError(f"{file} {error}") from error
        if found is not None:
            return plugin, found
        known += plugin.layouts
    first = [f"{key[:60]} {tuple(tensor.shape)}" for key, tensor in tensors.items()][:SHOWN]
    raise CheckpointError(
        f"{file} has a layout that no plugin knows: {len(tensors)} tensors, the first are "
        f"{', '.join(first)}; known are {', '.join(known) or 'none'} (multigan list imports)"
    )


def _settings(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > LONGEST:
            return {}
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # most such files belong to something else
        return {}
    return content if isinstance(content, dict) else {}


def _load(file: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # about TorchScript and old pickles
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file leads the unpickler into any error there is
        text = str(error)
        if code := re.search(r"GLOBAL ([\w-]+(?:\.[\w-]+)+)", text):
            raise CheckpointError(
                f"{file} is a pickle with code in it ({code[1]}), which is never run; load it in "
                "its own project and save the generator's state_dict() alone"
            ) from error
        if "TorchScript" in text:
            raise CheckpointError(
                f"{file} is TorchScript, which is code, and is never run; save the state_dict() "
                "of the network that it was made from"
            ) from error
        raise CheckpointError(
            f"{file} is damaged, incomplete or no PyTorch checkpoint; copy or download it again"
        ) from error


def _unwrap(content: Any, file: Path) -> dict[str, Tensor]:
    """The generator's tensors from what surrounds them."""
    for _ in range(NESTED):  # bounded, for a pickle can contain itself
        if not isinstance(content, Mapping):
            break
        inner = [name for name in WRAPPERS if isinstance(content.get(name), Mapping)]
        if not inner:
            break
        content = content[inner[0]]
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{file} holds a {type(content).__name__} and no named tensors")
    tensors = {
        str(key): value.detach() for key, value in content.items() if isinstance(value, Tensor)
    }
    if not tensors:
        names = ", ".join(str(key)[:60] for key in list(content)[:8]) or "nothing"
        raise CheckpointError(
            f"{file} holds no named tensors, but {names}; save the generator's state_dict() alone"
        )
    return tensors


def _card(name: str, file: Path, plugin: Plugin, found: Imported) -> str:
    """A model card that says what the model was made from."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    parameters = sum(p.numel() for net in found.networks.values() for p in net.parameters())
    lines = [
        "---",
        "license: other",
        "license_name: that-of-the-original",
        "library_name: multigan",
        "---",
        "",
        f"# {name}",
        "",
        f"Imported from {file.name}, a checkpoint of another project; not trained with multigan.",
        "",
        f"- layout: {found.layout}, {plugin.layouts[found.layout]}",
        f"- sha256 of the file: `{digest}`",
        f"- parameters: {parameters:,}",
        "- licence: that of the original",
    ]
    if found.notes:
        lines += ["", " ".join(found.notes)]
    return "\n".join([*lines, ""])
