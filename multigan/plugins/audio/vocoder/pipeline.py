"""A trained vocoder: log-mel spectrograms to waveforms, sounds to copies of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from multigan.data.audio import read_sound, resample, stream_sound
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pipeline import Exportable, Pipeline
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.networks.refiner import RefinerGenerator
from multigan.plugins.audio.recipe import MelConfig
from multigan.plugins.audio.vocoder.build import Generator
from multigan.plugins.audio.vocoder.mels import open_mel
from multigan.plugins.audio.vocoder.streaming import CHUNK, in_pieces

BLOCK = 10.0  # seconds of a sound that are read at once
LEAST = 8  # reaches in a piece, so that what is computed twice is little


@dataclass(frozen=True)
class VocoderOutput:
    """Sounds.

    Attributes:
        waveforms: float (N, T) in [-1, 1], on the CPU.
        rate: samples a second.
    """

    waveforms: Tensor
    rate: int


class VocoderPipeline(Pipeline):
    """Waveforms of spectrograms.

        pipe = multigan.pipeline("runs/vocoder")
        pipe(mels).waveforms                       # (N, bands, frames), as `pipe.hear` takes them
        pipe.copy("speech.wav").waveforms          # any rate; or samples with their rate
        for piece in pipe.stream("audiobook.mp3"): # (T,), in constant memory

    Args:
        components: holds the "generator".
        facts: "mel", how its spectrograms are taken.

    Attributes:
        mel: the same, typed.
        rate: samples a second of all that comes out.
        hear: waveforms (N, T) at this rate -> log-mels (N, bands, T / hop).

    Raises:
        CheckpointError: the facts do not fit the generator.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        generator = components.get("generator")
        if not isinstance(generator, Generator):
            raise CheckpointError("the model is damaged: it has no vocoder")
        # Without the norms it is faster, and it is saved as it is used.
        self.generator = generator.folded()
        super().__init__({**components, "generator": self.generator}, facts)
        self.mel = MelConfig.model_validate(facts["mel"])
        if (generator.mels, generator.hop) != (self.mel.mels, self.mel.hop):
            raise CheckpointError("the model is damaged: it hears other spectrograms than it says")
        self.rate = self.mel.rate
        self.hear = LogMel(self.mel)
        self.chunk = max(CHUNK, LEAST * self.generator.reach)

    def to(self, device: torch.device | str) -> VocoderPipeline:
        """Moves the generator and the spectrogram."""
        self.hear.to(device)
        return super().to(device)

    @torch.inference_mode()
    def __call__(self, mels: Tensor | np.ndarray) -> VocoderOutput:
        """Waveforms of log-mel spectrograms.

        Args:
            mels: (bands, frames) or (N, bands, frames), taken with the model's settings.

        Raises:
            DataError: another number of bands.
        """
        x_BMF = torch.as_tensor(mels, dtype=torch.float32, device=self.device)
        x_BMF = x_BMF[None] if x_BMF.dim() == 2 else x_BMF
        if x_BMF.dim() != 3 or x_BMF.shape[1] != self.mel.mels or not x_BMF.shape[2]:
            raise DataError(
                f"spectrograms of {tuple(x_BMF.shape)}; this model hears (N, {self.mel.mels}, "
                "frames)"
            )
        return VocoderOutput(self.generator(x_BMF).cpu(), self.rate)

    def copy(
        self, sound: str | Path | Tensor | np.ndarray, *, rate: int | None = None
    ) -> VocoderOutput:
        """Copy-synthesis: the spectrogram of a sound, and a sound again, of the same length.

        Args:
            sound: a file, or samples (T,) in [-1, 1].
            rate: of these samples; the model's by default. Other rates are resampled.

        Raises:
            DataError: the file cannot be read, or there are no samples.
        """
        if isinstance(sound, str | Path):
            samples = read_sound(sound, rate=self.rate).samples
        else:
            samples = np.asarray(sound, dtype=np.float32)
            if samples.ndim != 1 or not len(samples):
                raise DataError(f"samples of {samples.shape}; give one sound, (T,)")
            samples = resample(samples, rate or self.rate, self.rate)
        pieces = list(self._copied(iter([samples]), chunk=self.chunk))
        return VocoderOutput(torch.cat(pieces)[None], self.rate)

    def stream(self, source: str | Path, *, chunk: int | None = None) -> Iterator[Tensor]:
        """The same piece by piece, of a sound or of a spectrogram in an ``.npy`` file.

        Args:
            source: a file of any length.
            chunk: frames computed at once, by default as many as is fast; the result does not
                depend on it.

        Yields:
            (T,) in [-1, 1], at the model's rate.

        Raises:
            DataError: the file cannot be read, or holds no such spectrogram.
        """
        source, chunk = Path(source), chunk or self.chunk
        if source.suffix.lower() == ".npy":
            mel_MF = open_mel(source, bands=self.mel.mels)
            yield from in_pieces(
                self._made, _frames(mel_MF, source, chunk),
                unit=1, hop=self.mel.hop, reach=self.generator.reach, chunk=chunk,
            )  # fmt: skip
        else:
            yield from self._copied(stream_sound(source, rate=self.rate, block=BLOCK), chunk=chunk)

    def exportable(self) -> Exportable:
        """The generator: log-mels (batch, bands, frames) to waveforms (batch, frames * hop).

        Raises:
            PluginError: it has a first guess, which is Fourier transforms for the most part.
        """
        if isinstance(self.generator, RefinerGenerator):
            raise PluginError(
                "this vocoder is a network between rounds of Fourier transforms, of which no "
                "program can be made; --format safetensors writes its weights"
            )
        generator = torch.Generator().manual_seed(0)
        sizes = ((2, 16), (1, 7), (3, 40))
        examples = [
            {"mels": 2 * torch.randn(batch, self.mel.mels, frames, generator=generator) - 5}
            for batch, frames in sizes
        ]
        free = {"mels": {0: "batch", 2: "frames"}, "waveforms": {0: "batch", 1: "samples"}}
        notes = {"mel": self.mel.model_dump_json(), "range": "-1 to 1"}
        return Exportable(self.generator, examples, output="waveforms", free=free, notes=notes)

    def _copied(self, parts: Iterator[np.ndarray], *, chunk: int) -> Iterator[Tensor]:
        config, counted = self.mel, 0
        margin = (config.n_fft - config.hop) // 2  # that the spectrogram reflects at the ends
        least = ceil((margin + 1) / config.hop) * config.hop

        def whole_frames() -> Iterator[Tensor]:
            nonlocal counted
            for part in parts:
                counted += len(part)
                yield torch.from_numpy(part)
            missing = -counted % config.hop if counted > least else least - counted
            yield torch.zeros(missing)

        made = 0
        for piece_T in in_pieces(
            lambda x_T, first: self._made(self.hear(x_T.to(self.device)[None])[0], first),
            whole_frames(),
            unit=config.hop,
            hop=config.hop,
            reach=self.generator.reach + ceil(margin / config.hop),
            chunk=chunk,
        ):
            made += len(piece_T)
            # Only the last piece knows how long the sound is; the frame it was filled up to is cut.
            yield piece_T[: len(piece_T) - max(0, made - counted)]

    @torch.inference_mode()
    def _made(self, mel_MF: Tensor, first: int) -> Tensor:
        mel_1MF = mel_MF.to(self.device)[None]
        if isinstance(self.generator, RefinerGenerator):  # begins with the noise of that place
            return self.generator(mel_1MF, first=first)[0].cpu()
        return self.generator(mel_1MF)[0].cpu()


def _frames(mel_MF: np.ndarray, path: Path, chunk: int) -> Iterator[Tensor]:
    """A spectrogram on disk, part by part."""
    for start in range(0, mel_MF.shape[1], chunk):
        part_MF = np.array(mel_MF[:, start : start + chunk], dtype=np.float32)
        if not np.isfinite(part_MF).all():
            raise DataError(f"{path} holds numbers that are not finite; take it again")
        yield torch.from_numpy(part_MF)
