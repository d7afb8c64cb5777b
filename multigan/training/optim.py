"""One optimiser per group of networks, with its schedule, clipping and loss scaler."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.config.sections import OptimizerConfig
from multigan.errors import CheckpointError
from multigan.losses.history import GradientHistory, ParameterHistory
from multigan.training.engine import Engine
from multigan.training.phases import Stage
from multigan.weights import fill


class Group:
    """An optimiser over some networks; the phases that update these networks share it.

    Args:
        name: Of the group.
        networks: Name -> module.
        config: Kind, learning rate and schedule.
        stages: Of the whole run; they say how often the group is updated.
        engine: Averages gradients over processes.
    """

    def __init__(
        self,
        name: str,
        networks: Mapping[str, nn.Module],
        config: OptimizerConfig,
        *,
        stages: Iterable[Stage],
        engine: Engine,
    ) -> None:
        self.name = name
        self.config = config
        self.engine = engine
        self.parameters = {
            f"{network}.{name}": parameter
            for network, module in networks.items()
            for name, parameter in module.named_parameters()
        }
        phases = [(stage, p) for stage in stages for p in stage.phases if p.updates == name]
        self.total = sum(math.ceil(stage.steps / p.every) * p.repeat for stage, p in phases)
        self.updates = 0
        # Lazy regularisation updates once more in k steps: StyleGAN2 (appendix B) corrects Adam's
        # time constants for it.
        lazy = min((p.every for _, p in phases if p.every > 1), default=0)
        lazy *= any(p.every == 1 for _, p in phases)  # a penalty beside a loss, not a slow group
        correction = lazy / (lazy + 1) if lazy else 1.0
        self.base_lr = config.lr * correction
        self.optimizer = _make(config, list(self.parameters.values()), correction)
        # What the group remembers of its own past; rides along in checkpoints.
        self.histories = nn.ModuleDict()
        if config.historical_averaging:
            self.histories["parameters"] = ParameterHistory(self.parameters.values())
        if config.average_gradients > 1:
            self.histories["gradients"] = GradientHistory(
                self.parameters.values(), length=config.average_gradients
            )
        self.scaler = torch.amp.GradScaler(
            engine.device.type, enabled=engine.precision == "fp16", init_scale=2.0**12
        )

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of a loss."""
        self.scaler.scale(loss).backward()

    def step(self) -> Tensor:
        """Averages gradients over processes, clips them, updates, and forgets them.

        Returns:
            The gradient norm before clipping, a scalar on the device.
        """
        past = self._history("parameters")
        if isinstance(past, ParameterHistory):
            penalty = past.penalty(self.parameters.values())
            self.backward(self.config.historical_averaging * penalty)
        if self.updates == 0:
            held = [name for name, p in self.parameters.items() if p.grad is not None]
            self.engine.check_same(held, f"which gradients group '{self.name}' has")
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        # Averaging before unscaling spreads one process's overflow to all: every one skips then.
        self.engine.average_(gradients)
        self.scaler.unscale_(self.optimizer)
        norm = torch.nn.utils.get_total_norm(gradients)
        recent = self._history("gradients")
        if isinstance(recent, GradientHistory):
            for gradient in gradients:  # a non-finite one would stay in the mean for many updates
                gradient.copy_(torch.where(norm.isfinite(), gradient, 0.0))
            recent.average_(self.parameters.values())
        if self.config.clip:
            torch.nn.utils.clip_grads_with_norm_(self.parameters.values(), self.config.clip, norm)
        lr = self.base_lr * self.schedule(self.updates)
        for options in self.optimizer.param_groups:
            options["lr"] = lr
        self._update(norm)
        self.optimizer.zero_grad(set_to_none=True)
        if self.config.clip_weights:
            self._clamp(self.config.clip_weights)
        if isinstance(past, ParameterHistory):
            past.update_(self.parameters.values())
        self.updates += 1
        return norm

    def schedule(self, update: int) -> float:
        """The factor on the learning rate at an update."""
        config = self.config
        rise = min(1.0, (update + 1) / config.warmup) if config.warmup else 1.0
        done = update / max(1, self.total)
        fall = min(1.0, max(0.0, (done - config.hold) / max(1e-9, 1.0 - config.hold)))
        match config.schedule:
            case "linear":
                left = 1.0 - fall
            case "cosine":
                left = 0.5 * (1.0 + math.cos(math.pi * fall))
            case "exponential":
                return rise * config.end**fall
            case _:
                return rise
        return rise * (config.end + (1.0 - config.end) * left)

    def tensors(self) -> dict[str, Tensor]:
        """The optimiser's moments, by parameter name."""
        histories = {f"#{name}": value for name, value in self.histories.state_dict().items()}
        return histories | {
            f"{name}|{key}": value
            for name, parameter in self.parameters.items()
            for key, value in self.optimizer.state[parameter].items()
            if isinstance(value, Tensor)
        }

    def facts(self) -> dict[str, Any]:
        """What else a checkpoint must remember."""
        return {
            "optimizer": self.config.name,
            "updates": self.updates,
            "scaler": self.scaler.state_dict(),
        }

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Takes up where a checkpoint was written.

        Raises:
            CheckpointError: The moments belong to other networks or another optimiser.
        """
        if facts["optimizer"] != self.config.name:
            raise CheckpointError(
                f"the checkpoint's optimiser '{self.name}' is {facts['optimizer']}, the recipe's "
                f"is {self.config.name}"
            )
        names = list(self.parameters)
        state: dict[int, dict[str, Tensor]] = {}
        past = {entry[1:]: tensor for entry, tensor in tensors.items() if entry.startswith("#")}
        fill(self.histories, past, Path(f"optimizers/{self.name}.safetensors"))
        for entry, tensor in tensors.items():
            if entry.startswith("#"):
                continue
            name, _, key = entry.rpartition("|")
            if name not in self.parameters:
                raise CheckpointError(
                    f"the checkpoint's optimiser '{self.name}' knows '{name}', "
                    "which this recipe's networks do not have"
                )
            parameter = self.parameters[name]
            if tensor.shape == parameter.shape:
                # Fused optimisers walk through memory: moments lie there as their parameter does.
                tensor = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)
            state.setdefault(names.index(name), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.updates = int(facts["updates"])
        if facts["scaler"]:
            self.scaler.load_state_dict(dict(facts["scaler"]))

    def _history(self, name: str) -> nn.Module | None:
        return self.histories[name] if name in self.histories else None  # noqa: SIM401 no get()

    @torch.no_grad()
    def _clamp(self, limit: float) -> None:
        torch._foreach_clamp_min_(list(self.parameters.values()), -limit)
        torch._foreach_clamp_max_(list(self.parameters.values()), limit)

    def _update(self, norm: Tensor) -> None:
        if self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
            return
        # A non-finite gradient would ruin the weights. Fused optimisers skip such an update on the
        # device, without waiting for it.
        if self.optimizer.defaults.get("fused"):
            self.optimizer.found_inf = (~norm.isfinite()).float()  # type: ignore[attr-defined]
            self.optimizer.grad_scale = None  # type: ignore[attr-defined]
            self.optimizer.step()
        elif bool(norm.isfinite()):
            self.optimizer.step()


def _make(
    config: OptimizerConfig, parameters: list[nn.Parameter], correction: float
) -> torch.optim.Optimizer:
    betas = (config.betas[0] ** correction, config.betas[1] ** correction)
    fused = all(parameter.device.type in ("cpu", "cuda") for parameter in parameters)
    common: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    match config.name:
        case "adam":
            return torch.optim.Adam(parameters, betas=betas, eps=config.eps, fused=fused, **common)
        case "adamw":
            return torch.optim.AdamW(parameters, betas=betas, eps=config.eps, fused=fused, **common)
        case "sgd":
            # Fused SGD leaves its momentum uninitialised if the very first update is skipped.
            fused = fused and not config.momentum
            return torch.optim.SGD(parameters, momentum=config.momentum, fused=fused, **common)
        case "rmsprop":
            return torch.optim.RMSprop(
                parameters, eps=config.eps, momentum=config.momentum, **common
            )
