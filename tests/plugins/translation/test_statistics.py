"""Tiles of networks that normalise over the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from multigan.plugins.translation import pipeline as module
from multigan.plugins.translation.networks import CompactGenerator, ResnetGenerator
from multigan.plugins.translation.peers.cut import AntialiasedResnetGenerator
from multigan.plugins.translation.pipeline import TranslationPipeline
from multigan.plugins.translation.statistics import with_statistics_of

FACTS = {"multiple": 4, "minimum": 16, "halo": None, "directions": {"ab": "generator"}}


def resnet(**options) -> ResnetGenerator:
    torch.manual_seed(0)
    generator = ResnetGenerator(width=4, blocks=1, **options).eval().requires_grad_(False)
    generator.model[-2].weight.mul_(3)  # as it starts, all pictures come out grey
    return generator


class Grouped(nn.Module):
    """A group norm with weights of its own, as some published networks have."""

    reach = 2

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.norm = nn.Conv2d(3, 6, 3, padding=1), nn.GroupNorm(2, 6)
        self.second = nn.Conv2d(6, 3, 3, padding=1)
        nn.init.normal_(self.norm.weight)
        nn.init.normal_(self.norm.bias)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.second(self.norm(self.first(x_BCHW))).tanh()


def photo(height: int, width: int) -> np.ndarray:
    """Smooth and different everywhere: dark and plain on the left, bright on the right."""
    y, x = np.mgrid[:height, :width] / 40
    share = np.linspace(0, 1, width)[None]
    waves = [np.sin(x * (1 + c) + y) * np.cos(y * 2 - c) for c in range(3)]
    rgb = 255 * (0.2 + 0.6 * share)[..., None] + 50 * share[..., None] * np.stack(waves, axis=-1)
    return rgb.clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("make", [resnet, Grouped])
def test_statistics_of_the_picture_itself_change_nothing(make):
    generator = make().eval()
    x, other = torch.rand(2, 1, 3, 32, 48) * 2 - 1
    with torch.no_grad():
        expected, given = generator(x), with_statistics_of(generator, x)
        assert torch.allclose(given(x), expected, atol=1e-5)
        assert not torch.allclose(given(other), generator(other), atol=1e-2)
        assert torch.equal(generator(x), expected)  # the original still normalises by itself
    shared = {p.data_ptr() for p in generator.parameters()}
    assert {p.data_ptr() for p in given.parameters()} == shared


@pytest.mark.parametrize(
    "make",
    [
        lambda blocks: ResnetGenerator(width=8, blocks=blocks),
        lambda blocks: ResnetGenerator(width=8, blocks=blocks, upsampling="resize"),
        lambda blocks: AntialiasedResnetGenerator(width=8, blocks=blocks),
    ],
)
@pytest.mark.parametrize("blocks", [1, 2])
def test_the_reach_is_what_it_says(make, blocks):
    """Changing one pixel changes nothing further away, but something not much nearer."""
    torch.manual_seed(0)
    generator = make(blocks).eval()
    x = torch.rand(1, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        given = with_statistics_of(generator, x)
        before = given(x)
        x[..., 64, 64] += 1
        changed = (given(x) != before).any(1)[0].nonzero() - 64
    assert generator.reach - 8 <= int(changed.abs().max()) <= generator.reach


def test_tiles_are_seamless_and_near_the_picture_at_once(monkeypatch):
    pipe, rgb = TranslationPipeline({"generator": resnet()}, FACTS), photo(150, 211)
    made = []

    def remembered(generator, x):
        made.append(with_statistics_of(generator, x))
        return made[-1]

    monkeypatch.setattr(module, "with_statistics_of", remembered)
    drawn = pipe.translate_array(rgb, tile=48).astype(float)
    # Seamless: what the network with these statistics makes of the picture at once.
    given = TranslationPipeline({"generator": made[0]}, FACTS)
    assert np.abs(given.translate_array(rgb) - drawn).max() <= 1
    # Near: a tenth of what tiles are off that are normalised by themselves.
    whole = pipe.translate_array(rgb)
    monkeypatch.setattr(module, "with_statistics_of", lambda generator, x: generator)
    alone = pipe.translate_array(rgb, tile=48)
    assert whole.std() > 20
    assert 8 * np.abs(drawn - whole).mean() < np.abs(alone - whole.astype(float)).mean()


def test_a_network_without_a_known_reach_goes_at_once():
    generator = resnet()
    sizes = []
    generator.model[0].register_forward_pre_hook(lambda _, x: sizes.append(tuple(x[0].shape[2:])))
    del generator.reach
    pipe = TranslationPipeline({"generator": generator}, FACTS)
    pipe.translate_array(photo(160, 200), tile=16)
    assert sizes == [(160, 200)]


@pytest.mark.parametrize("size", [(1, 400), (97, 103), (65, 131)])
def test_tiles_of_odd_sizes_are_those_of_the_whole(size):
    """For networks without statistics: within one level of 255 at any size."""
    torch.manual_seed(0)
    generator = CompactGenerator(width=8, blocks=1)
    pipe = TranslationPipeline({"generator": generator}, {**FACTS, "halo": generator.reach})
    rgb = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    whole, tiled = (pipe.translate_array(rgb, tile=tile) for tile in (768, 32))
    assert np.abs(whole.astype(int) - tiled.astype(int)).max() <= 1
