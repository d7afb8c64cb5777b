"""Adversarial objectives as pure functions of logits.

Logits are scores before any sigmoid: (B,) or (B, 1) for one verdict a sample, (B, 1, H, W) for one
a patch, or a list of such tensors for discriminators that judge at several scales. A loss is the
mean over samples and patches, then the mean over scales. Everything is computed in float32 at least
and with softplus in place of log(sigmoid), so that logits of any size give finite losses and
gradients.

All losses are minimised, by both players.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from multigan.config.objectives import LabelSmoothing
from multigan.losses.precision import full_precision

Logits = Tensor | Sequence[Tensor]


@dataclass(frozen=True)
class Objective:
    """One adversarial objective.

    Attributes:
        discriminator: (logits_real, logits_fake, target_real, target_fake) of one scale -> scalar
            loss. Objectives without labels ignore the targets.
        generator: (logits_fake, logits_real) of one scale -> scalar loss; logits_real is None
            unless ``needs_real``.
        needs_real: the generator's loss compares fakes with reals.
        has_labels: it has targets of 0 and 1, which label smoothing softens.
    """

    discriminator: Callable[[Tensor, Tensor, float, float], Tensor]
    generator: Callable[[Tensor, Tensor | None], Tensor]
    needs_real: bool = False
    has_labels: bool = False


def discriminator_loss(
    objective: str,
    logits_real: Logits,
    logits_fake: Logits,
    *,
    smoothing: LabelSmoothing = "none",
) -> Tensor:
    """The loss that the discriminator minimises.

    With r = logits_real, f = logits_fake and sp = softplus, means over samples and patches
    understood:

    ======================  =====================================================================
    minimax                 sp(-r) + sp(f), which is -log D(real) - log(1 - D(fake))
    non-saturating          the same
    least-squares           0.5 (r - b)^2 + 0.5 (f - a)^2 with a = 0, b = 1 (Mao et al., eq. 9)
    wasserstein             f - r
    hinge                   max(0, 1 - r) + max(0, 1 + f)
    relativistic            sp(-(r - f)) pair by pair: real i with fake i
    relativistic-average    sp(-(r - mean f)) + sp(f - mean r), means over the batch given
    ======================  =====================================================================

    Label smoothing replaces the target 1 of reals by 0.9 (one-sided; Salimans et al. 2016) and,
    two-sided, also the target 0 of fakes by 0.1. Only the first three objectives have targets.

    Args:
        objective: a key of ``OBJECTIVES``.
        logits_real: the discriminator's logits of real samples, a tensor or one tensor a scale.
        logits_fake: its logits of generated samples (made from detached samples by the caller). The
            relativistic objective pairs them with the reals and needs equal shapes.
        smoothing: which targets to soften.

    Returns:
        Scalar, float32 (float64 for float64 logits).

    Raises:
        ValueError: unknown objective or smoothing, smoothing for an objective without labels, a
            different number of scales, or pairs of unequal shape.
    """
    chosen = _objective(objective)
    target_real, target_fake = _targets(objective, chosen, smoothing)
    losses = [
        chosen.discriminator(real, fake, target_real, target_fake)
        for real, fake in _paired_scales(logits_real, logits_fake)
    ]
    return torch.stack(losses).mean()


def generator_loss(
    objective: str, logits_fake: Logits, logits_real: Logits | None = None
) -> Tensor:
    """The loss that the generator minimises.

    With r = logits_real, f = logits_fake and sp = softplus, means over samples and patches
    understood:

    ======================  =====================================================================
    minimax                 -sp(f), which is log(1 - D(fake)): saturates at 0 when f is low
    non-saturating          sp(-f), which is -log D(fake)
    least-squares           0.5 (f - c)^2 with c = 1 (Mao et al., eq. 9)
    wasserstein, hinge      -f
    relativistic            sp(-(f - r)) pair by pair
    relativistic-average    sp(-(f - mean r)) + sp(r - mean f), means over the batch given
    ======================  =====================================================================

    Args:
        objective: a key of ``OBJECTIVES``.
        logits_fake: the discriminator's logits of generated samples, a tensor or one tensor a
            scale.
        logits_real: its logits of real samples; needed by the relativistic objectives, unused by
            others.

    Returns:
        Scalar, float32 (float64 for float64 logits).

    Raises:
        ValueError: unknown objective, missing ``logits_real``, a different number of scales, or
            pairs of unequal shape.
    """
    chosen = _objective(objective)
    if not chosen.needs_real:
        losses = [chosen.generator(fake, None) for fake in _scales(logits_fake)]
        return torch.stack(losses).mean()
    if logits_real is None:
        raise ValueError(
            f"objective '{objective}' compares fakes with reals in the generator's loss too: "
            "pass logits_real"
        )
    pairs = _paired_scales(logits_real, logits_fake)
    return torch.stack([chosen.generator(fake, real) for real, fake in pairs]).mean()


# -- the formulas, for one scale ------------------------------------------------------------------


def _cross_entropy(real: Tensor, fake: Tensor, target_real: float, target_fake: float) -> Tensor:
    def towards(logits: Tensor, target: float) -> Tensor:
        return (target * softplus(-logits) + (1 - target) * softplus(logits)).mean()

    return towards(real, target_real) + towards(fake, target_fake)


def _saturating(fake: Tensor, _: Tensor | None) -> Tensor:
    return -softplus(fake).mean()


def _non_saturating(fake: Tensor, _: Tensor | None) -> Tensor:
    return softplus(-fake).mean()


def _least_squares(real: Tensor, fake: Tensor, target_real: float, target_fake: float) -> Tensor:
    return 0.5 * (real - target_real).square().mean() + 0.5 * (fake - target_fake).square().mean()


def _least_squares_generator(fake: Tensor, _: Tensor | None) -> Tensor:
    return 0.5 * (fake - 1).square().mean()


def _wasserstein(real: Tensor, fake: Tensor, _real: float, _fake: float) -> Tensor:
    return fake.mean() - real.mean()


def _hinge(real: Tensor, fake: Tensor, _real: float, _fake: float) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


def _raise_score(fake: Tensor, _: Tensor | None) -> Tensor:
    return -fake.mean()


def _relativistic(higher: Tensor, lower: Tensor) -> Tensor:
    # Broadcasting (B,) with (B, 1) would silently compare every real with every fake.
    if higher.shape != lower.shape:
        raise ValueError(
            "the relativistic objective pairs real i with fake i and needs logits of equal shape, "
            f"not {tuple(higher.shape)} and {tuple(lower.shape)}"
        )
    return softplus(lower - higher).mean()


def _relativistic_average(higher: Tensor, lower: Tensor) -> Tensor:
    return softplus(lower.mean() - higher).mean() + softplus(lower - higher.mean()).mean()


def _given(logits: Tensor | None) -> Tensor:
    assert logits is not None  # generator_loss has checked it
    return logits


OBJECTIVES: dict[str, Objective] = {
    "minimax": Objective(
        _cross_entropy,
        _saturating,
        has_labels=True,
    ),
    "non-saturating": Objective(
        _cross_entropy,
        _non_saturating,
        has_labels=True,
    ),
    "least-squares": Objective(
        _least_squares,
        _least_squares_generator,
        has_labels=True,
    ),
    "wasserstein": Objective(
        _wasserstein,
        _raise_score,
    ),
    "hinge": Objective(
        _hinge,
        _raise_score,
    ),
    "relativistic": Objective(
        lambda real, fake, _real, _fake: _relativistic(real, fake),
        lambda fake, real: _relativistic(fake, _given(real)),
        needs_real=True,
    ),
    "relativistic-average": Objective(
        lambda real, fake, _real, _fake: _relativistic_average(real, fake),
        lambda fake, real: _relativistic_average(fake, _given(real)),
        needs_real=True,
    ),
}
"""Name of each objective -> its formulas; ``multigan.config.objectives`` has the names alone."""


# -- arguments ------------------------------------------------------------------------------------


def _objective(name: str) -> Objective:
    if name in OBJECTIVES:
        return OBJECTIVES[name]
    close = get_close_matches(name, OBJECTIVES, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"choose one of {', '.join(OBJECTIVES)}"
    raise ValueError(f"unknown objective '{name}'; {hint}")


def _targets(name: str, objective: Objective, smoothing: str) -> tuple[float, float]:
    targets = {"none": (1.0, 0.0), "one-sided": (0.9, 0.0), "two-sided": (0.9, 0.1)}
    if smoothing not in targets:
        raise ValueError(
            f"unknown label smoothing '{smoothing}'; choose one of {', '.join(targets)}"
        )
    if smoothing != "none" and not objective.has_labels:
        labelled = ", ".join(key for key, each in OBJECTIVES.items() if each.has_labels)
        raise ValueError(
            f"objective '{name}' has no labels to smooth: set the smoothing to 'none', "
            f"or choose an objective with labels ({labelled})"
        )
    return targets[smoothing]


def _scales(logits: Logits) -> list[Tensor]:
    scales = [logits] if isinstance(logits, Tensor) else list(logits)
    if not scales:
        raise ValueError("an empty list of logits has no loss: pass one tensor a scale")
    return [full_precision(scale) for scale in scales]


def _paired_scales(logits_real: Logits, logits_fake: Logits) -> list[tuple[Tensor, Tensor]]:
    real, fake = _scales(logits_real), _scales(logits_fake)
    if len(real) != len(fake):
        raise ValueError(
            f"logits_real has {len(real)} scales and logits_fake {len(fake)}: "
            "both must come from the same discriminator"
        )
    return list(zip(real, fake, strict=True))
