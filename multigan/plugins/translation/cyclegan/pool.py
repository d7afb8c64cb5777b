"""A pool of former fakes, against discriminators that forget (Shrivastava et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Remembers up to ``size`` pictures; lives in buffers, so that checkpoints hold it.

    Args:
        size: Pictures to remember; 0 hands every picture through.
        shape: (C, H, W) of one picture.
    """

    images: Tensor
    filled: Tensor

    def __init__(self, size: int, *, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.size = size
        # Half precision is finer than the 8 bits of a picture and halves every checkpoint.
        self.register_buffer("images", torch.zeros(size, *shape, dtype=torch.float16))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def exchange(self, x_BCHW: Tensor, *, chance_B: Tensor, slot_B: Tensor) -> Tensor:
        """Stores pictures and returns as many to judge.

        While the pool fills, every picture is stored and returned. Then each one is, with
        probability 1/2, exchanged for one of the pool.

        Args:
            x_BCHW: New fakes.
            chance_B: Uniform in [0, 1).
            slot_B: Uniform integers in [0, size).

        Returns:
            (B, C, H, W), detached.
        """
        if self.size == 0:
            return x_BCHW.detach()
        returned = []
        for image, chance, slot in zip(x_BCHW.detach(), chance_B, slot_B, strict=True):
            full = self.filled >= self.size
            swap = full & (chance < 0.5)
            place = torch.where(full, slot, self.filled)[None]  # no host sync: indices stay tensors
            stored = self.images[place][0]
            new = image.to(stored.dtype)
            returned.append(torch.where(swap, stored.to(image.dtype), image))
            self.images[place] = torch.where(full & ~swap, stored, new)[None]
            self.filled.add_((~full).long())
        return torch.stack(returned)
