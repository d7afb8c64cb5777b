"""Some sounds at once: to measure them before the training, and to compare with after it."""

from __future__ import annotations

import torch
from torch import Tensor

from multigan.plugins.audio.data.clips import Clips


def some_clips(clips: Clips, count: int, *, seed: int) -> dict[str, Tensor]:
    """At most so many, evenly spread over all of them; the same ones every time.

    Returns:
        ``waveform`` (N, T) and ``label`` (N,).
    """
    total = len(clips)
    count = min(count, total)
    with torch.random.fork_rng(devices=[]):  # which part of a long sound is taken is random
        torch.manual_seed(seed)
        chosen = [clips[number * total // count] for number in range(count)]
    return {key: torch.stack([clip[key] for clip in chosen]) for key in chosen[0]}
