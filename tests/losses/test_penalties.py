"""Penalties on critics and generators whose gradients are known in closed form."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from multigan.losses import discriminator_loss, generator_loss, penalties
from multigan.losses.penalties import (
    clip_weights_,
    double_backward,
    dragan_penalty,
    gradient_penalty,
    path_length_constraint,
    path_length_penalty,
    r1_penalty,
    r2_penalty,
)

SHAPES = [(5,), (3, 4, 4), (6, 7), (2, 3, 4, 4)]  # vectors, images, one-hot texts (L, V), clips


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def linear(weight: Tensor):
    return lambda x: (x * weight).flatten(1).sum(1)


@pytest.mark.parametrize("shape", SHAPES)
def test_linear_critic_has_the_slope_of_its_weight(shape: tuple[int, ...]) -> None:
    weight, real, fake = randn(*shape), randn(4, *shape, seed=1), randn(4, *shape, seed=2)
    norm = weight.norm().item()
    critic, alpha = linear(weight), torch.rand(4, dtype=torch.float64)
    assert gradient_penalty(critic, real=real, fake=fake, alpha=alpha).item() == pytest.approx(
        (norm - 1) ** 2
    )
    assert r1_penalty(critic, real=real).item() == pytest.approx(norm**2 / 2)
    assert r2_penalty(critic, fake=fake).item() == pytest.approx(norm**2 / 2)
    assert dragan_penalty(critic, real=real, noise=fake).item() == pytest.approx((norm - 1) ** 2)


def test_points_where_the_gradient_is_taken() -> None:
    # D(x) = |x|^2 / 2 has gradient x: the penalty shows the point itself.
    def critic(x: Tensor) -> Tensor:
        return x.square().sum(1) / 2

    real, fake, alpha = randn(3, 2), randn(3, 2, seed=1), torch.tensor([0.0, 0.25, 1.0]).double()
    between = torch.stack([fake[0], 0.25 * real[1] + 0.75 * fake[1], real[2]])
    expected = (between.norm(dim=1) - 1).square().mean().item()
    for form in (alpha, alpha[:, None]):
        penalty = gradient_penalty(critic, real=real, fake=fake, alpha=form)
        assert penalty.item() == pytest.approx(expected)
    assert r1_penalty(critic, real=real).item() == pytest.approx(
        real.square().sum(1).mean().item() / 2
    )
    assert r2_penalty(critic, fake=fake).item() == pytest.approx(
        fake.square().sum(1).mean().item() / 2
    )
    assert dragan_penalty(critic, real=real, noise=fake).item() == pytest.approx(
        ((real + fake).norm(dim=1) - 1).square().mean().item()
    )


@pytest.mark.parametrize(("slope", "two_sided", "one_sided"), [(0.5, 0.25, 0.0), (3.0, 4.0, 4.0)])
def test_one_sided_forgives_small_slopes(slope: float, two_sided: float, one_sided: float) -> None:
    call = partial(
        gradient_penalty,
        linear(torch.tensor([slope])),
        real=torch.randn(4, 1),
        fake=torch.randn(4, 1),
        alpha=torch.rand(4),
    )
    assert call().item() == pytest.approx(two_sided)
    assert call(one_sided=True).item() == pytest.approx(one_sided)


def test_several_inputs_form_one_vector() -> None:
    weights = [randn(3, 4), randn(5, seed=1)]
    inputs = [randn(2, 3, 4, seed=2), randn(2, 5, seed=3)]
    others = [randn(2, 3, 4, seed=4), randn(2, 5, seed=5)]

    def critic(pair: list[Tensor]) -> Tensor:
        return sum(linear(w)(x) for w, x in zip(weights, pair, strict=True))

    square = sum(w.square().sum().item() for w in weights)
    assert r1_penalty(critic, real=inputs).item() == pytest.approx(square / 2)
    penalty = gradient_penalty(
        critic, real=tuple(inputs), fake=others, alpha=torch.rand(2).double()
    )
    assert penalty.item() == pytest.approx((math.sqrt(square) - 1) ** 2)


def test_patches_and_scales_are_averaged_as_in_the_losses() -> None:
    weight, real = randn(4), randn(3, 4, seed=1)

    def patches(x: Tensor) -> Tensor:
        return linear(weight)(x)[:, None, None, None].expand(-1, 1, 2, 3)

    scalar = r1_penalty(linear(weight), real=real).item()
    assert r1_penalty(patches, real=real).item() == pytest.approx(scalar)
    assert r1_penalty(lambda x: [patches(x), 3 * linear(weight)(x)], real=real).item() == (
        pytest.approx(4 * scalar)  # mean slope 2
    )


def test_bound_conditions_take_part() -> None:
    labels, table = torch.tensor([0, 1]), randn(2, 3)
    penalty = r1_penalty(lambda x: (x * table[labels]).sum(1), real=randn(2, 3, seed=1))
    assert penalty.item() == pytest.approx(table.square().sum(1).mean().item() / 2)


def curved_critic() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Softplus(), nn.Linear(4, 1)).double()


@pytest.mark.parametrize("kind", ["gp", "gp-one-sided", "r1", "r2", "dragan"])
def test_gradients_with_respect_to_the_critic(kind: str) -> None:
    critic = curved_critic()
    real, fake, alpha = randn(4, 3), randn(4, 3, seed=1), torch.rand(4, dtype=torch.float64)
    parameter_names = [name for name, _ in critic.named_parameters()]

    def penalty(*parameters: Tensor) -> Tensor:
        def call(x: Tensor) -> Tensor:
            values = dict(zip(parameter_names, (4 * p for p in parameters), strict=True))
            return torch.func.functional_call(critic, values, (x,))

        if kind.startswith("gp"):
            one_sided = kind == "gp-one-sided"
            return gradient_penalty(call, real=real, fake=fake, alpha=alpha, one_sided=one_sided)
        if kind == "dragan":
            return dragan_penalty(call, real=real, noise=fake)
        return r1_penalty(call, real=real) if kind == "r1" else r2_penalty(call, fake=fake)

    parameters = tuple(p.detach().clone().requires_grad_() for p in critic.parameters())
    assert penalty(*parameters).item() > 0
    # The last bias moves all scores alike and has no part in any gradient of the input.
    last_bias = parameters[-1].detach()
    assert torch.autograd.gradcheck(lambda *p: penalty(*p, last_bias), parameters[:-1])


def test_a_flat_critic_gives_finite_gradients() -> None:
    critic = nn.Linear(3, 1)
    nn.init.zeros_(critic.weight)
    penalty = gradient_penalty(
        critic, real=torch.randn(2, 3), fake=torch.randn(2, 3), alpha=torch.rand(2)
    )
    penalty.backward()
    assert penalty.item() == pytest.approx(1)
    assert critic.weight.grad is not None and critic.weight.grad.isfinite().all()


def test_fakes_and_inputs_get_no_gradient() -> None:
    generator, critic = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1))
    fake = generator(torch.randn(4, 2))
    r2_penalty(critic, fake=fake).backward()
    assert generator.weight.grad is None
    assert critic[0].weight.grad is not None


def test_autocast_and_no_grad_around_a_penalty_change_nothing() -> None:
    critic = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    real = torch.randn(4, 3).bfloat16()
    expected = r1_penalty(critic, real=real.float())
    with torch.autocast("cpu", torch.bfloat16):
        inside = r1_penalty(critic, real=real)
    with torch.no_grad():
        unrecorded = r1_penalty(critic, real=real)
    assert inside.dtype is torch.float32
    assert torch.equal(inside, expected)
    assert torch.equal(unrecorded, expected)


@pytest.mark.parametrize(("gamma", "converges"), [(0.0, False), (1.0, True)])
def test_r1_makes_the_dirac_gan_converge(gamma: float, converges: bool) -> None:
    # Mescheder et al. 2018, section 2: data at 0, a generator of one point, a linear critic.
    # Without a penalty the two circle for ever; with one they spiral into the origin.
    point, slope = (
        torch.tensor([[1.0]], requires_grad=True),
        torch.tensor([1.0], requires_grad=True),
    )
    data = torch.zeros(1, 1)
    for _ in range(300):
        loss = discriminator_loss("minimax", data * slope, point.detach() * slope)
        loss = loss + gamma * r1_penalty(linear(slope), real=data)
        (slope_gradient,) = torch.autograd.grad(loss, slope)
        (point_gradient,) = torch.autograd.grad(generator_loss("minimax", point * slope), point)
        with torch.no_grad():
            slope -= 0.1 * slope_gradient
            point -= 0.1 * point_gradient
    distance = math.hypot(point.item(), slope.item())
    assert distance < 0.01 if converges else distance > 1


def test_shapes_are_checked() -> None:
    critic = linear(torch.ones(3))
    real = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="equal shapes"):
        gradient_penalty(critic, real=real, fake=torch.zeros(1, 3), alpha=torch.rand(2))
    with pytest.raises(ValueError, match="2 numbers"):
        gradient_penalty(critic, real=real, fake=real, alpha=torch.rand(1))
    with pytest.raises(ValueError, match="shape of real"):
        dragan_penalty(critic, real=real, noise=torch.zeros(1, 3))


def test_path_length_of_a_linear_generator() -> None:
    # G(w) = A w: the length is |A^T y| for every w.
    matrix, latents, noise = randn(6, 3), randn(4, 3, seed=1), randn(4, 6, seed=2)
    lengths = (noise @ matrix).norm(dim=1)
    mean = torch.tensor(2.0, dtype=torch.float64)
    penalty, updated = path_length_penalty(
        lambda w: w @ matrix.T, latents=latents, noise=noise, mean=mean, decay=0.25
    )
    expected_mean = 0.75 * 2 + 0.25 * lengths.mean().item()
    assert updated.item() == pytest.approx(expected_mean)
    assert penalty.item() == pytest.approx((lengths - expected_mean).square().mean().item())
    assert not updated.requires_grad


def test_path_length_is_independent_of_resolution_and_layers() -> None:
    # Pixels that copy one number: the expected squared length is C for any H and W.
    latents, noise = randn(512, 1), randn(512, 3, 8, 8, seed=1)
    zero = torch.zeros((), dtype=torch.float64)
    penalty, _ = path_length_penalty(
        lambda w: w[:, :, None, None].expand(-1, 3, 8, 8),
        latents=latents,
        noise=noise,
        mean=zero,
        decay=0.0,
    )
    exact = noise.sum((1, 2, 3)).square().mean().item() / 64
    assert penalty.item() == pytest.approx(exact)
    assert penalty.item() == pytest.approx(3, rel=0.2)
    # Two layers that feed the generator with weight one: root of the mean of two equal squares.
    layered, _ = path_length_penalty(
        lambda w: w.sum(1)[:, :, None, None].expand(-1, 3, 8, 8),
        latents=randn(512, 2, 1),
        noise=noise,
        mean=zero,
        decay=0.0,
    )
    assert layered.item() == pytest.approx(exact)


def test_path_length_mean_converges_and_trains_generator_and_mapping() -> None:
    torch.manual_seed(0)
    mapping, synthesis = nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 4))
    mean, latents, noise = torch.zeros(()), mapping(torch.randn(16, 2)), torch.randn(16, 4)
    for _ in range(60):
        penalty, mean = path_length_penalty(
            synthesis, latents=latents, noise=noise, mean=mean, decay=0.2
        )
    settled = path_length_penalty(synthesis, latents=latents, noise=noise, mean=mean, decay=1.0)[1]
    assert mean.item() == pytest.approx(settled.item(), rel=1e-4)
    assert not mean.requires_grad
    penalty.backward()
    assert synthesis[0].weight.grad is not None
    assert mapping.weight.grad is not None
    with pytest.raises(ValueError, match="shape"):
        path_length_penalty(synthesis, latents=latents, noise=noise[:, :1], mean=mean)


def test_path_length_gradients() -> None:
    latents, noise, mean = randn(4, 3), randn(4, 2, seed=1), torch.zeros((), dtype=torch.float64)

    def penalty(weight: Tensor) -> Tensor:
        # The updated mean is a constant to the gradient; with decay 0 numeric differences agree.
        return path_length_penalty(
            lambda w: torch.tanh(w @ weight), latents=latents, noise=noise, mean=mean + 1, decay=0.0
        )[0]

    assert torch.autograd.gradcheck(penalty, (randn(3, 2, seed=2).requires_grad_(),))


def test_path_length_constraint() -> None:
    source = torch.zeros(2, 3, 4, 4)
    moved = source + torch.tensor([1.0, -3.0])[:, None, None, None]
    assert path_length_constraint(moved, source=source, beta=0.5).item() == pytest.approx(1.0)
    squared = path_length_constraint(moved, source=source, beta=0.5, distance="l2")
    assert squared.item() == pytest.approx(2.5)
    half = path_length_constraint(moved.bfloat16(), source=source.bfloat16(), beta=0.5)
    assert half.dtype is torch.float32
    with pytest.raises(ValueError, match="differ"):
        path_length_constraint(moved, source=source[:1], beta=1.0)
    with pytest.raises(ValueError, match="l1 or l2"):
        path_length_constraint(moved, source=source, beta=1.0, distance="l3")  # type: ignore[arg-type]


def test_clip_weights() -> None:
    critic = nn.Linear(2, 2)
    with torch.no_grad():
        critic.weight.copy_(torch.tensor([[-1.0, 0.005], [0.02, 0.0]]))
    clip_weights_(critic, limit=0.01)
    assert critic.weight.tolist() == [
        [pytest.approx(-0.01), pytest.approx(0.005)],
        [pytest.approx(0.01), 0.0],
    ]
    assert critic.bias.abs().max() <= 0.01
    assert critic.weight.requires_grad
    with pytest.raises(ValueError, match="positive"):
        clip_weights_(critic, limit=0)


class RecurrentCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(5, 6, batch_first=True)
        self.head = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0].mean(1))


def test_recurrent_critic_on_cpu() -> None:
    torch.manual_seed(0)
    critic, real = RecurrentCritic().double(), randn(3, 4, 5)
    with double_backward():
        penalty = r1_penalty(critic, real=real)
    penalty.backward()
    gradient = critic.lstm.weight_ih_l0.grad
    assert gradient is not None
    weight, step = critic.lstm.weight_ih_l0, 1e-6
    differences = []
    for sign in (1, -1):
        with torch.no_grad():
            weight[0, 0] += sign * step
        differences.append(r1_penalty(critic, real=real).item())
        with torch.no_grad():
            weight[0, 0] -= sign * step
    numeric = (differences[0] - differences[1]) / (2 * step)
    assert gradient[0, 0].item() == pytest.approx(numeric, rel=1e-4)


def test_double_backward_switches_cudnn_off_only_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.backends.cudnn.enabled
    monkeypatch.setattr(penalties.torch.cuda, "is_available", lambda: True)
    with double_backward():
        assert not torch.backends.cudnn.enabled
    assert torch.backends.cudnn.enabled is before
    monkeypatch.setattr(penalties.torch.cuda, "is_available", lambda: False)
    with double_backward():
        assert torch.backends.cudnn.enabled is before


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recurrent_critic_on_gpu_needs_double_backward() -> None:
    critic, real = RecurrentCritic().cuda(), torch.randn(3, 4, 5, device="cuda")
    with pytest.raises(RuntimeError):
        r1_penalty(critic, real=real).backward()
    with double_backward():
        penalty = r1_penalty(critic, real=real)
    penalty.backward()
    on_cpu = r1_penalty(critic.cpu(), real=real.cpu())
    assert penalty.item() == pytest.approx(on_cpu.item(), rel=1e-3)
