import pytest
import torch

from multigan.data.vocabulary import BOS, EOS, PAD, UNK
from multigan.plugins.text.networks.lstm import LSTMGenerator
from multigan.plugins.text.writing import (
    by_chance,
    draw,
    inverse_cdf,
    keep_likely,
    write,
)

V, L = 11, 6
NEVER = float("-inf")


class Fixed:
    """A generator whose features are its logits."""

    def logits(self, features):
        return features


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return LSTMGenerator(vocabulary_size=V, embedding=5, hidden=7, latents=3)


def test_everything_after_eos_is_pad(generator):
    tokens = write(generator, torch.randn(200, 3), by_chance(torch.rand(200, L)), length=L)
    assert tokens.shape == (200, L)
    ended = (tokens == EOS).cumsum(1) > 0
    after = ended.roll(1, 1)
    after[:, 0] = False
    assert ((tokens == PAD) == after).all()
    assert after.any() and not ended.all()
    assert not torch.isin(tokens, torch.tensor([BOS, UNK])).any()


def test_a_prompt_begins_every_sentence_and_is_read(generator):
    uniforms = torch.rand(50, L)
    theme = torch.randn(1, 3).expand(50, -1)
    free = write(generator, theme, by_chance(uniforms), length=L)
    prompted = write(generator, theme, by_chance(uniforms), length=L, prompt=[7, 8])
    assert (prompted[:, :2] == torch.tensor([7, 8])).all()
    assert not torch.equal(prompted[:, 2:], free[:, 2:])
    again = write(generator, theme, by_chance(uniforms), length=L, prompt=prompted[0, :4].tolist())
    assert torch.equal(again[0], prompted[0])


def test_words_are_drawn_with_the_right_distribution():
    logits = torch.tensor([[NEVER, 0.0, 1.0, -1.0]]).expand(20_000, 4)
    torch.manual_seed(0)
    uniforms = torch.rand(20_000, 1)
    for choose, temperature in (
        (by_chance(uniforms), 1.0),
        (by_chance(uniforms, temperature=0.5), 0.5),
    ):
        share = torch.bincount(choose(Fixed(), logits, 0), minlength=4) / 20_000
        torch.testing.assert_close(share, (logits[0] / temperature).softmax(0), atol=0.012, rtol=0)
        assert share[0] == 0


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1000])
def test_two_levels_find_what_one_cumulative_sum_finds(size):
    torch.manual_seed(size)
    logits = torch.randn(300, size, dtype=torch.float64) * 3
    uniforms = torch.rand(300, 5, dtype=torch.float64)
    cdf = logits.softmax(1).cumsum(1)
    expected = torch.searchsorted(cdf, uniforms * cdf[:, -1:], right=True).clamp(max=size - 1)
    assert torch.equal(inverse_cdf(logits, uniforms), expected)


def test_extreme_uniforms_pick_possible_tokens():
    below_one = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0)).item()
    for size in (4, 100):
        logits = torch.full((1, size), NEVER)
        logits[0, 1], logits[0, size - 2] = 0.0, 0.0
        uniforms = torch.tensor([[0.0, below_one, 1.0]])
        assert inverse_cdf(logits, uniforms).tolist() == [[1, size - 2, size - 2]]
    greedy = by_chance(torch.zeros(2, 1), temperature=0)
    assert greedy(Fixed(), torch.tensor([[0.0, 2.0], [1.0, 0.5]]), 0).tolist() == [1, 0]


def test_chunks_do_not_change_what_is_drawn(monkeypatch):
    torch.manual_seed(0)
    logits, uniforms = torch.randn(150, 9), torch.rand(150, 3)
    drawn = draw(Fixed().logits, logits, uniforms)
    monkeypatch.setattr("multigan.plugins.text.writing.ROWS_ON_CPU", 7)
    assert torch.equal(draw(Fixed().logits, logits, uniforms), drawn)


def test_top_k_and_top_p_keep_the_likeliest():
    chances = torch.tensor([[0.1, 0.4, 0.2, 0.3]])
    for options, kept in (
        ({"top_k": 1}, {1}),
        ({"top_k": 3}, {1, 2, 3}),
        ({"top_k": 9}, {0, 1, 2, 3}),
        ({"top_p": 0.05}, {1}),
        ({"top_p": 0.4}, {1}),
        ({"top_p": 0.41}, {1, 3}),
        ({"top_p": 0.95}, {0, 1, 2, 3}),
        ({"top_k": 2, "top_p": 0.95}, {1, 3}),
        ({"top_k": 3, "top_p": 0.5}, {1, 3}),
    ):
        left = keep_likely(chances.log(), **options).isfinite()[0]
        assert set(left.nonzero()[:, 0].tolist()) == kept, options
    drawn = draw(Fixed().logits, chances.log().expand(500, 4), torch.rand(500, 1), top_p=0.5)
    assert set(drawn[:, 0].tolist()) == {1, 3}
