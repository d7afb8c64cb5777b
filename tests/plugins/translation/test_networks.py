from __future__ import annotations

import pytest
import torch
from torch import nn

from multigan.plugins.translation.networks import (
    NETWORKS,
    CompactGenerator,
    PatchDiscriminator,
    ResnetGenerator,
    UNetGenerator,
)


def count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_classic_networks_have_the_published_tensors() -> None:
    # Counts and shapes of the reference implementation (pytorch-CycleGAN-and-pix2pix).
    resnet = ResnetGenerator()
    assert count(resnet) == 11_378_179 and len(resnet.state_dict()) == 48
    shapes = {name: tuple(tensor.shape) for name, tensor in resnet.state_dict().items()}
    assert shapes["model.1.weight"] == (64, 3, 7, 7)
    assert shapes["model.10.conv_block.5.weight"] == (256, 256, 3, 3)
    assert shapes["model.19.weight"] == (256, 128, 3, 3)
    assert shapes["model.26.weight"] == (3, 64, 7, 7)
    assert count(ResnetGenerator(blocks=6)) == 7_837_699
    dropped = ResnetGenerator(width=8, blocks=1, dropout=0.5).state_dict()
    assert "model.10.conv_block.6.weight" in dropped
    unet = UNetGenerator(dropout=0.5)
    assert sum(t.numel() for t in unet.parameters()) == 54_413_955
    assert len(unet.state_dict()) == 82
    judge = PatchDiscriminator()
    assert count(judge) == 2_764_737
    assert {name.split(".")[1] for name in judge.state_dict()} == {"0", "2", "5", "8", "11"}


@pytest.mark.parametrize(
    "network",
    [
        ResnetGenerator(width=4, blocks=1),
        ResnetGenerator(width=4, blocks=1, upsampling="resize", norm="batch"),
        UNetGenerator(width=4, depth=5),
        CompactGenerator(width=8, blocks=1),
    ],
)
def test_generators_keep_the_size_and_stay_in_range(network: nn.Module) -> None:
    drawn = network(torch.randn(2, 3, 64, 96))
    assert drawn.shape == (2, 3, 64, 96) and drawn.abs().max() <= 1


def test_the_patch_discriminator_sees_70_pixels() -> None:
    judge = PatchDiscriminator(width=4, norm="none")
    picture = torch.randn(1, 3, 128, 128, requires_grad=True)
    logits = judge(picture)
    assert logits.shape == (1, 1, 14, 14)
    (gradient,) = torch.autograd.grad(logits[0, 0, 7, 7], picture)
    seen = gradient[0].abs().sum(0).nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [70, 70]


def test_spectral_norm_bounds_every_layer() -> None:
    judge = PatchDiscriminator(width=4, layers=2, norm="none", spectral=True)
    for _ in range(30):  # power iterations
        judge(torch.randn(1, 3, 32, 32))
    judge.eval()
    for module in judge.modules():
        if isinstance(module, nn.Conv2d):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2) < 1.05


@pytest.mark.parametrize("blocks", [1, 3])
def test_the_compact_generator_sees_no_further_than_its_reach(blocks: int) -> None:
    generator = CompactGenerator(width=8, blocks=blocks)
    reach, middle = generator.reach, 120
    picture = torch.randn(1, 3, 240, 240, requires_grad=True)
    for place in (middle, middle + 3):
        (gradient,) = torch.autograd.grad(generator(picture)[0, :, place, place].sum(), picture)
        seen = gradient[0].abs().sum(0).nonzero()
        distance = (seen - place).abs().max()
        assert reach - 16 < distance <= reach


def test_tiles_of_the_compact_generator_fit_together() -> None:
    generator = CompactGenerator(width=8, blocks=2).eval()
    halo = -(-generator.reach // 4) * 4
    picture = torch.randn(1, 3, 160, 320)
    with torch.no_grad():
        whole = generator(picture)
        left = generator(picture[..., : 160 + halo])[..., :160]
        right = generator(picture[..., 160 - halo :])[..., halo:]
    torch.testing.assert_close(torch.cat([left, right], dim=-1), whole, atol=1e-5, rtol=0)


def test_a_fresh_compact_generator_draws_no_checkerboard() -> None:
    torch.manual_seed(0)
    generator = CompactGenerator(width=16, blocks=2).eval()
    with torch.no_grad():
        drawn = generator(torch.full((1, 3, 128, 128), 0.3))[0, :, 48:80, 48:80]
    assert drawn.std((1, 2)).max() < 1e-5


def test_networks_remember_how_they_were_built() -> None:
    for network_class in NETWORKS.values():
        network = network_class(width=8)
        again = network_class(**network.config)
        assert network.config["width"] == 8
        assert [t.shape for t in again.parameters()] == [t.shape for t in network.parameters()]


def test_the_shipped_size_of_the_compact_generator() -> None:
    assert count(CompactGenerator(width=64, blocks=6)) < 1_000_000
