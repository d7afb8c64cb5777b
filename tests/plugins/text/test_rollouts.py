import pytest
import torch

from multigan.data.vocabulary import BOS, EOS, PAD
from multigan.plugins.text.networks.cnn import CNNDiscriminator
from multigan.plugins.text.networks.lstm import LSTMDiscriminator, LSTMGenerator
from multigan.plugins.text.networks.memory import RelationalGenerator
from multigan.plugins.text.rollouts import complete, judge_all, rollout_rewards, uniforms_needed
from multigan.plugins.text.writing import by_chance, write

V, L, B, N = 12, 7, 5, 3


def make(kind=LSTMGenerator, *, sharp=1.0, **options):
    torch.manual_seed(0)
    sizes = {"hidden": 8} if kind is LSTMGenerator else {"head_size": 4}
    generator = kind(vocabulary_size=V, embedding=6, latents=2, **sizes, **options)
    with torch.no_grad():
        generator.output.weight *= 4 * sharp
    return generator


def written(generator, *, batch=B, seed=0):
    torch.manual_seed(seed)
    theme = torch.randn(batch, 2)
    return write(generator, theme, by_chance(torch.rand(batch, L)), length=L), theme


def uniforms(batch=B, rollouts=N, length=L):
    return torch.rand(batch, rollouts, uniforms_needed(length))


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("kind", [LSTMGenerator, RelationalGenerator])
def test_completions_keep_their_prefix_and_end_once(kind, ends):
    generator = make(kind, ends=ends)
    tokens, theme = written(generator, batch=40)
    completions = complete(generator, tokens, theme, uniforms(40))
    assert completions.shape == (L - 1, N, 40, L)
    for t in range(1, L):
        assert (completions[t - 1, :, :, :t] == tokens[:, :t]).all()
    ended = (completions == EOS).cumsum(3) > 0
    after = ended.roll(1, 3)
    after[..., 0] = False
    assert ((completions == PAD) == after).all()
    assert not (completions == BOS).any()
    assert ended.any() == ends


def test_each_row_is_rewarded_for_itself():
    """The test that a reward scrambled over batch, position and rollout fails."""
    generator = make(ends=False)
    tokens, theme = written(generator, batch=16)

    def first_token(rows, labels):
        return rows[:, 0] / V

    rewards = rollout_rewards(generator, tokens, theme, judge_all(first_token), uniforms(16))
    expected = (tokens[:, :1] / V).expand(-1, L)
    torch.testing.assert_close(rewards, expected)
    assert len(tokens[:, 0].unique()) > 3


def test_a_deterministic_generator_is_completed_bit_for_bit():
    generator = make(sharp=1e4)
    tokens, theme = written(generator)
    completions = complete(generator, tokens, theme, uniforms())
    assert (completions == tokens).all()
    torch.manual_seed(1)
    other = tokens.clone()
    other[:, 0] = torch.randint(4, V, (B,))
    completions = complete(generator, other, theme, uniforms())
    for b in range(B):
        for t in range(1, L):
            prompt = other[b, :t].tolist()
            if EOS in prompt:
                continue
            greedy = by_chance(torch.zeros(1, L), temperature=0)
            alone = write(generator, theme[b : b + 1], greedy, length=L, prompt=prompt)
            assert (completions[t - 1, :, b] == alone[0]).all()


def naive_rewards(generator, tokens, theme, verdict, *, rollouts):
    """One prefix of one sentence at a time, read anew for each word of each rollout."""
    means, errors = torch.zeros(tokens.shape), torch.zeros(tokens.shape)
    for b, row in enumerate(tokens):
        length = int((row != PAD).sum())
        for t in range(1, length + 1):
            rows = row[:t].expand(rollouts, -1)
            while rows.shape[1] < L:
                padded = torch.cat([rows, torch.full((rollouts, 1), PAD)], dim=1)
                logits = generator(padded, theme[b].expand(rollouts, -1))[:, -1]
                drawn = logits.softmax(1).multinomial(1)
                over = ((rows == EOS) | (rows == PAD)).any(1, keepdim=True)
                rows = torch.cat([rows, torch.where(over, PAD, drawn)], dim=1)
            rewards = verdict(rows, None)
            means[b, t - 1] = rewards.mean()
            errors[b, t - 1] = rewards.std() / rollouts**0.5
    return means, errors


