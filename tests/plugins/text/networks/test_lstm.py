import pytest
import torch

from multigan.data.vocabulary import BOS, EOS, PAD, UNK
from multigan.plugins.text.networks.lstm import LSTMDiscriminator, LSTMGenerator

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
        features, state = generator.advance(before, latents, state)
        torch.testing.assert_close(generator.logits(features), whole[:, position])
        before = tokens[:, position]


def test_blocked_tokens_have_no_chance(generator):
    logits = generator(torch.randint(0, V, (2, L)), torch.randn(2, 3))
    chances = logits.softmax(2)
    assert (chances[:, :, [PAD, BOS, UNK]] == 0).all()
    assert (chances[:, :, [EOS, *range(4, V)]] > 0).all()


def test_without_ends_no_eos_can_be_written():
    generator = LSTMGenerator(vocabulary_size=V, embedding=5, hidden=7, ends=False)
    chances = generator(torch.randint(0, V, (2, L)), torch.zeros(2, 0)).softmax(2)
    assert (chances[:, :, EOS] == 0).all()


def test_latents_reach_every_position(generator):
    tokens = torch.randint(4, V, (1, L))
    latents = torch.randn(1, 3, requires_grad=True)
    for position in range(L):
        logits = generator(tokens, latents)[0, position]
        (gradient,) = torch.autograd.grad(logits[4:].square().sum(), latents)
        assert gradient.abs().min() > 0


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
        "labels": 0,
        "layers": 2,
        "dropout": 0.0,
        "ends": True,
        "init_std": 0.0,
    }
    assert set(LSTMGenerator(**generator.config).state_dict()) == set(generator.state_dict())


def test_the_verdict_on_a_sentence_is_the_one_on_its_last_word(discriminator):
    discriminator.eval()
    tokens = torch.tensor([[4, 5, EOS, PAD, PAD], [4, 5, 6, 7, 8]])
    verdicts = discriminator(tokens)
    expected = torch.stack([verdicts[0, 2], verdicts[1, 4]])
    torch.testing.assert_close(discriminator.sentence(tokens), expected)


def test_labels_change_verdicts_and_logits():
    torch.manual_seed(0)
    judge = LSTMDiscriminator(vocabulary_size=V, embedding=5, hidden=7, labels=2)
    write = LSTMGenerator(vocabulary_size=V, embedding=5, hidden=7, labels=2)
    tokens = torch.tensor([[4, 5, EOS], [4, 5, EOS]])
    first, second = judge(tokens, None, torch.tensor([0, 1]))
    assert (first != second).all()
    logits = write(tokens, torch.eye(2))[:, :, 4:]
    assert (logits[0] != logits[1]).all()
    with pytest.raises(AssertionError, match="needs one"):
        judge(tokens)
