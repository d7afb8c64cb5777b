"""Sounds from a trained generator: by number, by class, on the way from one to the next."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from multigan.data.audio import write_sound
from multigan.errors import CheckpointError, DataError, PluginError, suggestion
from multigan.inference.pipeline import Exportable, Pipeline
from multigan.plugins.audio.generation.encoding import (
    Spectrograms,
    Waveforms,
    spectrograms_from_facts,
    to_waveforms,
)
from multigan.plugins.audio.generation.labels import first_part, in_turn, members

CHUNK = 64  # sounds generated at once
PAUSE = 0.2  # seconds between sounds that are written into one file

Label = str | int


@dataclass(frozen=True)
class AudioOutput:
    """Generated sounds.

    Attributes:
        waveforms: float (N, T) in [-1, 1], on the CPU.
        rate: samples a second.
        labels: the class of each one; empty for a model without classes.
    """

    waveforms: Tensor
    rate: int
    labels: tuple[str, ...] = ()


class AudioPipeline(Pipeline):
    """Sounds from noise.

        pipe = multigan.pipeline("audio", style="spoken-digits")
        pipe(10, seed=1).waveforms                # the digits 0 to 9
        pipe(3, labels=["4", "2", "0"])           # classes by name

    Args:
        components: holds the "generator", and a "vocoder" where spectrograms become sound by one.
        facts: "classes", "rate", "latent_noise", and of spectrograms how they were taken.

    Raises:
        CheckpointError: the facts do not fit the generator.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        generator, classes = components.get("generator"), facts.get("classes", [])
        if generator is None or not isinstance(facts.get("rate"), int):
            raise CheckpointError("the model is damaged: no generator of sounds, or no rate")
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise CheckpointError("the model is damaged: classes must be a list of names")
        self.generator = generator
        self.classes: tuple[str, ...] = tuple(classes)
        self.rate: int = facts["rate"]
        self.uniform = facts.get("latent_noise") == "uniform"
        self.encoding: Spectrograms | Waveforms = Waveforms()
        if "mel" in facts:
            self.encoding = spectrograms_from_facts(facts)
        self.vocoder = components.get("vocoder")
        self.latents = int(generator.latents)  # type: ignore[arg-type]

    def __call__(
        self,
        count: int = 1,
        *,
        seed: int = 0,
        labels: Label | Sequence[Label] | None = None,
        truncation: float | None = None,
    ) -> AudioOutput:
        """Generates sounds.

        Args:
            count: how many. The first sounds of more are the same sounds.
            seed: the same seed gives the same sounds.
            labels: a class by name or number, or one for each sound; None takes all in turn. Of
                classes like "7_jackson", "7" means all that begin so, in turn.
            truncation: leaves out latents beyond so many deviations (of uniform latents, beyond
                such a share of their range): the smaller, the more typical and alike the sounds.

        Raises:
            PluginError: an argument is out of range, or the model has no such class.
        """
        if count < 1:
            raise PluginError(f"count={count}: ask for one sound at least")
        latents_BZ = draw_latents(
            count, self.latents, seed=seed, uniform=self.uniform, truncation=truncation
        )
        return self.decode(latents_BZ, self._numbers(labels, count))

    def sample(
        self,
        count: int,
        *,
        seed: int = 0,
        label: str | None = None,
        truncation: float | None = None,
    ) -> AudioOutput:
        """What ``multigan sample`` calls."""
        return self(count, seed=seed, labels=label, truncation=truncation)

    def interpolate(
        self,
        count: int = 2,
        *,
        steps: int = 8,
        seed: int = 0,
        label: str | None = None,
        truncation: float | None = None,
    ) -> AudioOutput:
        """Sounds on the way from one to the next of several, and back to the first.

        Args:
            count: sounds that the way passes.
            steps: sounds from one to the next.
            seed: of these.
            label: the class of all, the first one that is meant if there are several.
            truncation: as above.

        Returns:
            count * steps sounds.

        Raises:
            PluginError: an argument is out of range, or the model has no such class.
        """
        if count < 2 or steps < 1:
            raise PluginError(
                f"count={count}, steps={steps}: give two sounds and one step at least"
            )
        stops_BZ = draw_latents(
            count, self.latents, seed=seed, uniform=self.uniform, truncation=truncation
        )
        shares_S = torch.arange(steps) / steps
        way_BZ = torch.cat([self._way(stops_BZ.roll(-i, 0)[:2], shares_S) for i in range(count)])
        chosen: Label | None = 0 if self.classes else None
        if label is not None and self.classes:
            chosen = self._number(label, 0)
        return self.decode(way_BZ, self._numbers(label if chosen is None else chosen, len(way_BZ)))

    @torch.inference_mode()
    def decode(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> AudioOutput:
        """Sounds of given latents (B, Z) and class numbers (B,)."""
        parts = []
        for start in range(0, len(latents_BZ), CHUNK):
            some = slice(start, start + CHUNK)
            given_B = None if labels_B is None else labels_B[some].to(self.device)
            made_B = self.generator(latents_BZ[some].to(self.device), given_B).float()
            parts.append(to_waveforms(made_B, self.encoding, self.vocoder).cpu())
        names = () if labels_B is None else tuple(self.classes[int(i)] for i in labels_B)
        return AudioOutput(torch.cat(parts), self.rate, names)

    def save_samples(self, result: AudioOutput, path: Path) -> list[Path]:
        """Writes one wav file with all sounds in a row, or, into a folder, one for each.

        Raises:
            DataError: a file name that is not .wav.
        """
        if path.suffix and not path.is_dir():
            return [self.save_film(result, path)]
        path.mkdir(parents=True, exist_ok=True)
        digits = len(str(len(result.waveforms) - 1))
        written = []
        for number, samples_T in enumerate(result.waveforms):
            # The class in front, where `multigan score audio` looks for what was asked for.
            label = f"{result.labels[number]}_" if result.labels else ""
            name = f"{label}{number:0{digits}}.wav".replace("/", "-")
            written.append(write_sound(path / name, samples_T.numpy(), result.rate))
        return written

    def save_film(self, result: AudioOutput, path: Path) -> Path:
        """Writes all sounds one after the other into a wav file: what ``--interpolate`` makes.

        Raises:
            DataError: a file name that is not .wav.
        """
        if path.suffix.lower() != ".wav":
            raise DataError(f"{path}: sounds are written as .wav; name such a file, or a folder")
        pause = np.zeros(round(PAUSE * result.rate), dtype=np.float32)
        row = [part for samples_T in result.waveforms for part in (samples_T.numpy(), pause)]
        return write_sound(path, np.concatenate(row[:-1]), result.rate)

    def exportable(self) -> Exportable:
        """Latents, and labels if there are classes, to waveforms or log-mel spectrograms.

        The latter are for a vocoder; Griffin-Lim is no network.
        """
        counts = (2, 1, 5)
        examples = [
            {"latents": draw_latents(count, self.latents, seed=0, uniform=self.uniform)}
            for count in counts
        ]
        notes = {
            "latents": "uniform from -1 to 1" if self.uniform else "standard normal",
            "rate": str(self.rate),
        }
        if self.classes:
            for example, count in zip(examples, counts, strict=True):
                example["labels"] = torch.tensor(in_turn(self.classes, count))
            notes["classes"] = json.dumps(self.classes, ensure_ascii=False)
        output = "waveform"
        if not isinstance(self.encoding, Waveforms):
            output, notes["mel"] = "mel", json.dumps(self.facts["mel"])
        free = {name: {0: "batch"} for name in (*examples[0], output)}
        module = _Whole(self.generator, self.encoding)
        return Exportable(module, examples, output=output, free=free, notes=notes)

    def to(self, device: torch.device | str) -> Self:
        """Moves all networks."""
        self.encoding.to(device)
        return super().to(device)

    def _way(self, stops_2Z: Tensor, shares_S: Tensor) -> Tensor:
        """(S, Z), from one point towards another."""
        first_S1, second_S1 = 1 - shares_S[:, None], shares_S[:, None]
        way_SZ = first_S1 * stops_2Z[0] + second_S1 * stops_2Z[1]
        # A sum of normal numbers is to keep the deviation 1, where noise is at home.
        return way_SZ if self.uniform else way_SZ / torch.hypot(first_S1, second_S1)

    def _numbers(self, labels: Label | Sequence[Label] | None, count: int) -> Tensor | None:
        if not self.classes:
            if labels is not None:
                raise PluginError("this model was trained without labels; leave the label out")
            return None
        if labels is None:
            return torch.tensor(in_turn(self.classes, count))
        given = [labels] * count if isinstance(labels, str | int) else list(labels)
        if len(given) != count:
            raise PluginError(f"{len(given)} labels for {count} sounds; give one for each")
        return torch.tensor([self._number(label, turn) for turn, label in enumerate(given)])

    def _number(self, label: Label, turn: int) -> int:
        if isinstance(label, int) and 0 <= label < len(self.classes):
            return label
        meant = members(self.classes, str(label))
        if not meant:
            known = dict.fromkeys([*map(first_part, self.classes), *self.classes])
            raise PluginError(f"this model has no class '{label}'{suggestion(str(label), known)}")
        return meant[turn % len(meant)]


def draw_latents(
    count: int, size: int, *, seed: int, uniform: bool = False, truncation: float | None = None
) -> Tensor:
    """Latents (count, size): row i depends on the seed and on i only.

    All are made of the same uniform numbers, so that truncation leaves a sound itself, only tamer.

    Raises:
        PluginError: truncation is not positive.
    """
    if truncation is not None and not truncation > 0:
        raise PluginError(f"truncation={truncation}: give a number above 0; 0.5 to 1 is usual")
    generator = torch.Generator().manual_seed(seed)
    # On the CPU and row by row: on every device, and in every number, a seed means the same.
    rows = [torch.rand(size, generator=generator, dtype=torch.float64) for _ in range(count)]
    centred_BZ = 2 * torch.stack(rows).clamp(1e-12, 1 - 1e-12) - 1
    if uniform:
        return (centred_BZ * min(truncation or 1.0, 1.0)).float()
    inside = 1.0 if truncation is None else math.erf(truncation / math.sqrt(2))
    return (math.sqrt(2) * torch.erfinv(inside * centred_BZ)).float()


class _Whole(nn.Module):
    """Generator and decoding as one network, for other programs."""

    def __init__(self, generator: nn.Module, encoding: Spectrograms | Waveforms) -> None:
        super().__init__()
        self.generator, self.encoding = generator, encoding

    def forward(self, latents_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        made_B = self.generator(latents_BZ, labels_B)
        return (
            made_B[:, 0] if isinstance(self.encoding, Waveforms) else self.encoding.decode(made_B)
        )
