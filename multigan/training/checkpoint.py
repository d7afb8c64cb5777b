"""Checkpoints that resume bit-exactly and survive a kill at any moment.

    checkpoints/step-00000500/
      state.json             position, stage, updates, scalers
      networks/NAME.safetensors   ema/NAME.safetensors   optimizers/GROUP.safetensors
      rank-0/rng.safetensors      rank-0/memory.safetensors     (one folder for each process)

A checkpoint is written to a hidden folder, flushed to the disk and renamed: it is there whole, or
it is not there. Only safetensors and JSON are read back; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor, nn

from multigan.errors import CheckpointError
from multigan.training.ema import EMA
from multigan.training.engine import Engine
from multigan.training.optim import Group
from multigan.training.phases import GAN, Noise
from multigan.weights import fill, read_tensors

FORMAT = 1


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: ``runs/NAME/checkpoints``.
        keep: How many of the newest to keep.
    """

    def __init__(self, folder: Path, *, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def latest(self) -> Path | None:
        """The newest whole checkpoint."""
        found = self._whole()
        return found[-1] if found else None

    def save(
        self,
        state: Mapping[str, Any],
        *,
        gan: GAN,
        ema: EMA,
        groups: Mapping[str, Group],
        noise: Noise,
        engine: Engine,
    ) -> Path:
        """Writes a checkpoint; all processes must call it together.

        Args:
            state: Where the run stands; ``state["step"]`` names the checkpoint.
            gan: Networks and memory.
            ema: Averages.
            groups: Optimisers.
            noise: The generator of the losses.
            engine: Of this process.

        Raises:
            CheckpointError: The disk is full or not writable. Earlier checkpoints stay.
        """
        final = self.folder / f"step-{state['step']:08d}"
        partial = self.folder / f".writing-{final.name}"

        def write_shared() -> None:
            self._clean()
            partial.mkdir(parents=True)
            for name, module in gan.networks.items():
                _write(partial / "networks" / f"{name}.safetensors", module.state_dict())
            for name, module in ema.networks.items():
                _write(partial / "ema" / f"{name}.safetensors", module.state_dict())
            for name, group in groups.items():
                _write(partial / "optimizers" / f"{name}.safetensors", group.tensors())
            facts = {name: group.facts() for name, group in groups.items()}
            document = {"format": FORMAT, "world_size": engine.world_size, "groups": facts}
            _write_json(partial / "state.json", {**document, **state})

        def write_own() -> None:
            rank = partial / f"rank-{engine.rank}"
            _write(rank / "rng.safetensors", _rng(engine.device, noise))
            _write(rank / "memory.safetensors", {**gan.memory.state_dict(), **_own_buffers(gan)})

        # After each part the processes agree whether it worked, or one would wait for ever.
        main = engine.is_main
        for work in (
            write_shared if main else None,
            write_own,
            (lambda: self._publish(partial, final)) if main else None,
        ):
            problem = _attempt(work) if work else None
            if engine.agree(problem is not None):
                if main:
                    shutil.rmtree(partial, ignore_errors=True)
                last = self.latest()
                kept = f"{last.name} is kept" if last else "no earlier one exists"
                raise CheckpointError(
                    f"cannot write checkpoint {final.name} ({problem or 'on another process'}); "
                    f"{kept}: free space and continue with --resume"
                )
        return final

    def restore(
        self,
        path: Path,
        *,
        gan: GAN,
        ema: EMA,
        groups: Mapping[str, Group],
        noise: Noise,
        engine: Engine,
    ) -> dict[str, Any]:
        """Loads everything and returns the ``state`` that was saved.

        Raises:
            CheckpointError: Damaged, or of other networks or another number of processes.
        """
        try:
            return self._restore(path, gan=gan, ema=ema, groups=groups, noise=noise, engine=engine)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise CheckpointError(
                f"{path} does not fit this recipe, or is damaged: {' '.join(str(error).split())}"
            ) from error

    def _restore(
        self,
        path: Path,
        *,
        gan: GAN,
        ema: EMA,
        groups: Mapping[str, Group],
        noise: Noise,
        engine: Engine,
    ) -> dict[str, Any]:
        state = read_state(path)
        if state["world_size"] != engine.world_size:
            raise CheckpointError(
                f"{path.name} was written by {state['world_size']} processes and resumes exactly "
                f"with as many; this run has {engine.world_size}"
            )
        for name, module in gan.networks.items():
            _load(module, path / "networks" / f"{name}.safetensors")
        for name, module in ema.networks.items():
            _load(module, path / "ema" / f"{name}.safetensors")
        for name, group in groups.items():
            if name not in state["groups"]:
                raise CheckpointError(f"{path.name} has no optimiser '{name}'")
            tensors = read_tensors(path / "optimizers" / f"{name}.safetensors")
            group.restore(tensors, state["groups"][name])
        rank = path / f"rank-{engine.rank}"
        memory = read_tensors(rank / "memory.safetensors")
        with torch.no_grad():
            for key, buffer in _own_buffers(gan).items():
                buffer.copy_(memory.pop(key))
        fill(gan.memory, memory, rank / "memory.safetensors")
        _restore_rng(read_tensors(rank / "rng.safetensors"), engine.device, noise)
        return state

    def _publish(self, partial: Path, final: Path) -> None:
        for file in (partial, *partial.rglob("*")):
            _flush(file)
        if final in self._whole():
            # Of this very step already: to replace it, there would have to be none for a moment.
            shutil.rmtree(partial)
        else:
            os.replace(partial, final)
            _flush(self.folder)
        for old in self._whole()[: -self.keep]:
            _remove(old)

    def _clean(self) -> None:
        """Removes what killed runs left half written or half deleted."""
        for leftover in (*self.folder.glob(".writing-*"), *self.folder.glob(".deleting-*")):
            shutil.rmtree(leftover)

    def _whole(self) -> list[Path]:
        return sorted(p for p in self.folder.glob("step-*") if (p / "state.json").is_file())


def read_state(path: Path) -> dict[str, Any]:
    """Reads ``state.json`` of a checkpoint.

    Raises:
        CheckpointError: Missing, not JSON, or of an unknown format.
    """
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        if state["format"] != FORMAT:
            raise CheckpointError(f"{path} has format {state['format']}, expected {FORMAT}")
        position = {"step", "stage", "stage_step", "position"}
        if not all(isinstance(state[key], int) for key in position):
            raise TypeError
        return dict(state)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path / 'state.json'} is missing or damaged") from error


