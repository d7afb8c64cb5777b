"""The cartoon style against the generator of AnimeGANv2, and against importing torch.

The reference is that architecture with random weights, built from the table of its tensors: the
time does not depend on the values.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

import multigan

pytestmark = pytest.mark.benchmark


class ConvNorm(nn.Sequential):
    def __init__(self, before: int, after: int, kernel: int = 3, stride: int = 1) -> None:
        pad = kernel // 2
        padding = (pad, pad, pad, pad) if stride == 1 else (0, 1, 0, 1)
        super().__init__(
            nn.ReflectionPad2d(padding),
            nn.Conv2d(before, after, kernel, stride, bias=False),
            nn.GroupNorm(1, after),
            nn.LeakyReLU(0.2, inplace=True),
        )


class InvertedResidual(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        wide = 2 * before
        self.skip = before == after
        self.layers = nn.Sequential(
            ConvNorm(before, wide, 1),
            nn.ReflectionPad2d(1),
            nn.Conv2d(wide, wide, 3, groups=wide),
            nn.GroupNorm(1, wide),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(wide, after, 1, bias=False),
            nn.GroupNorm(1, after),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.skip else self.layers(x)


class AnimeGANv2Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            ConvNorm(3, 32, 7), ConvNorm(32, 64, 3, 2), ConvNorm(64, 64),
            ConvNorm(64, 128, 3, 2), ConvNorm(128, 128),
        )  # fmt: skip
        self.body = nn.Sequential(
            ConvNorm(128, 128), InvertedResidual(128, 256),
            *(InvertedResidual(256, 256) for _ in range(3)), ConvNorm(256, 128),
        )  # fmt: skip
        self.up_half = nn.Sequential(ConvNorm(128, 128), ConvNorm(128, 128))
        self.up_full = nn.Sequential(ConvNorm(128, 64), ConvNorm(64, 64), ConvNorm(64, 32, 7))
        self.out = nn.Sequential(nn.Conv2d(32, 3, 1, bias=False), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(self.down(x))
        x = self.up_half(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True))
        x = self.up_full(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True))
        return self.out(x)


def test_the_reference_has_the_published_number_of_parameters():
    assert sum(p.numel() for p in AnimeGANv2Generator().parameters()) == 2_143_552


@torch.inference_mode()
def test_network_takes_a_quarter_of_the_time(capsys):
    reference = AnimeGANv2Generator().eval()
    (ours,) = multigan.pipeline("translation", style="cartoon").components.values()
    x = torch.rand(1, 3, 512, 512)
    times: dict[str, list[float]] = {"AnimeGANv2": [], "cartoon": []}
    for turn in range(6):
        for name, network, given in (
            ("AnimeGANv2", reference, x),
            ("cartoon", ours, x.contiguous(memory_format=torch.channels_last)),
        ):
            started = time.perf_counter()
            network(given)
            if turn:
                times[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(each) for name, each in times.items()}
    ratio = medians["cartoon"] / medians["AnimeGANv2"]
    with capsys.disabled():
        print(f"\n512x512: {medians}, ratio {ratio:.3f}")
    assert ratio < 0.25


def test_whole_process_is_little_more_than_importing_torch(tmp_path, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.jpg")

    def seconds(*words: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True, cwd=tmp_path)
        return time.perf_counter() - started

    translate = ("-m", "multigan", "translate", "photo.jpg", "--style", "cartoon")
    rounds = [(seconds(*translate), seconds("-c", "import torch")) for _ in range(6)][1:]
    ours, torch_alone = (statistics.median(column) for column in zip(*rounds, strict=True))
    with capsys.disabled():
        print(f"\ntranslate 512x512: {ours:.2f} s; import torch: {torch_alone:.2f} s")
    assert ours < 1.3 * torch_alone + 1.0
