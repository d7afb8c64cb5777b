"""HiFi-GAN's networks: published sizes, and what one sample depends on."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from multigan.plugins.audio.networks.hifigan import HiFiGANGenerator
from multigan.plugins.audio.networks.periods import MultiPeriodDiscriminator
from multigan.plugins.audio.networks.scales import MultiScaleDiscriminator
from multigan.plugins.audio.vocoder.variants import VARIANTS, rates_of

SMALL = {
    "v1-like": {"mels": 6, "width": 16, "rates": (4, 2), "kernels": (8, 4),
                "residual_kernels": (3, 7), "dilations": ((1, 3), (1, 3)), "block": 1},
    "v3-like": {"mels": 6, "width": 16, "rates": (3, 2, 2), "kernels": (6, 3, 4),
                "residual_kernels": (3, 5), "dilations": ((1, 2), (2, 6)), "block": 2},
}  # fmt: skip


def parameters(network: torch.nn.Module) -> float:
    return round(sum(p.numel() for p in network.parameters()) / 1e6, 2)


@pytest.mark.parametrize(("name", "millions"), [("v1", 13.94), ("v2", 0.93), ("v3", 1.46)])
def test_generators_have_as_many_parameters_as_published(name: str, millions: float) -> None:
    with torch.device("meta"):
        assert parameters(HiFiGANGenerator(**VARIANTS[name])) == millions


def test_discriminators_have_as_many_parameters_as_published() -> None:
    with torch.device("meta"):
        assert round(parameters(MultiPeriodDiscriminator()), 1) == 41.1
        assert round(parameters(MultiScaleDiscriminator()), 1) == 29.6


@pytest.fixture(params=SMALL)
def generator(request: pytest.FixtureRequest) -> HiFiGANGenerator:
    torch.manual_seed(0)
    return HiFiGANGenerator(**SMALL[request.param])


def test_every_frame_becomes_a_hop_of_samples(generator: HiFiGANGenerator) -> None:
    """Also where a kernel is larger than its rate by an odd number."""
    for frames in (1, 2, 7):
        assert generator(torch.randn(2, 6, frames)).shape == (2, frames * generator.hop)


def test_reach_is_how_far_a_frame_is_heard(generator: HiFiGANGenerator) -> None:
    """Exactly in one direction or both: one frame less would not do."""
    reach, hop = generator.reach, generator.hop
    generator = generator.double()
    middle, frames = 2 * reach, 4 * reach + 1
    x = torch.randn(1, 6, frames, dtype=torch.float64, requires_grad=True)
    samples = generator(x)[0, middle * hop : (middle + 1) * hop]
    samples.square().sum().backward()
    heard = x.grad.abs().sum((0, 1)).nonzero().squeeze(1) - middle
    assert heard.abs().max() <= reach
    assert heard.abs().max() >= reach - 1


def test_folding_changes_nothing_but_the_norms(generator: HiFiGANGenerator) -> None:
    with torch.no_grad():
        for p in generator.parameters():  # norms that are not those of their directions
            p.mul_(1 + 0.3 * torch.randn_like(p))
    x = torch.randn(2, 6, 9)
    folded = generator.folded()
    assert not any("parametrizations" in key for key in folded.state_dict())
    torch.testing.assert_close(folded(x), generator(x))
    other = HiFiGANGenerator(**SMALL["v1-like" if len(generator.up) == 2 else "v3-like"])
    other.take(folded)
    torch.testing.assert_close(other(x), generator(x))


def test_half_precision_is_left_before_the_samples(generator: HiFiGANGenerator) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert generator(torch.randn(1, 6, 5)).dtype is torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rates": (4, 4, 4)}, "one for each rate"),
        ({"kernels": (8, 1)}, "leaves gaps"),
        ({"residual_kernels": (3, 4)}, "odd"),
        ({"dilations": ((1, 3),)}, "one list of dilations"),
        ({"width": 10}, "halved 2 times"),
    ],
)
def test_sizes_that_do_not_fit_are_told(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HiFiGANGenerator(**{**SMALL["v1-like"], **change})


def test_rates_make_the_hop() -> None:
    assert [rates_of(hop) for hop in (256, 64, 300, 240)] == [
        (8, 8, 4), (8, 8), (6, 5, 5, 2), (8, 6, 5),
    ]  # fmt: skip
    assert rates_of(22) == ()
    assert all(math.prod(rates_of(hop)) == hop for hop in (1, 2, 128, 441 * 2))


def test_columns_in_the_batch_are_the_papers_narrow_pictures() -> None:
    """An independent two-dimensional computation of the same weights."""
    torch.manual_seed(0)
    network = MultiPeriodDiscriminator(periods=(2, 5), width=2)
    x = torch.randn(3, 64)
    for judge, period, judged in zip(network.judges, (2, 5), network(x), strict=True):
        h = F.pad(x[:, None], (0, -64 % period), mode="reflect").view(3, 1, -1, period)
        for layer, stride, features in zip(judge.layers, (3, 3, 3, 3, 1), judged, strict=False):
            weight = layer.weight[..., None]
            h = F.conv2d(h, weight, layer.bias, stride=(stride, 1), padding=(2, 0))
            h = F.leaky_relu(h, 0.1)
            ours = features.view(3, period, *features.shape[1:]).permute(0, 2, 3, 1)
            torch.testing.assert_close(ours, h)
        h = F.conv2d(h, judge.verdict.weight[..., None], judge.verdict.bias, padding=(1, 0))
        torch.testing.assert_close(judged[-1].view(3, period, -1).transpose(1, 2), h[:, 0])


def test_real_and_made_do_not_mix_in_one_pass() -> None:
    torch.manual_seed(0)
    real, made = torch.randn(2, 2, 512)
    for network in (
        MultiPeriodDiscriminator(periods=(2, 3), width=2).eval(),
        MultiScaleDiscriminator(scales=2, width=16).eval(),
    ):
        for both, first, second in zip(
            network(torch.cat([real, made])), network(real), network(made), strict=True
        ):
            for layer, a, b in zip(both, first, second, strict=True):
                torch.testing.assert_close(layer, torch.cat([a, b]), rtol=1e-4, atol=1e-6)


def test_each_scale_halves_the_rate() -> None:
    lengths = [
        layers[0].shape[-1] for layers in MultiScaleDiscriminator(width=16)(torch.ones(1, 512))
    ]
    assert lengths == [512, 257, 129]
    with pytest.raises(ValueError, match="multiple of 16"):
        MultiScaleDiscriminator(width=24)
