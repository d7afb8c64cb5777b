import pytest
import torch
import torch.nn.functional as F

from multigan.data.vocabulary import EOS, PAD
from multigan.losses.penalties import gradient_penalty, r1_penalty
from multigan.plugins.text.networks.multi_cnn import MultiRepresentationDiscriminator

V, R = 11, 3
TOKENS = torch.tensor(
    [[4, 5, 6, 7, 8, EOS, PAD], [7, 8, 9, 10, 4, 5, EOS], [EOS, PAD, PAD, PAD, PAD, PAD, PAD]]
)


def build(**changes):
    torch.manual_seed(0)
    sizes = {"embedding": 6, "representations": R, "widths": (2, 3, 5), "filters": (4, 2, 4)}
    network = MultiRepresentationDiscriminator(vocabulary_size=V, **(sizes | changes)).eval()
    torch.nn.init.normal_(network.bias)  # zero at first, where a lost bias would go unnoticed
    return network


def reference_verdict(network, sentence, representation):
    """One verdict on one list of tokens, with torch's convolution and maximum."""
    words = [token for token in sentence if token != PAD]
    width = network.embedding.embedding_dim // network.representations
    part = slice(representation * width, (representation + 1) * width)
    x = F.pad(network.embedding.weight[words][:, part].T[None], (0, 9))
    biases = network.bias.split([c.out_channels for c in network.convolutions])
    features = torch.cat(
        [
            F.conv1d(x, c.weight, bias).relu().amax(2)[0]
            for c, bias in zip(network.convolutions, biases, strict=True)
        ]
    )
    change, gate = network.highway(features).chunk(2)
    gate = gate.sigmoid()
    return network.output(gate * change.relu() + (1 - gate) * features)


def test_verdicts_are_those_of_a_plain_convolution():
    network = build()
    verdicts = network(TOKENS)
    assert verdicts.shape == (3, R)
    for b, sentence in enumerate(TOKENS.tolist()):
        for r in range(R):
            torch.testing.assert_close(
                verdicts[b, r, None], reference_verdict(network, sentence, r)
            )


def test_gradients_are_those_of_a_plain_convolution():
    network = build().double()
    names, parameters = zip(*network.named_parameters(), strict=True)
    weights = torch.randn(3, R, dtype=torch.double)
    plain = [
        weights[b, r] * reference_verdict(network, sentence, r)
        for b, sentence in enumerate(TOKENS.tolist())
        for r in range(R)
    ]
    expected = torch.autograd.grad(sum(plain), parameters)
    given = torch.autograd.grad((weights * network(TOKENS)).sum(), parameters)
    for name, one, other in zip(names, given, expected, strict=True):
        torch.testing.assert_close(one, other.view_as(one), msg=name)


def test_gradients_of_embedded_words_can_be_differentiated():
    network = build(embedding=3, filters=(2, 2), widths=(2, 3)).double()
    words = network.embed(TOKENS[:2]).detach().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: network.judge(x, TOKENS[:2]), words)
    assert torch.autograd.gradgradcheck(lambda x: network.judge(x, TOKENS[:2]), words)


def test_penalties_reach_the_filters():
    network = build()
    real, fake = network.embed(TOKENS), network.embed(TOKENS.roll(1, 0))
    r1 = r1_penalty(lambda x: network.judge(x, TOKENS), real=real)
    gp = gradient_penalty(
        lambda x: network.judge(x, TOKENS), real=real, fake=fake, alpha=torch.rand(3)
    )
    for penalty in (r1, gp):
        grads = torch.autograd.grad(penalty, list(network.convolutions.parameters()))
        assert all(grad.isfinite().all() and grad.abs().max() > 0 for grad in grads)


def test_further_pads_change_nothing():
    network = build()
    for length in range(1, 8):  # the widest filter spans five words
        sentence = torch.full((1, length), 5)
        torch.testing.assert_close(network(sentence), network(F.pad(sentence, (0, 4), value=PAD)))


def test_pads_have_no_influence_and_get_no_gradient():
    network = build()
    rows = F.one_hot(TOKENS, V).float().requires_grad_()
    torch.testing.assert_close(network(TOKENS, rows), network(TOKENS))
    (gradient,) = torch.autograd.grad(network(TOKENS, rows).sum(), rows)
    assert (gradient[TOKENS == PAD] == 0).all()
    assert (gradient[TOKENS != PAD] != 0).any()
    soft = torch.where((TOKENS == PAD)[:, :, None], torch.rand(3, 7, V), rows)
    assert torch.equal(network(TOKENS, soft), network(TOKENS, rows))


def test_soft_rows_are_mixtures_of_embedded_words():
    network = build()
    tokens, rows = torch.tensor([[4, 5, EOS]]), torch.rand(1, 3, V).softmax(2)
    expected = sum(rows[0, :, v, None] * network.embedding.weight[v] for v in range(V))
    torch.testing.assert_close(network.embed(tokens, rows)[0], expected)


def test_representations_are_judged_apart():
    network = build()
    words = network.embed(TOKENS).detach().requires_grad_()
    for r in range(R):
        (gradient,) = torch.autograd.grad(network.judge(words, TOKENS)[:, r].sum(), words)
        read = gradient.abs().sum((0, 1)).view(R, -1).amax(1) > 0
        assert read.tolist() == [each == r for each in range(R)]


def test_labels_add_their_match_with_the_features():
    network, plain = build(labels=4), build()
    plain.load_state_dict(network.state_dict(), strict=False)
    labels = torch.tensor([3, 0, 2])
    change = network(TOKENS, None, labels) - plain(TOKENS)
    network.output.weight.data.zero_(), network.output.bias.data.zero_()
    torch.testing.assert_close(network(TOKENS, None, labels), change)
    for b, label in enumerate(labels):  # a verdict with the label's vector as last layer
        plain.output.weight.data.copy_(network.label.weight[label][None])
        plain.output.bias.data.zero_()
        torch.testing.assert_close(plain(TOKENS)[b], change[b])
    rows = F.one_hot(TOKENS, V).float()
    torch.testing.assert_close(network(TOKENS, rows, labels), change)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_agrees(dtype):
    network = build()
    rows = F.one_hot(TOKENS, V).float().requires_grad_()
    whole = network(TOKENS, rows)
    with torch.autocast("cpu", dtype=dtype):
        half = network(TOKENS, rows)
    torch.testing.assert_close(half.float(), whole, atol=0.05, rtol=0.05)
    (gradient,) = torch.autograd.grad(half.float().sum(), rows)
    assert gradient.isfinite().all() and gradient.abs().max() > 0


def test_it_tells_two_orders_of_the_same_words_apart():
    network = build(embedding=12, filters=(16, 16, 16), dropout=0.25).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(60):
        tokens = torch.rand(64, 7).argsort(1) + 4
        rising = tokens[:, 2] < tokens[:, 3]
        tokens[:, 2:4] = tokens[:, 2:4].sort(1).values
        fake = tokens.clone()
        fake[:, 2:4] = tokens[:, 2:4].flip(1)
        loss = F.softplus(-network(tokens)).mean() + F.softplus(network(fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    network.eval()
    right = (network(tokens).mean(1) > network(fake).mean(1)).float().mean()
    assert rising.any() and right > 0.8


def test_slices_must_be_equal_and_arguments_are_remembered():
    with pytest.raises(ValueError, match="multiple of representations 4"):
        build(embedding=6, representations=4)
    network = build(labels=2)
    again = MultiRepresentationDiscriminator(**network.config)
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    assert shapes == {name: value.shape for name, value in again.state_dict().items()}
