"""The published sizes of HiFi-GAN's generator (Kong et al. 2020, appendix A.1); no torch here."""

from __future__ import annotations

from math import prod
from typing import Any

VARIANTS: dict[str, dict[str, Any]] = {
    "v1": {
        "width": 512,
        "rates": (8, 8, 2, 2),
        "kernels": (16, 16, 4, 4),
        "residual_kernels": (3, 7, 11),
        "dilations": ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        "block": 1,
    },
    "v2": {
        "width": 128,
        "rates": (8, 8, 2, 2),
        "kernels": (16, 16, 4, 4),
        "residual_kernels": (3, 7, 11),
        "dilations": ((1, 3, 5), (1, 3, 5), (1, 3, 5)),
        "block": 1,
    },
    "v3": {
        "width": 256,
        "rates": (8, 8, 4),
        "kernels": (16, 16, 8),
        "residual_kernels": (3, 5, 7),
        "dilations": ((1, 2), (2, 6), (3, 12)),
        "block": 2,
    },
}
"""Name -> arguments of `HiFiGANGenerator`; all make 256 samples of a frame."""


def rates_of(hop: int) -> tuple[int, ...]:
    """Upsampling rates up to 8, large ones first, that make so many samples of a frame.

    Returns:
        An empty tuple where a prime factor of the hop is larger than 8.
    """
    rates: list[int] = []
    while prod(rates) < hop:
        left = hop // prod(rates)
        factor = next((rate for rate in range(8, 1, -1) if left % rate == 0), 0)
        if not factor:
            return ()
        rates.append(factor)
    return tuple(rates)
