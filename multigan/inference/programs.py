"""One network as a program without Python: written and read in three formats.

ONNX goes through `torch.export`, the way that PyTorch maintains: it takes 6 to 15 seconds, where
the tracing exporter before it needs less than one, but that one is deprecated, and a size that
Python computes while it traces is fixed from then on without a word. TorchScript is deprecated too,
and kept for programs that load nothing newer.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.errors import ExportError
from multigan.inference.pipeline import Exportable

Inputs = Mapping[str, Tensor]


def write(
    format: str,
    module: nn.Module,
    what: Exportable,
    path: Path,
    *,
    examples: Sequence[Inputs],
    opset: int | None,
    notes: Mapping[str, str],
) -> None:
    """Writes a module as "onnx", "pt2" or "torchscript".

    Args:
        format: One of these three.
        module: On the CPU, without parametrisations that change when they are read.
        what: Names and free sizes.
        path: The file.
        examples: Inputs; the first are traced.
        opset: Of ONNX.
        notes: Kept in the file where the format has a place for them.

    Raises:
        ExportError: PyTorch cannot make such a program of it.
    """
    first = tuple(examples[0].values())
    try:
        with _quiet():
            if format == "torchscript":
                traced: Any = torch.jit.trace(module, first, check_trace=False)
                traced.save(str(path), _extra_files=dict(notes))
            elif format == "pt2":
                program = torch.export.export(module, first, dynamic_shapes=_shapes(what, first))
                torch.export.save(program, path, extra_files=dict(notes))
            else:
                _write_onnx(module, what, path, first, opset, notes)
    except OSError:
        raise
    except Exception as error:  # exporters raise whatever they stumble over
        problem = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ExportError(f"this network cannot be written as {format}: {problem}") from error


def read(format: str, path: Path, what: Exportable) -> Callable[[Inputs], Tensor]:
    """Loads a program as others would, as a function of named inputs."""
    with _quiet():
        if format == "onnx":
            import onnxruntime

            session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
            return lambda inputs: torch.from_numpy(
                session.run([what.output], {name: x.numpy() for name, x in inputs.items()})[0]
            )
        program = torch.export.load(path).module() if format == "pt2" else torch.jit.load(str(path))
    return torch.no_grad()(lambda inputs: program(*inputs.values()))


def require_onnx() -> None:
    """Raises:
    ExportError: Writing and checking ONNX takes packages that are not installed.
    """
    needed = ("onnx", "onnxscript", "onnxruntime")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise ExportError(f"ONNX needs {', '.join(missing)}: pip install 'multigan[onnx]'")


def _write_onnx(
    module: nn.Module,
    what: Exportable,
    path: Path,
    first: tuple[Tensor, ...],
    opset: int | None,
    notes: Mapping[str, str],
) -> None:
    import onnx

    names = list(what.examples[0])
    program = torch.onnx.export(
        module,
        first,
        dynamo=True,
        dynamic_shapes=_shapes(what, first),
        input_names=names,
        output_names=[what.output],
        opset_version=opset,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    for value in (*model.graph.input, *model.graph.output):
        for axis, name in what.free.get(value.name, {}).items():
            value.type.tensor_type.shape.dim[axis].dim_param = name
    # The exporter leaves a stack trace at every node: half a megabyte, with paths of this machine.
    for part in (model.graph, *model.graph.node, *model.graph.input, *model.graph.output):
        part.ClearField("metadata_props")
    del model.graph.value_info[:]  # sizes by the names that were just replaced
    onnx.helper.set_model_props(model, dict(notes))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _shapes(what: Exportable, first: tuple[Tensor, ...]) -> tuple[dict[int, Any], ...]:
    """For each input its free axes, in the words of `torch.export`."""
    names = list(what.examples[0])[: len(first)]
    return tuple(dict.fromkeys(what.free.get(name, {}), torch.export.Dim.DYNAMIC) for name in names)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the exporters' warnings, which nobody can act on, off the screen."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
