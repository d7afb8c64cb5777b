from __future__ import annotations

from multigan.config.recipe import Recipe
from multigan.config.sections import Count, OptimizerConfig, Section


class ToyModel(Section):
    hidden: int = 16
    batchnorm: bool = False
    explode_at: int = -1


class ToySteps(Section):
    pretraining: Count = 5
    adversarial: Count = 20


class ToyOptimizers(Section):
    generator: OptimizerConfig = OptimizerConfig(lr=1e-3)
    discriminator: OptimizerConfig = OptimizerConfig(lr=1e-3)


class ToyRecipe(Recipe):
    points: int = 256
    model: ToyModel = ToyModel()
    steps: ToySteps = ToySteps()
    optimizers: ToyOptimizers = ToyOptimizers()
