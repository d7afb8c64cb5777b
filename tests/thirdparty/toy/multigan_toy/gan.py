from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.losses.adversarial import discriminator_loss, generator_loss
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step
from multigan_toy.networks import MLP
from multigan_toy.recipe import ToyRecipe

LATENTS = 4


class Ring(Dataset[dict[str, Tensor]]):
    """Points on the unit circle, with noise that must come back after a resume."""

    def __init__(self, points: int) -> None:
        self.points = points

    def __len__(self) -> int:
        return self.points

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        angle = 2 * math.pi * index / self.points
        point = torch.tensor([math.cos(angle), math.sin(angle)])
        return {"point": point + 0.01 * torch.randn(2)}


class ToyGAN:
    def __init__(self, recipe: ToyRecipe) -> None:
        self.recipe = recipe
        model = recipe.model
        self.networks = nn.ModuleDict(
            {
                "generator": MLP(LATENTS, model.hidden, 2, batchnorm=model.batchnorm),
                "discriminator": MLP(2, model.hidden, 1),
            }
        )
        self.memory = nn.ModuleDict()
        self.groups = {"generator": ("generator",), "discriminator": ("discriminator",)}
        self.averaged = ("generator",)

    def stages(self) -> tuple[Stage, ...]:
        discriminator = Phase("discriminator", "discriminator", self.discriminator, repeat=2)
        generator = Phase("generator", "generator", self.generator)
        return (
            Stage("pretraining", self.recipe.steps.pretraining, (discriminator,)),
            Stage("adversarial", self.recipe.steps.adversarial, (discriminator, generator)),
        )

    def dataset(self) -> Dataset[Any]:
        return Ring(self.recipe.points)

    def discriminator(self, batch: Batch, step: Step) -> Losses:
        real = batch["point"]
        with torch.no_grad():
            fake = self.networks["generator"](step.noise.normal(len(real), LATENTS))
        critic = self.networks["discriminator"]
        return {"adversarial": discriminator_loss("non-saturating", critic(real), critic(fake))}

    def generator(self, batch: Batch, step: Step) -> Losses:
        fake = self.networks["generator"](step.noise.normal(len(batch["point"]), LATENTS))
        loss = generator_loss("non-saturating", self.networks["discriminator"](fake))
        if self.recipe.model.explode_at >= 0 and step.index >= self.recipe.model.explode_at:
            loss = loss * float("nan")
        return {"adversarial": loss}

    def preview(self, networks: Any, noise: Noise) -> Preview:
        points = networks["generator"](noise.normal(8, LATENTS))
        return Preview(texts=[f"{x:.3f} {y:.3f}" for x, y in points.tolist()])

    def evaluate(self, networks: Any, noise: Noise) -> dict[str, float]:
        points = networks["generator"](noise.normal(64, LATENTS))
        return {"radius": float(points.norm(dim=1).mean())}

    def model(self) -> dict[str, Any]:
        return {"networks": ["generator"], "latents": LATENTS}
