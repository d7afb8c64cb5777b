"""How many pictures does a classifier of photos against cartoons take for cartoons?

    python tests/quality/judge_cartoons.py --window 64 \
        --photos photos/ --cartoons cartoons/ \
        --held-out-photos more_photos/ --held-out-cartoons more_cartoons/ RESULTS...

Trains a small network on windows of the first two folders (brightness, contrast and colourfulness
vary, so that it cannot lean on them alone), states its accuracy on the next two, and judges the
pictures of every further folder by the mean verdict on 12 windows. Shorter sides become 320 pixels.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from multigan.data.media import list_images, read_image

SIDE, BATCH, STEPS = 320, 16, 500


def pictures(folder: str) -> list[Tensor]:
    """uint8 (3, H, W), sorted by name, shorter side 320."""
    found = []
    for path in list_images(folder):
        image = Image.fromarray(read_image(path).rgb)
        scale = SIDE / min(image.size)
        size = [max(SIDE, round(side * scale)) for side in image.size]
        resized = np.array(image.resize((size[0], size[1]), Image.Resampling.LANCZOS))
        found.append(torch.from_numpy(resized).permute(2, 0, 1))
    return found


def classifier() -> nn.Module:
    def block(before: int, after: int) -> list[nn.Module]:
        conv = nn.Conv2d(before, after, 3, padding=1, bias=False)
        return [conv, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]

    layers = [*block(3, 24), *block(24, 48), *block(48, 64), *block(64, 96)]
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(96, 1)
    )


def random_window(pictures: list[Tensor], window: int) -> Tensor:
    picture = pictures[int(torch.randint(len(pictures), ()))]
    top = int(torch.randint(picture.shape[1] - window + 1, ()))
    left = int(torch.randint(picture.shape[2] - window + 1, ()))
    x = picture[:, top : top + window, left : left + window].float() / 255
    x = x.flip(2) if torch.rand(()) < 0.5 else x
    colour, contrast, brightness = torch.rand(3).tolist()
    grey = x.mean(0, keepdim=True)
    x = grey + (x - grey) * (0.6 + 0.8 * colour)
    x = (x - 0.5) * (0.7 + 0.6 * contrast) + 0.5 + 0.2 * (brightness - 0.5)
    return x.clamp(0, 1) * 2 - 1


def train(photos: list[Tensor], cartoons: list[Tensor], window: int) -> nn.Module:
    torch.manual_seed(0)
    network = classifier()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=STEPS)
    labels = torch.cat([torch.zeros(BATCH), torch.ones(BATCH)])
    for _ in range(STEPS):
        batch = [random_window(photos, window) for _ in range(BATCH)]
        batch += [random_window(cartoons, window) for _ in range(BATCH)]
        loss = F.binary_cross_entropy_with_logits(network(torch.stack(batch))[:, 0], labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.inference_mode()
def share(network: nn.Module, pictures: list[Tensor], window: int) -> float:
    """Share of pictures taken for cartoons."""
    taken = 0
    for picture in pictures:
        free = [side - window for side in picture.shape[1:]]
        places = [
            (int(free[0] * down), int(free[1] * across))
            for down in (0.1, 0.5, 0.9)
            for across in (0.1, 0.37, 0.63, 0.9)
        ]
        windows = [picture[:, y : y + window, x : x + window] for y, x in places]
        taken += bool(network(torch.stack(windows).float() / 127.5 - 1).mean() > 0)
    return taken / len(pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("photos", "cartoons", "held-out-photos", "held-out-cartoons"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("results", nargs="*")
    given = parser.parse_args()
    network = train(pictures(given.photos), pictures(given.cartoons), given.window)
    for folder in (given.held_out_photos, given.held_out_cartoons, *given.results):
        print(f"{folder}: {share(network, pictures(folder), given.window):.3f} taken for cartoons")


if __name__ == "__main__":
    main()
