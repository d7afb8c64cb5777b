"""What a trained classifier takes sounds for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from multigan.data.audio import Sound, read_sound, resample, trim_silence
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.audio.data.clips import centred

CHUNK = 250  # sounds at once

SoundInput = str | os.PathLike[str] | Sound | np.ndarray | Tensor


@dataclass(frozen=True)
class ClassifierOutput:
    """Named sounds.

    Attributes:
        labels: the likeliest class of each sound.
        probabilities: float (N, K), one column a class, on the CPU.
        features: float (N, D), the numbers that the classes are read from, on the CPU.
    """

    labels: tuple[str, ...]
    probabilities: Tensor
    features: Tensor


class ClassifierPipeline(Pipeline):
    """Names sounds.

        pipe = multigan.pipeline("spoken-digits-classifier")
        pipe(["three.wav", "four.mp3"]).labels    # ("3", "4")

    Args:
        components: holds the "classifier".
        facts: "classes", names in the order of their numbers; "rate", "length" and "trim" of
            sounds.

    Raises:
        CheckpointError: the facts do not fit the classifier.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        classifier, classes = components.get("classifier"), facts.get("classes")
        if classifier is None or classifier.rate != facts.get("rate"):
            raise CheckpointError("the model is damaged: no classifier of sounds of this rate")
        if not isinstance(classes, list) or len(classes) != classifier.classes:
            raise CheckpointError("the model is damaged: not as many names as classes")
        self.classifier: Any = classifier
        self.classes: tuple[str, ...] = tuple(map(str, classes))
        self.rate, self.length = int(facts["rate"]), int(facts["length"])
        self.trim = bool(facts["trim"])

    def __call__(self, sounds: SoundInput | Sequence[SoundInput]) -> ClassifierOutput:
        """Names one sound or several; of long ones, the middle is heard.

        Args:
            sounds: paths, `multigan.data.audio.Sound`, or float (T,) in [-1, 1] at the model's
                rate, as arrays or tensors; or a list of these, or (N, T).

        Raises:
            DataError: something that is not a sound.
        """
        prepared = [self.prepare(sound) for sound in _listed(sounds)]
        return self.hear(torch.stack(prepared) if prepared else torch.zeros(0, self.length))

    @torch.inference_mode()
    def hear(self, waves_NT: Tensor) -> ClassifierOutput:
        """Names clips as `prepare` makes them.

        Args:
            waves_NT: (N, length) in [-1, 1].
        """
        features = [
            self.classifier.features(part.to(self.device))
            for part in waves_NT.split(CHUNK)
            if len(part)
        ]
        nothing = torch.zeros(0, self.classifier.head.in_features, device=self.device)
        features_ND = torch.cat([nothing, *features])
        probabilities_NK = self.classifier.head(features_ND).float().softmax(1).cpu()
        names = tuple(self.classes[int(i)] for i in probabilities_NK.argmax(1))
        return ClassifierOutput(names, probabilities_NK, features_ND.float().cpu())

    def prepare(self, sound: SoundInput) -> Tensor:
        """A sound as the network was trained on it, (length,).

        Raises:
            DataError: something that is not a sound.
        """
        if isinstance(sound, str | os.PathLike):
            sound = read_sound(Path(sound), rate=self.rate)
        if isinstance(sound, Sound):
            samples = resample(sound.samples, sound.rate, self.rate)
        else:
            given = sound.detach().cpu().numpy() if isinstance(sound, Tensor) else sound
            if not isinstance(given, np.ndarray) or given.ndim != 1 or given.dtype.kind != "f":
                raise DataError(
                    f"cannot read a sound from {type(sound).__name__}; give a path, a Sound, or "
                    "floats (T,)"
                )
            samples = given
        samples = trim_silence(samples, self.rate) if self.trim else samples
        return torch.from_numpy(centred(samples, self.length))

    def sample(self, count: int, *, seed: int = 0) -> Any:
        """A classifier has nothing to sample.

        Raises:
            PluginError: always.
        """
        raise PluginError("this model is a classifier: it names sounds and makes none")


def _listed(sounds: Any) -> Sequence[Any]:
    if isinstance(sounds, list | tuple):
        return sounds
    if isinstance(sounds, np.ndarray | Tensor) and sounds.ndim == 2:
        return list(sounds)
    return [sounds]
