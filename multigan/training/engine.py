"""Device, precision and processes: what makes the same step run anywhere.

Networks are not wrapped. After backward, the gradients of a group are averaged over all processes
by one all_reduce of a flat bucket: wrappers such as DistributedDataParallel break the separate
backward passes of GAN steps. Start several processes with ``torchrun -m multigan run ...``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from multigan.config.sections import TrainConfig
from multigan.errors import RecipeError

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


class Engine:
    """One process of a run.

    Attributes:
        device: Where networks and batches live.
        precision: ``fp32``, ``bf16`` or ``fp16``; the precision of forward passes.
        rank: This process; rank 0 writes files.
        world_size: Number of processes.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.world_size = int(os.environ.get("WORLD_SIZE", "1"))
        self.rank = int(os.environ.get("RANK", "0"))
        self.device = choose_device(config.device, int(os.environ.get("LOCAL_RANK", "0")))
        self.precision = choose_precision(config.precision, self.device)
        self.channels_last = config.channels_last
        if config.threads:
            torch.set_num_threads(config.threads)
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
            torch.backends.cudnn.benchmark = True
            # TF32 keeps fp32's range and is what GPUs are fast at; weights stay fp32.
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.backends.cudnn.allow_tf32 = True
        self._started_group = False
        if self.world_size > 1 and not dist.is_initialized():
            backend = "nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=timedelta(hours=2))
            self._started_group = True

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def close(self) -> None:
        """Leaves the process group that this engine has started."""
        if self._started_group:
            dist.destroy_process_group()
            self._started_group = False

    def autocast(self) -> AbstractContextManager[Any]:
        """The precision of forward passes."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=PRECISIONS[self.precision])

    def place(self, module: nn.Module) -> nn.Module:
        """Moves a module to the device, in the memory layout of the run."""
        module.to(self.device)
        if self.channels_last:  # of pictures; Module.to would stop at the weights of films
            for tensor in itertools.chain(module.parameters(), module.buffers()):
                if tensor.dim() == 4:
                    tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
        return module

    def place_batch(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Moves the tensors of a batch to the device."""
        return {key: self._place_tensor(value) for key, value in batch.items()}

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replaces tensors by their mean over all processes, in one message per dtype."""
        if self.world_size == 1:
            return
        for dtype in sorted({tensor.dtype for tensor in tensors}, key=str):
            members = [tensor for tensor in tensors if tensor.dtype == dtype]
            flat = torch.cat([tensor.reshape(-1) for tensor in members])
            dist.all_reduce(flat)
            flat /= self.world_size
            pieces = torch.split(flat, [tensor.numel() for tensor in members])
            for tensor, piece in zip(members, pieces, strict=True):
                tensor.copy_(piece.view_as(tensor))

    def average_statistics_(self, modules: Iterable[nn.Module]) -> None:
        """Averages BatchNorm statistics, which every process gathers from its own samples."""
        statistics = [
            buffer
            for module in modules
            for name, buffer in module.named_buffers()
            if name.endswith(("running_mean", "running_var"))
        ]
        if statistics:
            self.average_(statistics)

    def agree(self, value: bool) -> bool:
        """Whether any process says yes."""
        if self.world_size == 1:
            return value
        flag = torch.tensor(float(value), device=self.device)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag.item())

    def check_same(self, fact: Any, what: str) -> None:
        """Raises unless all processes state the same fact."""
        if self.world_size == 1:
            return
        facts: list[Any] = [None] * self.world_size
        dist.all_gather_object(facts, fact)
        if any(other != fact for other in facts):
            raise RuntimeError(f"processes differ in {what}: they would train apart")

    def broadcast(self, value: Any) -> Any:
        """The value that rank 0 holds."""
        if self.world_size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def barrier(self) -> None:
        """Waits for all processes."""
        if self.world_size > 1:
            dist.barrier()

    def _place_tensor(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        value = value.to(self.device, non_blocking=True)
        if self.channels_last and value.dim() == 4:
            value = value.contiguous(memory_format=torch.channels_last)
        return value


def choose_device(name: str = "auto", local_rank: int = 0) -> torch.device:
    """The device of this process.

    Args:
        name: ``auto`` (the accelerator if there is one), or any torch device.
        local_rank: Number of this process on this machine, which picks its accelerator.

    Raises:
        RecipeError: The device does not exist here.
    """
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        if accelerator is None:
            return torch.device("cpu")
        return torch.device(accelerator.type, local_rank)
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise RecipeError(f"device '{name}' is not available here; use auto or cpu") from error
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", local_rank)
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """Resolves ``auto``: bf16 on a GPU that has it, fp16 on one that has not, fp32 elsewhere."""
    if name != "auto":
        return name
    if device.type != "cuda":
        return "fp32"
    return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
