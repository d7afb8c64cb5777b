"""The families of image networks against the published sizes and independent computations."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from multigan.plugins.image.networks import NETWORKS
from multigan.plugins.image.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from multigan.plugins.image.networks.mlp import MLPGenerator
from multigan.plugins.image.networks.parts import (
    BatchNorm,
    MinibatchDeviation,
    pyramid,
)
from multigan.plugins.image.networks.r3gan import R3GANDiscriminator, R3GANGenerator
from multigan.plugins.image.networks.resnet import ResNetDiscriminator, ResNetGenerator

SMALL = {
    "dcgan": {"width": 4},
    "resnet": {"width": 8},
    "r3gan": {"width": 8, "group": 4},
    "mlp": {"width": 8},
}


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def make(family: str, player: str, **arguments):
    torch.manual_seed(0)
    return NETWORKS[f"{family}-{player}"](**SMALL[family], **arguments)


def test_dcgan_at_64_pixels_has_the_published_number_of_parameters():
    assert parameters(DCGANGenerator()) == 3_576_704
    assert parameters(DCGANDiscriminator()) == 2_765_568


def test_dcgan_computes_what_the_layers_of_the_tutorial_compute():
    generator = DCGANGenerator(size=64, width=2, latents=3)
    widths = [16, 8, 4, 2]
    layers: list[nn.Module] = [nn.ConvTranspose2d(3, 16, 4, 1, 0, bias=False)]
    for before, after in zip(widths, [*widths[1:], 3], strict=True):
        layers += [
            nn.BatchNorm2d(before),
            nn.ReLU(),
            nn.ConvTranspose2d(before, after, 4, 2, 1, bias=False),
        ]
    plain = nn.Sequential(*layers, nn.Tanh())
    ours = [generator.stem, *generator.ups, generator.paint]
    theirs = [m for m in plain if isinstance(m, nn.ConvTranspose2d)]
    for source, target in zip(ours, theirs, strict=True):
        target.load_state_dict(source.state_dict())
    for source, target in zip(
        generator.norms, [m for m in plain if isinstance(m, nn.BatchNorm2d)], strict=True
    ):
        target.load_state_dict(source.normalise.state_dict())
    latents = torch.randn(5, 3)
    torch.testing.assert_close(generator(latents), plain(latents[:, :, None, None]))

    judge = DCGANDiscriminator(size=64, width=2)
    h = x = torch.randn(4, 3, 64, 64)
    for module in judge.model:
        h = module(h)
    kernel = judge.verdict.real.weight.view(1, 16, 4, 4)  # the tutorial's last convolution
    torch.testing.assert_close(judge(x)[:, 0], F.conv2d(h, kernel).flatten(), atol=1e-5, rtol=1e-4)


def test_dcgan_starts_as_the_paper_says():
    weights = DCGANDiscriminator().model[2].weight
    assert weights.std().item() == pytest.approx(0.02, rel=0.02)
    scales = DCGANGenerator().norms[0].normalise.weight
    assert scales.mean().item() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("size", [16, 28, 48])
@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("family", ["dcgan", "resnet", "r3gan", "mlp"])
def test_sizes_and_channels(family, size, channels):
    generator = make(family, "generator", size=size, channels=channels, latents=5)
    judge = make(family, "discriminator", size=size, channels=channels)
    x = generator(torch.randn(2, 5))
    assert x.shape == (2, channels, size, size)
    assert judge(x).shape == (2, 1)
    judge(x).sum().backward()
    assert all(p.grad is not None for p in (*generator.parameters(), *judge.parameters()))


def test_pyramid():
    assert [pyramid(size) for size in (8, 28, 32, 48, 64, 256)] == [
        (4, 1), (7, 2), (4, 3), (6, 3), (4, 4), (4, 6),
    ]  # fmt: skip
    for size in (4, 7, 9, 22, 44):
        with pytest.raises(ValueError, match="power of two"):
            pyramid(size)


@pytest.mark.parametrize(
    "ways",
    [("concatenate", "concatenate"), ("batch-norm", "projection"), ("concatenate", "classifier")],
)
@pytest.mark.parametrize("family", ["dcgan", "resnet", "r3gan", "mlp"])
def test_labels_matter(family, ways):
    """Each picture's label changes that picture alone, in both players."""
    of_generator, of_judge = ways
    if family in ("r3gan", "mlp") and of_generator == "batch-norm":
        of_generator = "concatenate"
    shape = {"size": 16, "channels": 1, "classes": 3}
    generator = make(family, "generator", latents=5, labels=of_generator, **shape)
    judge = make(family, "discriminator", labels=of_judge, **shape)
    with torch.no_grad():  # labels start without effect in some places: let them have one
        for network in (generator, judge):
            for parameter in network.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    latents, x = torch.randn(4, 5), torch.randn(4, 1, 16, 16)
    labels, others = torch.tensor([0, 1, 2, 0]), torch.tensor([0, 1, 1, 0])
    generator.eval(), judge.eval()
    changed = (generator(latents, labels) - generator(latents, others)).abs().amax((1, 2, 3))
    assert changed[2] > 1e-5
    assert changed[[0, 1, 3]].max() < 1e-6
    verdicts = judge(x, labels)
    assert verdicts.shape == (4, 4 if of_judge == "classifier" else 1)
    changed = (verdicts - judge(x, others)).abs().amax(1)
    assert (changed[2] > 1e-6) == (of_judge != "classifier")  # it is to tell the class, not to know
    assert changed[[0, 1, 3]].max() < 1e-6


