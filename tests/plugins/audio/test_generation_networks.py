"""WaveGAN's and SpecGAN's networks: published sizes, shapes, labels, shuffling."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from multigan.plugins.audio.networks import specgan, wavegan
from multigan.plugins.audio.networks.patch_conv import PatchConv1d
from multigan.plugins.audio.networks.specgan import SpecGANDiscriminator, SpecGANGenerator
from multigan.plugins.audio.networks.wavegan import WaveGANDiscriminator, WaveGANGenerator


def size(network):
    return sum(p.numel() for p in network.parameters())


def test_wavegan_has_the_size_of_the_paper():
    """Tables 3 and 4 with d = 64, biases included, counted by hand."""
    widths = [1024, 512, 256, 128, 64, 1]
    layers = sum(25 * a * b + b for a, b in pairwise(widths))
    assert size(WaveGANGenerator()) == layers + 100 * 16384 + 16384
    layers = sum(25 * a * b + a for a, b in pairwise(widths))
    assert size(WaveGANDiscriminator()) == layers + 16384 + 1
    assert size(WaveGANGenerator(post_filter=512)) - size(WaveGANGenerator()) == 512


@pytest.mark.parametrize(("length", "base"), [(16384, 16), (8192, 8), (80, 5), (4096, 16)])
def test_wavegan_makes_and_judges_its_length(length, base):
    assert wavegan.pyramid(length)[0] == base
    generator = WaveGANGenerator(length=length, width=2, latents=3, post_filter=9)
    x_B1T = generator(torch.randn(2, 3))
    assert x_B1T.shape == (2, 1, length)
    assert WaveGANDiscriminator(length=length, width=2)(x_B1T).shape == (2, 1)


@pytest.mark.parametrize("length", [8000, 17, 16, 20])
def test_other_lengths_are_refused(length):
    with pytest.raises(ValueError, match="try 4096, 8192 or 16384"):
        wavegan.pyramid(length)


def test_specgan_begins_where_its_shape_says():
    assert specgan.pyramid(64, 96) == ((4, 6), 4)
    assert specgan.pyramid(64, 128) == ((4, 8), 4)
    assert specgan.pyramid(80, 64) == ((5, 4), 4)
    with pytest.raises(ValueError, match="even numbers from 8 up"):
        specgan.pyramid(64, 97)
    generator = SpecGANGenerator(mels=16, frames=24, width=4, latents=3)
    x_B1MT = generator(torch.randn(2, 3))
    assert x_B1MT.shape == (2, 1, 16, 24) and x_B1MT.abs().max() <= 1
    assert SpecGANDiscriminator(mels=16, frames=24, width=4)(x_B1MT).shape == (2, 1)


@pytest.mark.parametrize(
    "pair",
    [
        (WaveGANGenerator, WaveGANDiscriminator, {"length": 80}),
        (SpecGANGenerator, SpecGANDiscriminator, {"mels": 8, "frames": 8}),
    ],
)
def test_labels_reach_both_players(pair):
    make_generator, make_discriminator, shape = pair
    torch.manual_seed(0)
    generator = make_generator(**shape, width=4, latents=3, classes=3).eval()
    latents_BZ = torch.randn(1, 3).expand(2, 3)
    both_B = generator(latents_BZ, torch.tensor([0, 2]))
    assert not torch.allclose(both_B[0], both_B[1])
    same_B = both_B[:1].expand_as(both_B)
    projection = make_discriminator(**shape, width=4, classes=3, labels="projection").eval()
    verdicts_B1 = projection(same_B, torch.tensor([0, 2]))
    assert verdicts_B1.shape == (2, 1) and verdicts_B1[0] != verdicts_B1[1]
    classifier = make_discriminator(**shape, width=4, classes=3, labels="classifier").eval()
    verdicts_BV = classifier(same_B, torch.tensor([0, 2]))
    assert verdicts_BV.shape == (2, 4)  # it is not told the class that it is to name
    torch.testing.assert_close(verdicts_BV[0], verdicts_BV[1])


def test_shuffling_changes_a_verdict_and_no_shift_does_not():
    torch.manual_seed(0)
    judge = WaveGANDiscriminator(length=320, width=4)
    assert judge.shuffled == len(judge.downs) - 1 == 2
    x_B1T = torch.randn(2, 1, 320)
    torch.testing.assert_close(judge(x_B1T), judge(x_B1T, None, torch.zeros(2, 2, dtype=int)))
    still, moved = judge(x_B1T), judge(x_B1T, None, torch.tensor([[2, -1], [0, 0]]))
    assert moved[0] != still[0]
    torch.testing.assert_close(moved[1], still[1])


@pytest.mark.parametrize(("channels", "length"), [(1, 400), (6, 100), (6, 400)])
def test_patches_times_weights_are_the_convolution(channels, length):
    torch.manual_seed(0)
    mine = PatchConv1d(channels, 4, 25, stride=4, padding=11).double()
    x_BCT = torch.randn(2, channels, length, dtype=torch.float64, requires_grad=True)

    def twice(y_BCT):
        (slope,) = torch.autograd.grad(y_BCT.square().sum(), x_BCT, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), (x_BCT, mine.weight))

    plain = torch.nn.functional.conv1d(x_BCT, mine.weight, mine.bias, stride=4, padding=11)
    torch.testing.assert_close(mine(x_BCT), plain)
    torch.testing.assert_close(twice(mine(x_BCT)), twice(plain))
