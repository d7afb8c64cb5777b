import pytest
import torch

from multigan.data.vocabulary import BOS, EOS, PAD, UNK
from multigan.plugins.text.networks import (
    LSTMDiscriminator,
    LSTMGenerator,
    by_chance,
    by_gumbel,
    write,
)

V, L = 11, 6


@pytest.fixture
def generator():
    torch.manual_seed(0)
    return LSTMGenerator(vocabulary_size=V, embedding=5, hidden=7, latents=3, layers=2)


@pytest.fixture
def discriminator():
    torch.manual_seed(0)
    return LSTMDiscriminator(vocabulary_size=V, embedding=5, hidden=7)


def test_stepping_equals_teacher_forcing(generator):
    tokens = torch.tensor([[4, 5, 6, EOS, PAD, PAD], [7, 8, 9, 10, 4, EOS]])
    latents = torch.randn(2, 3)
    whole = generator(tokens, latents)
    state, before = generator.start(latents), torch.full((2,), BOS)
    for position in range(L):
        logits, state = generator.step(before, latents, state)
        torch.testing.assert_close(logits, whole[:, position])
        before = tokens[:, position]


def test_blocked_tokens_have_no_chance(generator):
    logits = generator(torch.randint(0, V, (2, L)), torch.randn(2, 3))
    chances = logits.softmax(2)
    assert (chances[:, :, [PAD, BOS, UNK]] == 0).all()
    assert (chances[:, :, [EOS, *range(4, V)]] > 0).all()


def test_latents_reach_every_position(generator):
    tokens = torch.randint(4, V, (1, L))
    latents = torch.randn(1, 3, requires_grad=True)
    for position in range(L):
        logits = generator(tokens, latents)[0, position]
        (gradient,) = torch.autograd.grad(logits[4:].square().sum(), latents)
        assert gradient.abs().min() > 0


def test_everything_after_eos_is_pad(generator):
    tokens = write(generator, torch.randn(200, 3), by_chance(torch.rand(200, L)), max_length=L - 1)
    assert tokens.shape == (200, L)
    ended = (tokens == EOS).cumsum(1) > 0
    after = ended.roll(1, 1)
    after[:, 0] = False
    assert ((tokens == PAD) == after).all()
    assert after.any() and not ended.all()
    assert not torch.isin(tokens, torch.tensor([BOS, UNK])).any()


def test_both_ways_of_drawing_have_the_right_distribution():
    logits = torch.tensor([[float("-inf"), 0.0, 1.0, -1.0]]).expand(20_000, 4)
    torch.manual_seed(0)
    uniforms = torch.rand(20_000, 1)
    gumbel = -torch.log(-torch.log(torch.rand(20_000, 1, 4)))
    for chosen, temperature in (
        (by_chance(uniforms)(logits, 0), 1.0),
        (by_chance(uniforms, temperature=0.5)(logits, 0), 0.5),
        (by_gumbel(gumbel)(logits, 0), 1.0),
    ):
        share = torch.bincount(chosen, minlength=4) / 20_000
        torch.testing.assert_close(share, (logits[0] / temperature).softmax(0), atol=0.012, rtol=0)
        assert share[0] == 0


def test_extreme_uniforms_pick_possible_tokens():
    logits = torch.tensor([[float("-inf"), 0.0, 0.0, float("-inf")]]).expand(2, 4)
    uniforms = torch.tensor([[0.0], [1.0]])
    assert by_chance(uniforms)(logits, 0)[0] == 1
    assert by_chance(uniforms)(logits, 0)[1] in (1, 2)
    assert by_chance(uniforms, temperature=0)(logits, 0).tolist() == [1, 1]


def test_nothing_after_eos_influences_the_discriminator(discriminator):
    discriminator.eval()
    short = torch.tensor([[4, 5, EOS]])
    long = torch.tensor([[4, 5, EOS, PAD, PAD, PAD]])
    torch.testing.assert_close(discriminator(short), discriminator(long)[:, :3])
    assert (discriminator(long)[:, 3:] == 0).all()
    rows = torch.nn.functional.one_hot(long, V).float()
    torch.testing.assert_close(discriminator(long, rows), discriminator(long))
    rows = rows.requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(long, rows).sum(), rows)
    assert (gradient[:, 3:] == 0).all() and (gradient[:, :3] != 0).any()


def test_verdict_knows_only_the_words_so_far(discriminator):
    first = torch.tensor([[4, 5, 6, 7, EOS]])
    second = torch.tensor([[4, 5, 6, 8, EOS]])
    same = discriminator(first) == discriminator(second)
    assert same[0].tolist() == [True, True, True, False, False]


def test_gradient_at_a_word_is_exact_for_every_other_word(discriminator):
    tokens = torch.tensor([[4, 5, EOS]])
    rows = torch.nn.functional.one_hot(tokens, V).float().requires_grad_()
    verdict = discriminator(tokens, rows)[0, 1]
    (gradient,) = torch.autograd.grad(verdict, rows)
    for word in range(2, V):
        other = discriminator(torch.tensor([[4, word, EOS]]))[0, 1]
        change = gradient[0, 1, word] - gradient[0, 1, 5]
        torch.testing.assert_close(other - verdict, change, atol=1e-5, rtol=1e-4)


def test_networks_remember_their_arguments(generator):
    assert generator.config == {
        "vocabulary_size": V,
        "embedding": 5,
        "hidden": 7,
        "latents": 3,
        "layers": 2,
    }
    assert set(LSTMGenerator(**generator.config).state_dict()) == set(generator.state_dict())
