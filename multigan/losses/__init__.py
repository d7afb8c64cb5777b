"""Losses, penalties and histories: pure functions of tensors, each tested against a closed form."""

from __future__ import annotations

from multigan.losses.adversarial import (
    OBJECTIVES,
    Logits,
    Objective,
    discriminator_loss,
    generator_loss,
)
from multigan.losses.contrastive import patch_nce
from multigan.losses.history import GradientHistory, ParameterHistory, historical_averaging
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
from multigan.losses.reconstruction import (
    content_loss,
    cycle_loss,
    edge_loss,
    feature_matching,
    gram_matrix,
    identity_loss,
    style_loss,
    total_variation,
)

__all__ = [
    "OBJECTIVES",
    "GradientHistory",
    "Logits",
    "Objective",
    "ParameterHistory",
    "clip_weights_",
    "content_loss",
    "cycle_loss",
    "discriminator_loss",
    "double_backward",
    "dragan_penalty",
    "edge_loss",
    "feature_matching",
    "generator_loss",
    "gradient_penalty",
    "gram_matrix",
    "historical_averaging",
    "identity_loss",
    "patch_nce",
    "path_length_constraint",
    "path_length_penalty",
    "r1_penalty",
    "r2_penalty",
    "style_loss",
    "total_variation",
]
