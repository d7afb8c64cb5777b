"""A classifier that learns from few labels and many pictures (Salimans et al. 2016).

The step, in the order in which it is played:

    classifier      names the labelled pictures, and tells unlabelled ones from generated ones
    generator       matches the mean features of unlabelled pictures, or raises the verdicts

What is learnt from pictures without labels is that each of them belongs to some class, and the
generated ones near them to none: borders between classes move into the gaps. The generator need not
be good for it; one that matches features makes poorer pictures than one that fools, and teaches the
classifier more (section 5 of the paper).

Shape suffixes: B pictures, C channels, H and W pixels, D features, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.losses.adversarial import discriminator_loss, generator_loss
from multigan.plugins.image.adversarial.data import CHANNELS
from multigan.plugins.image.adversarial.memory import mean_over_processes
from multigan.plugins.image.classifier.training import in_batches, moved
from multigan.plugins.image.networks.dcgan import DCGANGenerator
from multigan.plugins.image.semi_supervised.data import open_few_labels
from multigan.plugins.image.semi_supervised.losses import mean_matching, realness
from multigan.plugins.image.semi_supervised.network import NoisyClassifier
from multigan.plugins.image.semi_supervised.recipe import SemiSupervisedRecipe
from multigan.training.classification import accuracy
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 64


class SemiSupervisedGAN:
    """Trains a classifier against a generator; without the unlabelled term, the classifier alone.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such pictures, or too few with labels.
    """

    def __init__(self, recipe: SemiSupervisedRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.data, self.held_out = open_few_labels(recipe.data, seed=recipe.seed)
        self.classes = self.held_out.classes
        model = recipe.model
        shape: dict[str, Any] = {
            "size": recipe.data.size,
            "channels": CHANNELS[recipe.data.colours],
        }
        self.classifier = NoisyClassifier(
            **shape,
            classes=len(self.classes),
            width=model.classifier_width,
            features=model.features,
            noise=model.noise,
            dropout=model.dropout,
        )
        self.networks = nn.ModuleDict({"classifier": self.classifier})
        if self.loss.unlabelled:
            self.generator = DCGANGenerator(**shape, latents=model.latents, width=model.width)
            self.networks["generator"] = self.generator
        self.memory = nn.ModuleDict()
        self.groups = {name: (name,) for name in self.networks}
        self.averaged = tuple(self.networks)

    def stages(self) -> tuple[Stage, ...]:
        """One stage; see the top of the file."""
        phases = [Phase("classifier", "classifier", self.classify)]
        if self.loss.unlabelled:
            phases.append(Phase("generator", "generator", self.generate, fresh=False))
        return (Stage("training", self.recipe.steps.training, tuple(phases)),)

    # The phases -----------------------------------------------------------------------------------

    def classify(self, batch: Batch, step: Step) -> Losses:
        """The class of the few, real or generated for all others."""
        labelled_BCHW = moved(batch["labelled"], step.noise, self.recipe.augment)
        if not self.loss.unlabelled:
            return {"classes": F.cross_entropy(self.classifier(labelled_BCHW), batch["label"])}
        batch["image"] = moved(batch["image"], step.noise, self.recipe.augment)
        fake_BCHW = self._generate(len(batch["image"]), step.noise).detach()
        everything = torch.cat([labelled_BCHW, batch["image"], fake_BCHW.to(labelled_BCHW.dtype)])
        labelled_BK, real_BK, fake_BK = self.classifier(everything).chunk(3)
        adversarial = discriminator_loss("non-saturating", realness(real_BK), realness(fake_BK))
        return {
            "classes": F.cross_entropy(labelled_BK, batch["label"]),
            "adversarial": self.loss.unlabelled * adversarial,
        }

    def generate(self, batch: Batch, step: Step) -> Losses:
        """The generator comes nearer to the pictures without labels."""
        fake_BCHW = self._generate(len(batch["image"]), step.noise)
        if self.loss.generator == "adversarial":
            verdicts_B1 = realness(self.classifier(fake_BCHW))
            return {"adversarial": generator_loss("non-saturating", verdicts_B1)}
        with torch.no_grad():
            real_BD = self.classifier.features(batch["image"])
        difference_D = (self.classifier.features(fake_BCHW) - real_BD).mean(0)
        # The means are of all processes' pictures; the gradient flows through this one's.
        others_D = mean_over_processes(difference_D.detach()) - difference_D.detach()
        return {"feature-matching": mean_matching(difference_D + others_D)}

    def _generate(self, count: int, noise: Noise) -> Tensor:
        return self.generator(noise.normal(count, self.recipe.model.latents))

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """Pictures without labels, and the few with them."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """The same latents every time; without a generator, nothing."""
        if "generator" not in networks:
            return Preview()
        latents_BZ = noise.normal(SHOWN, self.recipe.model.latents)
        made_BCHW = networks["generator"](latents_BZ).float()
        return Preview(images=made_BCHW.add(1).div(2).clamp(0, 1).cpu())

    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Accuracy on the held-out pictures."""
        return accuracy(networks["classifier"], in_batches(self.held_out), shown="image")

    def model(self) -> dict[str, Any]:
        """The classifier, what it calls its classes, and the generator if there is one."""
        return {
            "networks": list(self.networks),
            "classes": list(self.classes),
            "size": self.recipe.data.size,
            "colours": self.recipe.data.colours,
        }
