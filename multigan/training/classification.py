"""Training a classifier, such as scores need: no adversary, so one network and one phase.

Shape suffixes: B samples, K classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step


class ClassifierTraining(ABC):
    """Learns the labels of samples that are varied a little every time they are shown.

    Args:
        network: what is shown (B, ...) to logits (B, K).
        train: samples with a "label".
        classes: what the labels are called.
        steps: of the only stage.

    Attributes:
        shown: what a batch calls that which the network is shown.
    """

    shown: ClassVar[str]

    def __init__(
        self, network: nn.Module, *, train: Dataset[Any], classes: Sequence[str], steps: int
    ) -> None:
        self.train, self.classes, self.steps = train, tuple(classes), steps
        self.networks = nn.ModuleDict({"classifier": network})
        self.memory = nn.ModuleDict()
        self.groups = {"classifier": ("classifier",)}
        self.averaged = ("classifier",)

    @abstractmethod
    def varied(self, x_B: Tensor, noise: Noise) -> Tensor:
        """Samples as they might have been, too."""

    @abstractmethod
    def held_out_batches(self) -> Iterable[Batch]:
        """Samples that nothing is learnt from, as they are."""

    @abstractmethod
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier is shown."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What the saved model must know of the samples that it takes."""

    def stages(self) -> tuple[Stage, ...]:
        """Cross-entropy, nothing else."""
        phase = Phase("classifier", "classifier", self.classifier)
        return (Stage("training", self.steps, (phase,)),)

    def classifier(self, batch: Batch, step: Step) -> Losses:
        """Cross-entropy on varied samples."""
        logits_BK = self.networks["classifier"](self.varied(batch[self.shown], step.noise))
        return {"cross-entropy": F.cross_entropy(logits_BK.float(), batch["label"])}

    def dataset(self) -> Dataset[Any]:
        """All but the held-out samples."""
        return self.train

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Accuracy on the held-out samples."""
        return accuracy(networks["classifier"], self.held_out_batches(), shown=self.shown)

    def model(self) -> dict[str, Any]:
        """The classifier, what it calls its classes, and what it takes."""
        return {"networks": ["classifier"], "classes": list(self.classes), **self.facts()}


@torch.no_grad()
def accuracy(network: nn.Module, batches: Iterable[Batch], *, shown: str) -> dict[str, float]:
    """``accuracy``, the share of samples that a classifier names right; nothing where none are."""
    device = next(network.parameters()).device
    right = count = 0
    for batch in batches:
        logits_BK = network(batch[shown].to(device))
        right += int((logits_BK.argmax(1).cpu() == batch["label"]).sum())
        count += len(logits_BK)
    return {"accuracy": right / count} if count else {}
