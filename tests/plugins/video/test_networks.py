"""What networks compute, against the same written out, and how large the paper's are."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from multigan.plugins.video.networks.classifier import ClipClassifier
from multigan.plugins.video.networks.discriminators import ClipDiscriminator, FrameDiscriminator
from multigan.plugins.video.networks.encoder import ContentEncoder
from multigan.plugins.video.networks.generator import VideoGenerator
from multigan.plugins.video.networks.motion import Motion
from multigan.plugins.video.networks.parts import one_hot, widths

SMALL = {"size": 32, "width": 4, "widest": 8}


def test_widths_double_towards_four_pixels():
    assert widths(64, width=64, widest=512) == [512, 256, 128, 64]
    assert widths(128, width=16, widest=64) == [64, 64, 64, 32, 16]
    for wrong in (4, 48, 0):
        with pytest.raises(ValueError, match="no power of two"):
            widths(wrong, width=4, widest=8)


def test_motion_is_a_gru_cell_unrolled_with_the_category_beside_the_noise():
    torch.manual_seed(0)
    motion = Motion(5, 2, 3)
    cell = torch.nn.GRUCell(5, 5)
    cell.load_state_dict({k.removesuffix("_l0"): v for k, v in motion.cell.state_dict().items()})
    noise, category = torch.randn(2, 7, 2), torch.tensor([2, 0])

    def inputs(t):
        return torch.cat([noise[:, t], 3**0.5 * F.one_hot(category, 3)], dim=1)

    h, states = motion.start(inputs(0)).tanh(), []
    for t in range(1, 7):
        h = cell(inputs(t), h)
        states.append(h)
    torch.testing.assert_close(motion(noise, category), torch.stack(states, dim=1))
    assert one_hot(category, 3).square().mean() == pytest.approx(1.0)


@torch.no_grad()
def test_with_a_clock_and_nothing_else_motion_repeats():
    """Periods 4 and 6 agree every 12 frames; the state forgets how it began."""
    torch.manual_seed(0)
    motion = Motion(5, 2, 0, periods=(4, 6))
    states = motion(torch.zeros(1, 61, 2))[0]
    torch.testing.assert_close(states[36:48], states[48:60], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(states[36:40], states[40:44], atol=1e-2)
    clock = motion._clock(4, torch.device("cpu"))[0]
    angles = [2 * math.pi * t / p for t in (-1, 0, 1, 2) for p in (4, 6)]
    expected = [[math.sin(a), math.sin(b), math.cos(a), math.cos(b)]
                for a, b in zip(angles[::2], angles[1::2], strict=True)]  # fmt: skip
    torch.testing.assert_close(clock, 2**0.5 * torch.tensor(expected))


@torch.no_grad()
def test_only_the_times_asked_for_are_painted_and_content_stays():
    torch.manual_seed(0)
    generator = VideoGenerator(content=6, motion=3, noise=3, **SMALL).eval()
    content, noise = torch.randn(2, 6), torch.randn(2, 10, 3)
    whole = generator(content, noise)
    assert whole.shape == (2, 9, 3, 32, 32) and whole.abs().max() <= 1
    times = torch.tensor([[0, 3, 8], [1, 2, 5]])
    some = generator(content, noise, None, times)
    torch.testing.assert_close(some[0], whole[0, times[0]])
    torch.testing.assert_close(some[1], whole[1, times[1]])
    # What comes later in the noise changes nothing before it.
    noise[:, 6:] = 0
    torch.testing.assert_close(generator(content, noise)[:, :5], whole[:, :5])


@torch.no_grad()
def test_a_first_frame_begins_the_clip():
    torch.manual_seed(0)
    generator = VideoGenerator(motion=3, noise=3, condition="first-frame", **SMALL)
    portrait = torch.rand(2, 3, 32, 32) * 2 - 1
    made = generator(portrait, torch.randn(2, 6, 3))
    assert made.shape == (2, 5, 3, 32, 32)
    assert torch.equal(made[:, 0], portrait)
    other = generator(portrait.flip(0), torch.zeros(2, 6, 3))
    assert not torch.allclose(other[:, 1], generator(portrait, torch.zeros(2, 6, 3))[:, 1])


def test_the_papers_sizes():
    """3.28 million for the painter of 64 pixels and 11.2 for the full judge of clips."""
    painter = VideoGenerator(content=50, motion=10, categories=6)
    count = sum(p.numel() for p in painter.parameters())
    # The authors' first layer is a transposed convolution of as many weights as our linear one.
    assert count == pytest.approx(3.28e6, rel=0.02)
    judge = ClipDiscriminator(convolution="full", spectral=False)
    assert sum(p.numel() for p in judge.parameters()) == pytest.approx(8.3e6, rel=0.02)


@pytest.mark.parametrize("convolution", ["factorised", "full"])
def test_judges_take_clips_of_any_length_and_judge_each_by_itself(convolution):
    torch.manual_seed(0)
    judge = ClipDiscriminator(
        classes=3, labels="classifier", convolution=convolution, **SMALL
    ).eval()
    clips = torch.randn(3, 5, 3, 32, 32)
    together = judge(clips)
    assert together.shape == (3, 4)
    torch.testing.assert_close(together[1:2], judge(clips[1:2]), rtol=1e-4, atol=1e-5)
    assert judge(torch.randn(2, 2, 3, 32, 32)).shape == (2, 4)
    # The order of the frames matters to it.
    assert not torch.allclose(judge(clips.flip(1)), together, atol=1e-4)


def test_spectral_norm_bounds_every_layer():
    judge = FrameDiscriminator(**SMALL)
    for _ in range(30):
        judge(torch.randn(2, 3, 32, 32))
    for layer in [*judge.layers[::2], judge.verdict.real]:
        top = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert top == pytest.approx(1.0, abs=0.05)


def test_the_encoder_gives_a_distribution():
    encoder = ContentEncoder(content=6, **SMALL)
    mean, log_variance = encoder(torch.randn(3, 3, 32, 32))
    assert mean.shape == log_variance.shape == (3, 6)


def test_the_classifier_reads_classes_from_its_features():
    torch.manual_seed(0)
    network = ClipClassifier(classes=3, size=32, width=4, features=10).eval()
    clips = torch.randn(2, 6, 3, 32, 32)
    assert network.features(clips).shape == (2, 10) and network.features(clips).min() >= 0
    torch.testing.assert_close(network(clips), network.head(network.features(clips)))
