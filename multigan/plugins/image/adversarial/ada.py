"""Adaptive discriminator augmentation (Karras et al. 2020, "Training GANs with Limited Data").

Everything that the discriminator sees is turned, moved, scaled and recoloured, each with
probability p. While p stays well below 1, upright pictures remain the commonest, and the generator
does not learn to draw augmented ones (section 2.2). How large p has to be, training itself tells:
once the discriminator knows more reals by heart than the target says, p rises.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.plugins.image.adversarial.memory import mean_over_processes, world_size
from multigan.training.phases import Noise

HIGHEST = 0.9  # beyond it, augmented pictures would seem the usual ones


class AdaptiveAugment(nn.Module):
    """Augments pictures with a probability that follows the discriminator.

    Args:
        target: of E[sign(D(real))], 0 for a discriminator that cannot tell, 1 for one that always
            can; the paper's 0.6.
        images: real pictures in which p may rise from 0 to 1; the paper's 500,000.
        every: batches between two changes of p; the paper's 4.
    """

    p: Tensor
    signs: Tensor
    batches: Tensor

    def __init__(self, *, target: float = 0.6, images: int = 500_000, every: int = 4) -> None:
        super().__init__()
        self.target, self.images, self.every = target, images, every
        self.register_buffer("p", torch.zeros(()))
        self.register_buffer("signs", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def forward(self, x_BCHW: Tensor, noise: Noise) -> Tensor:
        """Pictures in [-1, 1] of the same shape; gradients pass through."""
        B, C = x_BCHW.shape[:2]
        # All at once, and as many whatever happens with them: a run is repeatable.
        chance, amount = noise.uniform(B, 22).to(torch.float32).split(11, dim=1)
        act = chance < self.p
        with torch.autocast(x_BCHW.device.type, enabled=False):
            x_BCHW = moved(x_BCHW.float(), geometry(act[:, :7], amount[:, :7]))
            if C == 4:  # transparency has no colour
                coloured = recoloured(x_BCHW[:, :3], act[:, 7:], amount[:, 7:])
                return torch.cat([coloured, x_BCHW[:, 3:]], dim=1)
            return recoloured(x_BCHW, act[:, 7:], amount[:, 7:])

    @torch.no_grad()
    def update(self, logits_real: Tensor) -> None:
        """Takes note of the verdicts on a batch of augmented reals, and moves p when it is time.

        Args:
            logits_real: (B, 1), above 0 means real.
        """
        self.signs += mean_over_processes(logits_real.float().sign().mean())
        self.batches += 1
        due = self.batches % self.every == 0
        step = len(logits_real) * world_size() * self.every / self.images
        change = torch.sign(self.signs / self.every - self.target) * step
        self.p.copy_(torch.where(due, (self.p + change).clamp(0.0, HIGHEST), self.p))
        self.signs.mul_(~due)


def geometry(act_BN: Tensor, amount_BN: Tensor) -> Tensor:
    """Affine maps (B, 2, 3) of the plane [-1, 1]^2, from a place in the result to its source.

    Mirror, quarter turns, shift by up to 1/8, scale, turn, stretch, shift by a fraction of a pixel
    more: the "pixel blitting" and "general geometric" groups of the paper, all resampled once.

    Args:
        act_BN: (B, 7), what happens to a picture.
        amount_BN: (B, 7), how much, uniform in [0, 1).
    """
    u = amount_BN
    normal = torch.erfinv((2 * u - 1).clamp(-0.999, 0.999)) * math.sqrt(2.0)

    def chosen(which: int, value_B: Tensor, neutral: float) -> Tensor:
        return torch.where(act_BN[:, which], value_B, neutral)

    mirror = chosen(0, torch.where(u[:, 0] < 0.5, -1.0, 1.0), 1.0)
    quarters = chosen(1, torch.floor(u[:, 1] * 4) * (math.pi / 2), 0.0)
    scale = chosen(2, torch.exp2(0.2 * normal[:, 2]), 1.0)
    angle = quarters + chosen(3, (2 * u[:, 3] - 1) * math.pi, 0.0)
    stretch = chosen(4, torch.exp2(0.2 * normal[:, 4]), 1.0)
    right, down = (chosen(i, 0.25 * (2 * u[:, i] - 1), 0.0) for i in (5, 6))
    cos, sin = angle.cos(), angle.sin()
    wide, high = scale * stretch, scale / stretch
    rows = [
        torch.stack([mirror * wide * cos, -mirror * wide * sin, right], dim=1),
        torch.stack([high * sin, high * cos, down], dim=1),
    ]
    return torch.stack(rows, dim=1)


def moved(x_BCHW: Tensor, affine_B23: Tensor) -> Tensor:
    """Resamples pictures; what lies outside is their reflection."""
    grid = F.affine_grid(affine_B23, list(x_BCHW.shape), align_corners=False)
    return F.grid_sample(x_BCHW, grid, padding_mode="reflection", align_corners=False)


def recoloured(x_BCHW: Tensor, act_BN: Tensor, amount_BN: Tensor) -> Tensor:
    """Brightness, contrast, and for RGB hue and saturation: the paper's "colour" group.

    Args:
        x_BCHW: grey or RGB.
        act_BN: (B, 4), what happens to a picture.
        amount_BN: (B, 4), how much, uniform in [0, 1).
    """
    normal = torch.erfinv((2 * amount_BN - 1).clamp(-0.999, 0.999)) * math.sqrt(2.0)

    def chosen(which: int, value_B: Tensor, neutral: float) -> Tensor:
        return torch.where(act_BN[:, which], value_B, neutral)[:, None, None, None]

    x_BCHW = x_BCHW + chosen(0, 0.2 * normal[:, 0], 0.0)
    x_BCHW = x_BCHW * chosen(1, torch.exp2(0.5 * normal[:, 1]), 1.0)
    if x_BCHW.shape[1] != 3:
        return x_BCHW
    hue = torch.where(act_BN[:, 2], (2 * amount_BN[:, 2] - 1) * math.pi, 0.0)
    x_BCHW = torch.einsum("bij,bjhw->bihw", _hue_turn(hue), x_BCHW)
    grey_B1HW = x_BCHW.mean(1, keepdim=True)
    return grey_B1HW + (x_BCHW - grey_B1HW) * chosen(3, torch.exp2(normal[:, 3]), 1.0)


def _hue_turn(angle_B: Tensor) -> Tensor:
    """Rotations (B, 3, 3) of colour space about the grey axis (Rodrigues' formula)."""
    along = 1.0 / math.sqrt(3.0)
    cross = along * torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]])
    cross = cross.to(angle_B.device)
    sin, cos = angle_B.sin()[:, None, None], angle_B.cos()[:, None, None]
    return torch.eye(3, device=angle_B.device) + sin * cross + (1 - cos) * (cross @ cross)