def test_conditional_batch_norm_scales_each_class_by_itself():
    norm = BatchNorm(2, classes=3)
    x, labels = torch.randn(6, 2, 4, 4), torch.tensor([0, 1, 2, 2, 1, 0])
    plain = F.batch_norm(x, None, None, training=True)
    torch.testing.assert_close(norm(x, labels), plain)
    with torch.no_grad():
        norm.scale.weight[1], norm.shift.weight[1] = 3.0, -1.0
    expected = plain.clone()
    expected[labels == 1] = 3.0 * plain[labels == 1] - 1.0
    torch.testing.assert_close(norm(x, labels), expected)


def test_minibatch_deviation():
    x = torch.randn(8, 3, 5, 5, requires_grad=True)
    out = MinibatchDeviation(4)(x)
    assert torch.equal(out[:, :3], x)
    for start in (0, 4):
        expected = x[start : start + 4].std(0, correction=0).mean()
        torch.testing.assert_close(out[start : start + 4, 3], expected.expand(4, 5, 5))
    alike = torch.ones(4, 3, 5, 5, requires_grad=True)
    MinibatchDeviation(4)(alike).sum().backward()
    assert alike.grad.isfinite().all()
    assert MinibatchDeviation(4)(torch.randn(6, 1, 2, 2)).shape == (6, 2, 2, 2)  # groups of 3


def test_spectral_norm_bounds_every_layer():
    judge = ResNetDiscriminator(size=16, width=8)
    x = torch.randn(4, 3, 16, 16)
    for _ in range(200):
        judge(x)
    checked = 0
    for module in judge.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            largest = torch.linalg.matrix_norm(module.weight.detach().flatten(1), 2)
            assert largest.item() == pytest.approx(1.0, abs=0.02)
            checked += 1
    assert checked == 3 + 2 * 2 + 1  # a halving block, two plain ones, the verdict


def test_sngan_for_cifar_has_the_published_blocks():
    generator, judge = ResNetGenerator(), ResNetDiscriminator()
    assert [block.first.weight.shape[0] for block in generator.blocks] == [256, 256, 256]
    assert len(judge.blocks) == 4
    h = judge.blocks(torch.randn(1, 3, 32, 32))
    assert h.shape == (1, 128, 8, 8)  # table 4: the last two blocks do not halve


def test_r3gan_starts_as_the_identity_and_keeps_its_variance():
    torch.manual_seed(0)
    generator = R3GANGenerator(size=32, width=64, latents=64)
    h = generator.stem(torch.randn(64, 64))[:, :, None, None] * generator.basis
    blocks = [m for m in generator.body if type(m).__name__ == "_Block"]
    assert len(blocks) == 8
    assert torch.equal(blocks[0](h), h)
    assert 0.7 < h.var().item() < 1.4
    with torch.no_grad():  # a branch whose last weight is not zero: small, as Fixup wants it
        inside = F.leaky_relu(blocks[0].out(h), 0.2)
        inside = F.leaky_relu(blocks[0].mix(inside), 0.2)
    assert inside.var().item() < 1.5 * h.var().item() / 8**0.5 * 1.5


def test_r3gan_has_no_normalisation_and_judges_each_picture_by_itself():
    judge = R3GANDiscriminator(size=16, width=16)
    x = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        for parameter in judge.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    torch.testing.assert_close(
        judge(x), torch.cat([judge(x[:1]), judge(x[1:])]), atol=1e-4, rtol=1e-4
    )


ALONE = {"classifier", "encoder", "noisy-classifier"}  # of no pair of players


@pytest.mark.parametrize("name", sorted(set(NETWORKS) - ALONE))
def test_saved_arguments_rebuild_the_network(name):
    family, player = name.split("-")
    labels = "concatenate"
    network = make(family, player, size=16, channels=1, classes=2, labels=labels)
    again = NETWORKS[name](**network.config)
    again.load_state_dict(network.state_dict())
    copied = copy.deepcopy(network)  # what the moving average does
    given = torch.randn(2, network.latents) if player == "generator" else torch.randn(2, 1, 16, 16)
    y = torch.tensor([0, 1])
    for module in (network, again, copied):
        module.eval()
    assert torch.equal(network(given, y), again(given, y))
    assert torch.equal(network(given, y), copied(given, y))


@pytest.mark.parametrize("name", sorted(ALONE))
def test_saved_arguments_rebuild_networks_without_a_partner(name):
    network = NETWORKS[name](width=4, channels=1)
    again = NETWORKS[name](**network.config)
    again.load_state_dict(network.state_dict())
    size = network.config.get("size", 28)
    given = torch.randn(2, 1, size, size)
    assert torch.equal(network.eval()(given), again.eval()(given))


@pytest.mark.parametrize(
    "discriminator", [DCGANDiscriminator, ResNetDiscriminator, R3GANDiscriminator]
)
def test_features_are_of_each_picture_by_itself(discriminator):
    """Unlike verdicts with the deviation over the batch."""
    torch.manual_seed(0)
    judge = discriminator(size=16, width=16, minibatch_deviation=True).eval().double()
    x = torch.randn(4, 3, 16, 16, dtype=torch.double)
    alone = torch.cat([judge.features(each) for each in x.split(1)])
    torch.testing.assert_close(judge.features(x), alone)


def test_points_need_not_be_bounded():
    generator = MLPGenerator(size=1, channels=2, bounded=False)
    with torch.no_grad():
        generator.model[-2].bias.fill_(5.0)
    assert (generator(torch.randn(3, 64)) > 4).all()
