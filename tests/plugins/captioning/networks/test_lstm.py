from __future__ import annotations

import torch

from multigan.data.vocabulary import BOS, EOS, PAD, UNK
from multigan.plugins.captioning.networks.grid import GridEncoder
from multigan.plugins.captioning.networks.lstm import AttentionGenerator

V, D, Z = 11, 8, 3


def generator(seed: int = 0) -> AttentionGenerator:
    torch.manual_seed(seed)
    made = AttentionGenerator(
        vocabulary_size=V, features=D, embedding=6, hidden=10, heads=2, latents=Z
    )
    torch.nn.init.normal_(made.noise.weight)
    return made.eval()


def captions() -> torch.Tensor:
    rows = [
        [[5, 6, 7, 8, EOS], [4, EOS, 0, 0, 0], [9, 9, EOS, 0, 0]],
        [[4, 5, EOS, 0, 0], [6, 7, 8, EOS, 0], [10, EOS, 0, 0, 0]],
    ]
    return torch.tensor(rows)


def test_all_words_at_once_are_word_by_word() -> None:
    made, tokens = generator(), captions()
    grid, latents = torch.randn(2, 4, D), torch.randn(2, 3, Z)
    h, attention = made(tokens, grid, latents)
    sight = made.look(grid, latents)
    state, before = made.start(sight), torch.full((2, 3), BOS)
    for position in range(5):
        expected, state, looked = made.advance(before, sight, state)
        before = tokens[:, :, position]
        real = before != PAD
        torch.testing.assert_close(h[:, :, position][real], expected[real])
        torch.testing.assert_close(attention[:, :, position][real], looked[real])
        assert not h[:, :, position][~real].any() and not attention[:, :, position][~real].any()
    torch.testing.assert_close(attention.sum(3), (tokens != PAD).float())


def test_captions_and_pictures_do_not_touch_each_other() -> None:
    made, tokens = generator(), captions()
    grid, latents = torch.randn(2, 4, D), torch.randn(2, 3, Z)
    whole, _ = made(tokens, grid, latents)
    for b in range(2):
        for k in range(3):
            one, _ = made(
                tokens[b : b + 1, k : k + 1], grid[b : b + 1], latents[b : b + 1, k : k + 1]
            )
            torch.testing.assert_close(one[0, 0], whole[b, k])


def test_it_looks_at_the_picture_and_at_its_places() -> None:
    made, tokens = generator(), captions()
    grid, latents = torch.randn(2, 4, D), torch.zeros(2, 3, Z)
    before, _ = made(tokens, grid, latents)
    other, _ = made(tokens, grid.flip(0), latents)
    assert (before - other)[tokens != PAD].abs().max() > 1e-3
    # Attention is over a set: where things are is in the features of the cells.
    shuffled, _ = made(tokens, grid.flip(1), latents)
    torch.testing.assert_close(before, shuffled)


def test_noise_means_nothing_before_the_game() -> None:
    torch.manual_seed(0)
    made = AttentionGenerator(vocabulary_size=V, features=D, heads=2, latents=Z)
    grid = torch.randn(2, 4, D)
    plain, _ = made(captions(), grid, torch.zeros(2, 3, Z))
    noisy, _ = made(captions(), grid, torch.randn(2, 3, Z))
    assert torch.equal(plain, noisy)
    made(captions(), grid, torch.randn(2, 3, Z))[0].square().sum().backward()
    assert made.noise.weight.grad is not None and made.noise.weight.grad.abs().sum() > 0


@torch.no_grad()
def test_it_can_turn_to_what_it_has_not_spoken_of() -> None:
    made, grid = generator(), torch.randn(2, 4, D)
    made.marks.bias.copy_(torch.tensor([30.0, -60.0, -60.0]))  # tell of all that is looked at
    sight = made.look(grid, torch.zeros(2, 1, Z))
    state, before = made.start(sight), torch.full((2, 1), BOS)
    assert not state.told_BKN.any()
    looked = []
    for _ in range(3):
        _, state, attention = made.advance(before, sight, state)
        looked.append(attention.argmax(2))
        assert state.told_BKN.amax(2).allclose(torch.ones(2, 1))
        assert state.told_BKN.min() >= 0 and state.told_BKN.max() <= 1
    first, second, _ = looked
    assert (first != second).all()
    made.marks.bias[0] = -30.0  # tell of nothing
    _, after, _ = made.advance(before, sight, made.start(sight))
    assert after.told_BKN.max() < 1e-6


def test_it_cannot_write_what_is_not_a_word() -> None:
    chances = generator().logits(torch.randn(3, 10)).softmax(1)
    assert not chances[:, [PAD, BOS, UNK]].any() and (chances[:, EOS : EOS + 1] > 0).all()


def test_the_grid_knows_where_it_is() -> None:
    """The same thing in another corner gives other cells, not only the same cells elsewhere."""
    torch.manual_seed(0)
    encoder = GridEncoder(size=32, width=8).eval()
    pictures = -torch.ones(2, 3, 32, 32)
    pictures[0, :, 4:12, 4:12] = 1
    pictures[1, :, 20:28, 20:28] = 1
    grid = encoder(pictures).detach()
    assert grid.shape == (2, 16, 32) == (2, encoder.cells, encoder.features)
    assert (grid[0].mean(0) - grid[1].mean(0)).abs().max() > 1e-3
    assert all(layer.out.weight.abs().sum() == 0 for layer in encoder.mixing)
    without = GridEncoder(size=32, width=8, layers=0).eval()
    without.load_state_dict(encoder.state_dict(), strict=False)
    torch.testing.assert_close(without(pictures), grid)  # cells do not look around yet
    for layer in encoder.mixing:
        torch.nn.init.normal_(layer.out.weight, std=0.1)
    grid = encoder(pictures).detach()
    assert (without(pictures) - grid).abs().max() > 0.1
    one_by_one = torch.cat([encoder(picture[None]) for picture in pictures])
    torch.testing.assert_close(grid, one_by_one.detach())
