import math

import pytest
import torch
import torch.nn.functional as F

from multigan.data.vocabulary import BOS, EOS, PAD, UNK
from multigan.plugins.text.networks.memory import RelationalGenerator

V, L = 11, 6


def build(**changes):
    torch.manual_seed(0)
    sizes = {"embedding": 5, "latents": 3, "labels": 2, "slots": 3, "heads": 2, "head_size": 4}
    return RelationalGenerator(vocabulary_size=V, **(sizes | changes))


def themes(count):
    return torch.cat([torch.randn(count, 3), F.one_hot(torch.arange(count) % 2, 2)], dim=1)


@pytest.mark.parametrize("slots", [1, 3])
def test_stepping_equals_teacher_forcing(slots):
    generator = build(slots=slots)
    tokens = torch.tensor([[4, 5, 6, EOS, PAD, PAD], [7, 8, 9, 10, 4, EOS]])
    theme = themes(2)
    whole = generator(tokens, theme)
    state, before = generator.start(theme), torch.full((2,), BOS)
    for position in range(L):
        features, state = generator.advance(before, theme, state)
        torch.testing.assert_close(generator.logits(features), whole[:, position])
        assert all(len(part) == 2 for part in state)
        before = tokens[:, position]


def reference_update(core, memory, word):
    """One sentence's memory (N, S) after one word (S,), head by head and slot by slot."""
    size, heads = memory.shape[1], core.heads
    together = torch.cat([memory, word[None]])
    q, k, v = core.attention.weight.split(size)
    q0, k0, v0 = core.attention.bias.split(size)
    slots = []
    for slot in memory:
        heard = []
        for h in range(heads):
            part = slice(h * size // heads, (h + 1) * size // heads)
            query = (q @ slot + q0)[part]
            scores = torch.stack([(k @ x + k0)[part] @ query for x in together])
            weights = (scores / math.sqrt(size // heads)).exp()
            weights = weights / weights.sum()
            heard.append(
                sum(w * (v @ x + v0)[part] for w, x in zip(weights, together, strict=True))
            )
        new = core.norm_attention(slot + torch.cat(heard))
        hidden = (core.mlp[0].weight @ new + core.mlp[0].bias).clamp(min=0)
        new = core.norm_mlp(new + core.mlp[2].weight @ hidden + core.mlp[2].bias)
        gates = core.gates_word.weight @ word + core.gates_memory.weight @ slot.tanh()
        write, keep = gates.split(size)
        slots.append(new.tanh() / (1 + (-write).exp()) + slot / (1 + (-keep - 1).exp()))
    return torch.stack(slots)


def test_memory_follows_the_paper():
    """Against a slow version without batches; the gates' biases are 0 and 1 at first."""
    generator = build()
    tokens, theme = torch.tensor([[4, 5, 6, EOS]]), themes(1)
    memory, features = generator.first_NS, generator.features(tokens, theme)[0]
    assert torch.equal(memory, torch.eye(3, 8))
    for position, token in enumerate((BOS, 4, 5, 6)):
        word = generator.input(torch.cat([generator.embedding.weight[token], theme[0]]))
        memory = reference_update(generator.core, memory, word)
        torch.testing.assert_close(features[position], memory.flatten())


def test_no_position_knows_what_follows():
    generator = build().double()
    words = torch.randn(1, L, 5, dtype=torch.double, requires_grad=True)
    generator.embedding.forward = lambda tokens: words
    features = generator.features(torch.zeros(1, L, dtype=torch.long), themes(1).double())
    for position in range(L):
        (gradient,) = torch.autograd.grad(features[0, position].sum(), words, retain_graph=True)
        read = gradient[0].abs().amax(1) > 0
        assert read.tolist() == [before <= position for before in range(L)]
    # The word read at a position is the one before it.
    generator = build()
    first, second = torch.tensor([[4, 5, 6, 7]]), torch.tensor([[4, 5, 8, 7]])
    theme = themes(1)
    same = (generator(first, theme) == generator(second, theme)).all(2)
    assert same[0].tolist() == [True, True, True, False]


def test_noise_and_label_reach_every_position():
    generator, tokens = build(), torch.randint(4, V, (1, L))
    theme = themes(1).requires_grad_()
    for position in range(L):
        logits = generator(tokens, theme)[0, position]
        (gradient,) = torch.autograd.grad(logits[4:].square().sum(), theme)
        assert gradient.abs().min() > 0


def test_a_theme_may_be_empty():
    generator, tokens = build(latents=0, labels=0), torch.randint(4, V, (2, L))
    logits = generator(tokens, torch.empty(2, 0))
    assert logits.shape == (2, L, V)
    torch.testing.assert_close(logits[0, 0], logits[1, 0])  # nothing tells the sentences apart yet


def test_blocked_tokens_have_no_chance():
    tokens, theme = torch.randint(0, V, (2, L)), themes(2)
    chances = build()(tokens, theme).softmax(2)
    assert (chances[:, :, [PAD, BOS, UNK]] == 0).all()
    assert (chances[:, :, [EOS, *range(4, V)]] > 0).all()
    endless = build(ends=False)(tokens, theme).softmax(2)
    assert (endless[:, :, [PAD, BOS, UNK, EOS]] == 0).all()


def test_it_can_be_differentiated_twice():
    """As the penalty on path lengths does."""
    generator, tokens = build(labels=0).double(), torch.tensor([[4, 5, EOS]])
    latents = torch.randn(1, 3, dtype=torch.double, requires_grad=True)

    def chances(latents):
        return generator(tokens, latents).softmax(2)

    assert torch.autograd.gradgradcheck(chances, latents)


def test_every_parameter_learns():
    generator = build()
    tokens = torch.randint(4, V, (8, L))
    F.cross_entropy(generator(tokens, themes(8)).flatten(0, 1), tokens.flatten()).backward()
    for name, parameter in generator.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_agrees(dtype):
    generator, tokens, theme = build(), torch.randint(4, V, (2, L)), themes(2)
    with torch.autocast("cpu", dtype=dtype):
        half = generator(tokens, theme)
        state = generator.start(theme)
        features, state = generator.advance(torch.full((2,), BOS), theme, state)
        torch.testing.assert_close(generator.logits(features), half[:, 0], atol=0.05, rtol=0)
    whole = generator(tokens, theme).softmax(2)
    torch.testing.assert_close(half.float().softmax(2), whole, atol=0.02, rtol=0)


def test_it_remembers_a_word_over_a_distance():
    """Sentences that end with the word they began with: only the memory can know it."""
    generator = build(latents=0, labels=0, embedding=8, slots=1, head_size=16)
    optimizer = torch.optim.Adam(generator.parameters(), lr=5e-3)
    for _ in range(150):
        tokens = torch.randint(4, V, (64, L))
        tokens[:, -1] = tokens[:, 0]
        logits = generator(tokens, torch.empty(64, 0))
        loss = F.cross_entropy(logits.flatten(0, 1), tokens.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = (logits[:, -1].argmax(1) == tokens[:, -1]).float().mean()
    assert right > 0.9, "guessing gives 1 in 7"


def test_it_remembers_its_arguments():
    generator = build()
    again = RelationalGenerator(**generator.config)
    shapes = {name: value.shape for name, value in generator.state_dict().items()}
    assert shapes == {name: value.shape for name, value in again.state_dict().items()}
