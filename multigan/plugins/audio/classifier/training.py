"""Training a classifier: no adversary, so one network and one phase; the rest is the trainer's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset, default_collate

from multigan.errors import DataError
from multigan.plugins.audio.classifier.augment import varied
from multigan.plugins.audio.classifier.network import Classifier
from multigan.plugins.audio.classifier.recipe import ClassifierRecipe
from multigan.plugins.audio.data.clips import open_clips
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 16
CHUNK = 250  # sounds at once when evaluating


class ClassifierTraining:
    """Learns the labels of sounds that are varied a little every time they are heard.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such sounds, or none is held out, or they have no classes.
    """

    def __init__(self, recipe: ClassifierRecipe) -> None:
        self.recipe, data, model = recipe, recipe.data, recipe.model
        self.train = open_clips(data)
        if len(self.train.classes) < 2:
            found = self.train.classes[0] if self.train.classes else "none"
            raise DataError(f"{data.source}: a classifier needs two classes; data.labels: {found}")
        # Measured at fixed places, so that two evaluations differ by the network alone.
        self.held_out = open_clips(data.model_copy(update={"crop": "centre"}), "validation")
        network = Classifier(classes=len(self.train.classes), rate=data.rate, **model.model_dump())
        self.networks = nn.ModuleDict({"classifier": network})
        self.memory = nn.ModuleDict()
        self.groups = {"classifier": ("classifier",)}
        self.averaged = ("classifier",)

    def stages(self) -> tuple[Stage, ...]:
        """Cross-entropy, nothing else."""
        phase = Phase("classifier", "classifier", self.classifier)
        return (Stage("training", self.recipe.steps.training, (phase,)),)

    def classifier(self, batch: Batch, step: Step) -> Losses:
        """Cross-entropy on varied sounds."""
        x_BT = varied(batch["waveform"], step.noise, self.recipe.augment)
        logits_BK = self.networks["classifier"](x_BT)
        return {"cross-entropy": F.cross_entropy(logits_BK, batch["label"])}

    def dataset(self) -> Dataset[Any]:
        """All but the held-out sounds."""
        return self.train

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """What the classifier sees: spectrograms of varied sounds, low frequencies below."""
        device = noise.generator.device
        numbers = torch.linspace(0, len(self.train) - 1, SHOWN).round().int().tolist()
        x_BT = _batch(self.train, numbers)["waveform"]
        shown_BT = varied(x_BT.to(device), noise, self.recipe.augment)
        pictures_BML = networks["classifier"].spectrogram(shown_BT)  # type: ignore[operator]
        return Preview(images=pictures_BML.flip(1)[:, None].float().cpu())

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Accuracy on the held-out sounds."""
        device, right = noise.generator.device, 0
        count = len(self.held_out)
        for start in range(0, count, CHUNK):
            batch = _batch(self.held_out, range(start, min(start + CHUNK, count)))
            logits_BK = networks["classifier"](batch["waveform"].to(device))
            right += int((logits_BK.argmax(1).cpu() == batch["label"]).sum())
        return {"accuracy": right / count}

    def model(self) -> dict[str, Any]:
        """The classifier, what it calls its classes, and the sounds that it takes."""
        data = self.recipe.data
        return {
            "networks": ["classifier"],
            "classes": list(self.train.classes),
            "rate": data.rate,
            "length": data.length,
            "trim": data.trim,
        }


def _batch(clips: Dataset[dict[str, Tensor]], numbers: Sequence[int]) -> dict[str, Tensor]:
    return default_collate([clips[number] for number in numbers])
