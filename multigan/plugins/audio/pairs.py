"""Two folders with files of the same names, such as speech and its copies out of a vocoder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from multigan.data.audio import Sound, list_sounds, read_sound
from multigan.errors import DataError
from multigan.losses.spectral import multi_resolution_stft
from multigan.metrics.mcd import COEFFICIENTS, mel_cepstral_distortion
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.recipe import MelConfig
from multigan.plugins.audio.vocoder.targets import LABEL

MELS = 80
WINDOW = 0.046  # seconds: 1024 samples at 22050 Hz, as HiFi-GAN has them
UNEQUAL = 0.05  # seconds that a copy may be shorter or longer: what padding to whole frames adds


@dataclass(frozen=True)
class Pairs:
    """What the comparison of two folders found.

    Attributes:
        scores: "mel-l1", "mcd" and "stft-distance", means over the pairs.
        count: of pairs.
        alone: files of either folder without a partner.
        protocol: how they were compared.
    """

    scores: dict[str, float]
    count: int
    alone: int
    protocol: str


def compare_pairs(folder: Path, references: Path) -> Pairs:
    """Compares files of the same names, whatever their suffixes.

    What ``multigan vocode`` has made of NAME is called NAME-vocoded, and is a copy of it.

    Raises:
        DataError: there are no such files, or a pair cannot be read or differs in length.
    """
    copies, originals = _by_name(folder), _by_name(references)
    names = [name for name in originals if name in copies]
    if not names:
        raise DataError(f"{folder} and {references} have no file of the same name to compare")
    found, rates = [], set()
    for name in names:
        original = read_sound(originals[name])
        copy = read_sound(copies[name], rate=original.rate)
        apart = abs(original.duration - copy.duration)
        if apart > UNEQUAL:
            raise DataError(
                f"{copies[name]}: {apart:.2f} s longer or shorter than {originals[name]}; frames "
                "can be compared only of sounds that begin and end together"
            )
        found.append(distances_of(copy.samples, original))
        rates.add(original.rate)
    return Pairs(
        scores={name: float(np.mean([each[name] for each in found])) for name in found[0]},
        count=len(names),
        alone=len(copies) + len(originals) - 2 * len(names),
        protocol=(
            f"{MELS} bands of log mel magnitudes at {', '.join(map(str, sorted(rates)))} Hz, "
            f"Hann window of {spectrogram_of(min(rates)).n_fft} samples, a quarter apart; "
            f"mel-l1 in nepers; mcd in dB, cepstra 1 to {COEFFICIENTS}, frame by frame; "
            "stft-distance of that window, a half and a quarter of it"
        ),
    )


def distances_of(samples: np.ndarray, reference: Sound) -> dict[str, float]:
    """By name: log-mels' mean absolute difference (nepers), mel-cepstral distortion (dB), spectra.

    Args:
        samples: (T,) at the reference's rate; what one of the two has more at the end is left out.
        reference: what it should be.
    """
    config = spectrogram_of(reference.rate)
    length = min(len(samples), len(reference.samples))
    if length < config.n_fft:
        raise DataError(f"{length} samples are too short to compare; {config.n_fft} are needed")
    both_2T = torch.from_numpy(np.stack([samples[:length], reference.samples[:length]]))
    mel, real = LogMel(config)(both_2T)
    size = config.n_fft
    spectra = multi_resolution_stft(
        both_2T[:1], references=both_2T[1:], sizes=(size // 4, size // 2, size)
    )
    return {
        "mel-l1": float((mel - real).abs().mean()),
        "mcd": mel_cepstral_distortion(mel, real),
        "stft-distance": float(spectra),
    }


def spectrogram_of(rate: int) -> MelConfig:
    """The spectrogram in which sounds of a rate are compared: about 46 ms, a power of two."""
    n_fft = 2 ** round(np.log2(WINDOW * rate))
    return MelConfig(rate=rate, n_fft=n_fft, hop=n_fft // 4, mels=MELS)


def _by_name(folder: Path) -> dict[str, Path]:
    return {
        str(path.relative_to(folder).with_suffix("")).removesuffix(f"-{LABEL}"): path
        for path in list_sounds(folder)
    }
