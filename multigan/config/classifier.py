"""What the recipes of all classifiers can say; a modality adds its data, network and variation."""

from __future__ import annotations

from pydantic import PositiveInt

from multigan.config.recipe import Recipe
from multigan.config.sections import EMAConfig, OptimizerConfig, Section


class ClassifierSteps(Section):
    """Length of the stage."""

    training: PositiveInt = 1000


class ClassifierOptimizers(Section):
    """One network, one optimiser."""

    classifier: OptimizerConfig = OptimizerConfig(
        name="adamw", lr=3e-3, betas=(0.9, 0.99), weight_decay=0.01, schedule="cosine", warmup=50
    )


class ClassifierRecipe(Recipe):
    """A classifier of something."""

    ema: EMAConfig = EMAConfig(decay=0.99)
    steps: ClassifierSteps = ClassifierSteps()
    optimizers: ClassifierOptimizers = ClassifierOptimizers()
