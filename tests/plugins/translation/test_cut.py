"""CUT's terms and patches against independent computations."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from multigan.config.recipe import make_recipe
from multigan.errors import RecipeError
from multigan.plugins.translation.cut.gan import CUT
from multigan.plugins.translation.cut.heads import PatchHeads, choose_places
from multigan.plugins.translation.networks import ResnetGenerator
from multigan.training.phases import Noise, Step

SMALL = {
    "plugin": "translation",
    "method": "cut",
    "data": {"size": 32, "resize": 36, "builtin_size": 8},
    "model": {"width": 4, "blocks": 2, "features": 8, "discriminator_width": 4},
}


def make(**loss):
    torch.manual_seed(0)
    gan = CUT(make_recipe({**SMALL, "loss": {"patches": 4000, **loss}}))
    with torch.no_grad():  # features far from zero, so that a wrong pairing shows
        for parameter in gan.networks["heads"].parameters():
            parameter.normal_()
    return gan


def step():
    return Step(0, 10, Noise(0))


def batch(count=2):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1 for name in "ab"}


def contrast(gan, result, origin, *, mirrored=False):
    """All patches of all layers, in a plain loop."""
    generator, heads = gan.networks["generator"], gan.networks["heads"].heads
    total = 0.0
    for number, head in zip(gan.layers, heads, strict=True):
        encoder = generator.model[: number + 1]
        found, wanted = encoder(result), encoder(origin)
        found = found.flip(-1) if mirrored else found
        for x, y in zip(found, wanted, strict=True):
            queries, keys = (normalize(head(z.flatten(1).T), dim=1) for z in (x, y))
            logits = queries @ keys.T / 0.07
            total += cross_entropy(logits, torch.arange(len(logits))) / len(result)
    return total / len(gan.layers)


def test_cut_has_both_terms_at_half_weight():
    gan, data = make(nce=3.0, identity=2.0), batch()
    losses = gan.generate(data, step())
    generator, judge = gan.networks["generator"], gan.networks["discriminator"]
    fake, same = generator(data["a"]), generator(data["b"])
    expected = {
        "adversarial": 0.5 * (judge(fake) - 1).square().mean(),
        "nce": 0.5 * 3.0 * contrast(gan, fake, data["a"]),
        "identity": 0.5 * 2.0 * contrast(gan, same, data["b"]),
    }
    assert losses.keys() == expected.keys()
    for name, value in expected.items():
        assert losses[name].item() == pytest.approx(value.item(), rel=1e-3), name


@pytest.mark.parametrize("chance", [0.0, 0.9])
def test_fastcut_turns_mirrored_results_back_before_it_compares(chance):
    gan, data = make(nce=10.0, identity=0.0, flip_equivariance=True), batch()

    class Coin(Noise):
        def uniform(self, *shape):
            return torch.full(shape, chance) if len(shape) == 1 else super().uniform(*shape)

    losses = gan.generate(data, Step(0, 10, Coin(0)))
    given = data["a"].flip(-1) if chance < 0.5 else data["a"]
    fake = gan.networks["generator"](given)
    expected = 10 * contrast(gan, fake, data["a"], mirrored=chance < 0.5)
    assert losses.keys() == {"adversarial", "nce"}
    assert losses["nce"].item() == pytest.approx(expected.item(), rel=1e-3)


def test_the_distance_to_the_origin_can_be_added():
    gan, data = make(self_regularisation=5.0, identity=0.0, nce=0.0), batch()
    fake = gan.networks["generator"](data["a"])
    found = gan.generate(data, step())["self-regularisation"]
    assert found.item() == pytest.approx(5 * (fake - data["a"]).abs().mean().item(), rel=1e-4)


def test_the_discriminator_judges_what_was_just_made():
    gan, data = make(), batch()
    gan.generate(data, step())
    judge = gan.networks["discriminator"]
    expected = 0.25 * ((judge(data["b"]) - 1).square().mean() + judge(data["fake"]).square().mean())
    assert gan.judge(data, step())["adversarial"].item() == pytest.approx(expected.item(), rel=1e-4)


def test_generator_and_heads_learn_from_the_contrast():
    gan, data = make(), batch()
    gan.generate(data, step())["nce"].backward()
    for name in ("generator", "heads"):
        assert all(p.grad is not None for p in gan.networks[name].parameters()), name


def test_the_reference_layers_of_nine_blocks():
    recipe = {**SMALL, "model": {**SMALL["model"], "blocks": 9}}
    assert CUT(make_recipe(recipe)).layers == [0, 4, 7, 10, 14]


def test_features_are_those_of_the_layers_and_nothing_more_is_computed():
    generator = ResnetGenerator(width=4, blocks=2)
    generator.model[12] = None  # would fail if it were reached
    x = torch.randn(1, 3, 16, 16)
    pad, half, block = generator.features(x, [0, 4, 10])
    assert torch.equal(pad, generator.model[:1](x)) and torch.equal(half, generator.model[:5](x))
    assert torch.equal(block, generator.model[:11](x)) and block.shape == (1, 16, 4, 4)


def test_places_do_not_repeat_and_are_all_there_where_few_are():
    numbers = Noise(0).uniform(3, 50)
    places = choose_places(numbers, 20)
    assert all(len(set(row.tolist())) == 20 for row in places)
    assert [sorted(row.tolist()) for row in choose_places(numbers, 99)] == [list(range(50))] * 3


def test_heads_look_at_the_places_that_they_are_told():
    heads = PatchHeads(widths=[2, 3], features=4)
    layers = [torch.randn(1, 2, 3, 5), torch.randn(1, 3, 2, 2)]
    first, second = heads(layers, [torch.tensor([[7, 0]]), torch.tensor([[3]])])
    torch.testing.assert_close(first[0, 0], heads.heads[0](layers[0][0, :, 1, 2]))
    torch.testing.assert_close(second[0, 0], heads.heads[1](layers[1][0, :, 1, 1]))


def test_size_that_does_not_fit_is_told():
    with pytest.raises(RecipeError, match="multiple of 4"):
        make_recipe({**SMALL, "data": {"size": 30}})