@torch.no_grad()
def test_rewards_agree_with_a_naive_loop():
    generator = make()
    judge = CNNDiscriminator(
        vocabulary_size=V, length=L, embedding=6, widths=(1, 2, 3), filters=(4, 4, 4)
    ).eval()
    with torch.no_grad():
        judge.output.weight *= 30

    def verdict(rows, labels):
        return judge.sentence(rows).sigmoid()

    tokens, theme = written(generator, batch=3)
    many = 1500
    fast = rollout_rewards(generator, tokens, theme, judge_all(verdict), uniforms(3, many))
    slow, errors = naive_rewards(generator, tokens, theme, verdict, rollouts=many)
    spread = (errors.square() * 2).sqrt()  # both are estimates
    assert ((fast - slow).abs() <= 3 * spread + 1e-6).float().mean() >= 0.95
    assert ((fast - slow).abs() <= 4.5 * spread + 1e-6).all()
    assert (slow[tokens != PAD].std() > 5 * errors.max()) and (tokens == PAD).any()
    assert ((fast == 0) == (tokens == PAD)).all()


@pytest.mark.parametrize("labels", [0, 2])
def test_sharing_windows_changes_no_verdict(labels):
    generator = make()
    torch.manual_seed(3)
    judge = CNNDiscriminator(
        vocabulary_size=V,
        length=L,
        embedding=6,
        widths=(1, 2, 3, 5, 7, 20),
        filters=(4, 4, 4, 4, 4, 9),
        labels=labels,
    ).eval()
    tokens, theme = written(generator, batch=9)
    completions = complete(generator, tokens, theme, uniforms(9))
    names = torch.arange(9) % 2 if labels else None
    with torch.no_grad():
        whole, parts = judge.judge_completions(tokens, completions, names)
        expected_whole, expected = judge_all(judge.sentence, chunk=17)(tokens, completions, names)
    torch.testing.assert_close(whole, expected_whole)
    open_ = torch.stack([(tokens[:, :t] != EOS).all(1) for t in range(1, L)])
    open_ = open_[:, None].expand_as(parts)
    torch.testing.assert_close(parts[open_], expected[open_])
    assert (parts[~open_] == 0).all() and (~open_).any()


def test_pads_do_not_change_the_verdict_of_a_short_sentence():
    judge = CNNDiscriminator(vocabulary_size=V, length=L, embedding=6).eval()
    rows = torch.full((2, L), PAD)
    rows[0, :2] = torch.tensor([5, EOS])
    rows[1] = torch.arange(5, 5 + L)
    together, alone = judge(rows), judge(rows[:1])
    torch.testing.assert_close(together[:1], alone)
    one_hot = torch.nn.functional.one_hot(rows, V).float()
    torch.testing.assert_close(judge(rows, one_hot), together)


def test_an_lstm_judges_completions_too():
    generator = make()
    judge = LSTMDiscriminator(vocabulary_size=V, embedding=6, hidden=5)
    tokens, theme = written(generator)
    rewards = rollout_rewards(generator, tokens, theme, judge_all(judge.sentence), uniforms())
    last = (tokens != PAD).sum(1) - 1
    torch.testing.assert_close(
        rewards[torch.arange(B), last], judge.sentence(tokens).detach(), rtol=1e-4, atol=1e-5
    )


def test_one_word_needs_no_rollout():
    generator = make(ends=False)
    tokens, theme = torch.tensor([[5], [6]]), torch.randn(2, 2)
    judge = judge_all(lambda rows, labels: rows[:, 0].float())
    rewards = rollout_rewards(generator, tokens, theme, judge, uniforms(2, N, 1))
    assert rewards.tolist() == [[5.0], [6.0]]
