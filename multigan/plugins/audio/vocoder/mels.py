"""Spectrograms in files: ``.npy`` with (bands, frames), as HiFi-GAN's tools write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from multigan.data.files import reason
from multigan.errors import DataError


def open_mel(path: Path, *, bands: int) -> np.ndarray:
    """Opens a spectrogram without reading it: long ones need no memory.

    Args:
        path: an ``.npy`` file; pickled content is never loaded.
        bands: that there must be.

    Returns:
        Floating-point (bands, frames) on disk.

    Raises:
        DataError: missing, damaged, no array of numbers, or of another shape.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; check the path")
    try:
        mel = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise DataError(
            f"{path}: no array of numbers ({reason(error)}); save the spectrogram with numpy.save"
        ) from error
    if not isinstance(mel, np.ndarray) or mel.dtype.kind != "f":
        raise DataError(f"{path}: holds no floating-point numbers; save a log-mel spectrogram")
    if mel.ndim == 3 and len(mel) == 1:
        mel = mel[0]
    if mel.ndim != 2 or mel.shape[0] != bands or not mel.shape[1]:
        turned = mel.ndim == 2 and mel.shape[1] == bands
        raise DataError(
            f"{path} is {mel.shape}, and this model hears ({bands}, frames)"
            + ("; transpose it" if turned else "; take it with the mel settings of the model")
        )
    return mel
