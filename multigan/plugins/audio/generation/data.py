"""Some sounds at once: to measure them before the training, and to compare with after it."""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.audio.data.clips import Clips


def some_waveforms(clips: Clips, count: int, *, seed: int) -> Tensor:
    """At most so many sounds (N, T), evenly spread over all of them; the same ones every time."""
    total = len(clips)
    count = min(count, total)
    with torch.random.fork_rng(devices=[]):  # which part of a long sound is taken is random
        torch.manual_seed(seed)
        return torch.stack([clips[number * total // count]["waveform"] for number in range(count)])