def _load(module: nn.Module, path: Path) -> None:
    fill(module, read_tensors(path), path)


def _own_buffers(gan: GAN) -> dict[str, Tensor]:
    """Buffers of the networks: each process has its own BatchNorm statistics."""
    return {f"networks.{name}": buffer for name, buffer in gan.networks.named_buffers()}


def _rng(device: torch.device, noise: Noise) -> dict[str, Tensor]:
    states = {"cpu": torch.get_rng_state(), "noise": noise.generator.get_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def _restore_rng(states: Mapping[str, Tensor], device: torch.device, noise: Noise) -> None:
    try:
        torch.set_rng_state(states["cpu"])
        noise.generator.set_state(states["noise"])
        if device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], device)
    except (KeyError, RuntimeError, TypeError) as error:
        raise CheckpointError("the checkpoint's random state does not fit this device") from error


def _attempt(work: Callable[[], None]) -> str | None:
    """What went wrong, if something did."""
    try:
        work()
    except OSError as error:
        return error.strerror or str(error)
    except SafetensorError as error:  # how safetensors reports a full disk
        return str(error)
    return None


def _remove(folder: Path) -> None:
    """Takes the name away first: a folder of that name is whole even if a kill comes now."""
    hidden = folder.with_name(f".deleting-{folder.name}")
    os.replace(folder, hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    path.parent.mkdir(exist_ok=True)
    save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, path)


def _write_json(path: Path, document: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
