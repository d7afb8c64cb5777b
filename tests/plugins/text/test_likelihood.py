import torch
import torch.nn.functional as F

from multigan.data.vocabulary import EOS, PAD, UNK
from multigan.plugins.text.likelihood import nll, predicted
from multigan.plugins.text.networks.lstm import LSTMGenerator

TOKENS = torch.tensor([[4, UNK, 6, EOS, PAD], [7, EOS, PAD, PAD, PAD], [4, 5, 6, 7, 8]])


def test_every_known_word_has_its_nats_and_nothing_else_does():
    torch.manual_seed(0)
    generator = LSTMGenerator(vocabulary_size=9, embedding=4, hidden=5, latents=2)
    theme = torch.randn(3, 2)
    for temperature in (1.0, 0.6):
        nats = nll(generator, TOKENS, theme, temperature=temperature)
        logs = (generator(TOKENS, theme) / temperature).log_softmax(2)
        for b in range(3):
            for t in range(5):
                token = TOKENS[b, t].item()
                if token in (PAD, UNK):
                    assert nats[b, t] == 0
                else:
                    torch.testing.assert_close(nats[b, t], -logs[b, t, token])
    assert predicted(TOKENS).sum() == 10


def test_gradients_are_finite_where_unknown_words_are_kept():
    """Their logit is -inf: they are read, and must not be predicted."""
    torch.manual_seed(0)
    generator = LSTMGenerator(vocabulary_size=9, embedding=4, hidden=5)
    theme = torch.zeros(3, 0)
    nll(generator, TOKENS, theme).sum().backward()
    assert all(p.grad.isfinite().all() for p in generator.parameters())
    changed = TOKENS.clone()
    changed[0, 1] = 5
    other = nll(generator, changed, theme).detach()
    assert not torch.equal(other[0, 2:4], nll(generator, TOKENS, theme).detach()[0, 2:4])


def test_padding_changes_nothing():
    torch.manual_seed(0)
    generator = LSTMGenerator(vocabulary_size=9, embedding=4, hidden=5)
    padded = F.pad(TOKENS, (0, 4), value=PAD)
    nats = nll(generator, padded, torch.zeros(3, 0))
    torch.testing.assert_close(nats[:, :5], nll(generator, TOKENS, torch.zeros(3, 0)))
