"""What happens to a picture on its way into a network: size, chance, and the range -1 to 1.

All chance comes from torch's global generator, which the loader seeds for every sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def image_transform(
    size: int | tuple[int, int],
    *,
    resize: int | None = None,
    crop: str = "random",
    flip: bool = True,
    jitter: float = 0.0,
    rotation: float = 0.0,
) -> Any:
    """From a PIL picture or a uint8 array (height, width, 3) to a float tensor (3, H, W), -1 to 1.

    Args:
        size: side of the square that comes out, or (height, width).
        resize: shorter side before cropping; None makes the crop as large as the picture allows.
        crop: "random", "centre", or "none", which squeezes the whole picture into `size`.
        flip: mirror left and right half of the time.
        jitter: how much brightness, contrast and saturation vary, 0 to 1.
        rotation: up to how many degrees a picture is turned either way.

    Raises:
        ValueError: an unknown crop, or `resize` smaller than `size`.
    """
    from torchvision.transforms import v2

    height, width = (size, size) if isinstance(size, int) else size
    if crop not in ("random", "centre", "none"):
        raise ValueError(f"unknown crop '{crop}'; choose random, centre or none")
    if resize is not None and resize < max(height, width):
        raise ValueError(f"resize {resize} is smaller than the crop {height}x{width}")
    steps: list[Any] = [v2.Lambda(_to_uint8)]
    if crop == "none":
        steps.append(v2.Resize((height, width), antialias=True))
    else:
        steps.append(_Cover(height, width, resize))
    if rotation:
        steps.append(v2.RandomRotation(rotation, interpolation=v2.InterpolationMode.BILINEAR))
    if crop == "random":
        steps.append(v2.RandomCrop((height, width)))
    elif crop == "centre":
        steps.append(v2.CenterCrop((height, width)))
    if flip:
        steps.append(v2.RandomHorizontalFlip())
    if jitter:
        steps.append(v2.ColorJitter(brightness=jitter, contrast=jitter, saturation=jitter))
    return v2.Compose([*steps, v2.Lambda(to_float)])


def to_float(pixels: Tensor) -> Tensor:
    """uint8 0 to 255 -> float32 -1 to 1, any shape."""
    return pixels.float() / 127.5 - 1.0


def to_uint8(pixels: Tensor) -> Tensor:
    """Float -1 to 1 -> uint8 0 to 255, any shape: clamped and rounded, undoing `to_float`."""
    return ((pixels.detach().float().clamp(-1.0, 1.0) + 1.0) * 127.5).round().to(torch.uint8)


class _Cover:
    """Resize so that a crop just fits, or so that the shorter side is `shorter`."""

    def __init__(self, height: int, width: int, shorter: int | None) -> None:
        self.height, self.width, self.shorter = height, width, shorter

    def __call__(self, pixels: Tensor) -> Tensor:
        from torchvision.transforms.v2 import functional

        height, width = pixels.shape[-2:]
        needed = max(self.height / height, self.width / width)
        scale = needed if self.shorter is None else self.shorter / min(height, width)
        size = [max(self.height, round(height * scale)), max(self.width, round(width * scale))]
        return functional.resize(pixels, size, antialias=True)


def _to_uint8(image: Any) -> Tensor:
    """A PIL picture, an array (H, W, 3) or a tensor (3, H, W) as a uint8 tensor (3, H, W)."""
    if isinstance(image, Tensor):
        return image
    pixels = image if isinstance(image, np.ndarray) else np.array(image.convert("RGB"))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))
