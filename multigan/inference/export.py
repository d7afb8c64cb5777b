"""Models for other programs: ONNX, TorchScript, PyTorch's exported programs, safetensors.

A file is written under another name, read back by what will read it later (onnxruntime for ONNX)
and compared with torch at several sizes. Only then it gets its name.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.utils import parametrize

import multigan
from multigan import registry
from multigan.errors import ExportError, suggestion
from multigan.inference import programs
from multigan.inference.card import licence, summary
from multigan.inference.pipeline import Exportable, Pipeline
from multigan.plugin import load
from multigan.weights import read_tensors

LIMIT = 1e-4
"""How far a program may be from torch; rounding alone makes about 1e-6."""

SUFFIXES = {"onnx": ".onnx", "pt2": ".pt2", "torchscript": ".pt", "safetensors": ".safetensors"}


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        path: Where.
        size: In bytes.
        difference: Largest absolute difference from what torch computes, or from the weights.
        verdict: The same in words.
    """

    path: Path
    size: int
    difference: float
    verdict: str


def export_model(
    pipe: Pipeline,
    path: Path | None = None,
    *,
    format: str = "onnx",
    opset: int | None = None,
    half: bool = False,
    **options: Any,
) -> Exported:
    """Writes a model for other programs and compares what they compute with torch.

    Args:
        pipe: The model.
        path: The file; by default the model's name with the format's suffix, here.
        format: One of `SUFFIXES`. safetensors holds the weights of all networks and no program.
        opset: Of ONNX; None is the exporter's choice.
        half: Store weights in half precision (in ONNX those of up to 8192 numbers stay single);
            programs widen them and compute in single precision.
        options: Of the pipeline's ``exportable``, such as ``direction``.

    Raises:
        ExportError: The format, the model or the machine does not allow it, or the file computes
            something else than torch; then it is not kept.
        PluginError: This kind of model makes no program.
    """
    path = _checked(pipe, path, format, opset)
    if format == "safetensors" and options:
        raise ExportError(f"safetensors holds all networks; leave out --{next(iter(options))}")
    temporary = path.with_name(f".{secrets.token_hex(8)}{path.suffix}")
    try:
        if format == "safetensors":
            difference, verdict = _weights(pipe, temporary, half)
        else:
            what = pipe.exportable(**options)
            difference, verdict = _program(what, temporary, format, opset, half, _notes(pipe))
        if not difference <= LIMIT:
            raise ExportError(
                f"the {format} file is {difference:.1e} away from torch, more than {LIMIT:.0e}; it "
                "was not kept"
            )
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise ExportError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return Exported(path, path.stat().st_size, difference, verdict)


def _checked(pipe: Pipeline, path: Path | None, format: str, opset: int | None) -> Path:
    """The file to write, once all that can be told beforehand is told."""
    if format not in SUFFIXES:
        raise ExportError(f"unknown format '{format}'{suggestion(format, SUFFIXES)}")
    if opset is not None and format != "onnx":
        raise ExportError(f"only ONNX has an opset; leave it out for {format}")
    if path is None:
        source = pipe.source or Path("model")
        path = Path((source.parent if source.name == "model" else source).resolve().name)
        path = path.with_name(path.name + SUFFIXES[format])
    if path.is_dir():
        raise ExportError(f"{path} is a folder; name a file in it")
    if path.suffix != SUFFIXES[format]:
        raise ExportError(
            f"{path}: a {format} file ends in {SUFFIXES[format]}; name it so, or choose another "
            "--format"
        )
    if not path.parent.is_dir():
        raise ExportError(f"{path}: the folder {path.parent} does not exist; create it first")
    if format == "onnx":
        programs.require_onnx()
    return path


def _program(
    what: Exportable,
    path: Path,
    format: str,
    opset: int | None,
    half: bool,
    notes: Mapping[str, str],
) -> tuple[float, str]:
    """Writes one network as a program and says how far it is from torch."""
    module = copy.deepcopy(what.module).cpu().eval().requires_grad_(False)
    _bake(module)
    if half:
        _narrow(module)
    examples = [{name: x.cpu() for name, x in example.items()} for example in what.examples]
    programs.write(
        format, module, what, path, opset=opset, notes={**notes, **what.notes}, examples=examples
    )
    run = programs.read(format, path, what)
    difference = 0.0
    for example in examples:
        with torch.no_grad():
            expected: Tensor = module(*example.values())
        found = run(example)
        if found.shape != expected.shape:
            raise ExportError(
                f"the {format} file makes {tuple(found.shape)} of what torch makes "
                f"{tuple(expected.shape)}; it was not kept"
            )
        worst = float((found - expected).abs().max())
        difference = worst if not worst <= difference else difference  # a NaN stays
    return difference, f"at most {difference:.1e} from torch at {len(examples)} sizes"


def _weights(pipe: Pipeline, path: Path, half: bool) -> tuple[float, str]:
    """Writes all networks into one safetensors file, ``NETWORK.TENSOR`` by name."""
    known = load(registry.plugin(pipe.facts["plugin"]).networks).NETWORKS
    classes = {cls: name for name, cls in known.items()}
    networks = {
        name: {"class": classes.get(type(network)), "arguments": network.config}
        for name, network in pipe.components.items()
    }
    tensors = {
        f"{name}.{key}": (value.half() if half and value.is_floating_point() else value)
        .detach()
        .cpu()
        .contiguous()
        for name, network in pipe.components.items()
        for key, value in network.state_dict().items()
    }
    facts = {key: value for key, value in pipe.facts.items() if key not in ("plugin", "method")}
    notes = _notes(pipe) | {"networks": json.dumps(networks), "facts": json.dumps(facts)}
    save_file(tensors, path, metadata={key: notes[key] for key in sorted(notes)})
    again = read_tensors(path)
    equal = again.keys() == tensors.keys() and all(
        torch.equal(again[key], value) for key, value in tensors.items()
    )
    return (0.0 if equal else float("inf")), f"{len(tensors)} tensors, read back alike"


def _notes(pipe: Pipeline) -> dict[str, str]:
    """Where the model comes from and what may be done with it."""
    notes = {
        "multigan": multigan.__version__,
        "plugin": str(pipe.facts.get("plugin", "")),
        "method": str(pipe.facts.get("method", "")),
    }
    if pipe.source is not None:
        card = pipe.source / "README.md"
        notes |= {"summary": summary(card), "licence": licence(card)}
    return {key: value for key, value in notes.items() if value}


def _bake(module: nn.Module) -> None:
    """Replaces parametrised weights (spectral or weight normalisation) by their present values."""
    for part in list(module.modules()):
        if parametrize.is_parametrized(part):
            parametrizations: Any = part.parametrizations
            present = {name: getattr(part, name) for name in parametrizations}
            # The class that computes the weights belongs to the model of which this is a copy:
            # torch's own remove_parametrizations would take them away there too.
            part.__class__ = parametrize.type_before_parametrizations(part)
            del part.parametrizations
            for name, value in present.items():
                part.register_parameter(name, nn.Parameter(value.detach(), requires_grad=False))


def _narrow(module: nn.Module) -> None:
    """Rounds weights to half precision and stores them so; they are widened when they are used."""
    for part in list(module.modules()):
        for name, weight in list(part.named_parameters(recurse=False)):
            if weight.is_floating_point():
                setattr(part, name, nn.Parameter(weight.half(), requires_grad=False))
                parametrize.register_parametrization(part, name, _Widened(), unsafe=True)


class _Widened(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight.float()
