"""A network over something long, piece by piece, with the result of one pass over all of it.

A frame's samples depend on few frames around it. So every piece is computed with that many more on
either side, whose samples are thrown away; at the two ends of the whole there are none to add, and
the network pads as it always does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

CHUNK = 512  # frames computed at once, beside the context


def in_pieces(
    function: Callable[[Tensor, int], Tensor],
    parts: Iterable[Tensor],
    *,
    unit: int,
    hop: int,
    reach: int,
    chunk: int = CHUNK,
) -> Iterator[Tensor]:
    """Applies a function along the last axis.

    Args:
        function: (..., n * unit) -> (n * hop,) for n frames; also told the number of the first one.
        parts: the input in order, cut anywhere; in all a multiple of the unit.
        unit: input values of a frame: 1 for spectrograms, the hop for waveforms.
        hop: samples made of a frame.
        reach: frames on either side that a frame's samples depend on.
        chunk: frames at once; more is faster by little and takes more memory.

    Yields:
        (T,), one after the other the samples of the whole.
    """
    held: Tensor | None = None
    left = 0  # frames at the beginning of what is held that are done already
    first = 0  # number of the first frame that is held
    for part in parts:
        held = part if held is None else torch.cat([held, part], dim=-1)
        while held.shape[-1] >= (left + chunk + reach) * unit:
            made_T = function(held[..., : (left + chunk + reach) * unit], first)
            yield made_T[left * hop : (left + chunk) * hop]
            kept = min(reach, left + chunk)
            held = held[..., (left + chunk - kept) * unit :]
            first += left + chunk - kept
            left = kept
    if held is not None and held.shape[-1] > left * unit:
        yield function(held, first)[left * hop :]
