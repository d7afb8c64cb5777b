"""How likely a generator finds sentences.

Shape suffixes: B sentences, L token positions, V vocabulary, H hidden, C theme.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from multigan.data.vocabulary import PAD, UNK
from multigan.plugins.text.writing import Generator


def nll(
    generator: Generator, tokens_BL: Tensor, theme_BC: Tensor, *, temperature: float = 1.0
) -> Tensor:
    """Nats of every token (B, L); 0 at pads, and at unknown words, which it cannot write.

    Args:
        generator: whose nats.
        tokens_BL: sentences.
        theme_BC: their themes.
        temperature: by which logits are divided.
    """
    h_BLH, real_BL = generator.features(tokens_BL, theme_BC), predicted(tokens_BL)
    if tokens_BL.device.type == "cpu":
        # Most positions of a batch of captions are pads, and the last layer is what costs.
        logits = generator.logits(h_BLH[real_BL]).float() / temperature
        nats = F.cross_entropy(logits, tokens_BL[real_BL], reduction="none")
        return torch.zeros(tokens_BL.shape).masked_scatter(real_BL, nats)
    # Asking how many there are would stall an accelerator. Flat rows: with the words in the middle,
    # as (B, V, L), the softmax strides through memory.
    targets = tokens_BL.masked_fill(~real_BL, PAD).flatten()
    logits = generator.logits(h_BLH).float().flatten(0, 1) / temperature
    nats = F.cross_entropy(logits, targets, ignore_index=PAD, reduction="none")
    return nats.view(tokens_BL.shape)


def predicted(tokens_BL: Tensor) -> Tensor:
    """Which tokens (B, L) a likelihood is about: all but pads and unknown ones."""
    return (tokens_BL != PAD) & (tokens_BL != UNK)
