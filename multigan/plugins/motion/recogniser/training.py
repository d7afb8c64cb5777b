"""Training a recogniser: no adversary, so one network and one phase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import Dataset

from multigan.errors import DataError
from multigan.plugins.motion.data import Windows, open_clips
from multigan.plugins.motion.networks.recogniser import MotionRecogniser
from multigan.plugins.motion.recipe import RecogniserRecipe
from multigan.plugins.motion.statistics import scale_of, spread
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

LOOKED_AT = 1000  # windows


class RecogniserTraining:
    """Learns to name windows, and to redraw them from a few numbers.

    Raises:
        DataError: fewer than two actions, or no windows.
    """

    def __init__(self, recipe: RecogniserRecipe) -> None:
        self.recipe = recipe
        clips = open_clips(recipe.data)
        self.codec, self.actions = clips.codec, clips.actions
        if len(self.actions) < 2:
            raise DataError(
                f"{recipe.data.source}: {len(self.actions)} action; a recogniser needs two at "
                "least, each a folder of clips"
            )
        kind: dict[str, Any] = {"frames": recipe.data.window, "mirror": recipe.data.mirror}
        self.windows = Windows(clips.train, self.codec, self.actions, **kind)
        usable = [m for m in clips.held_out if len(m) >= recipe.data.window]
        present = sorted({motion.action for motion in usable})
        self.held_out = Windows(usable, self.codec, present, **kind) if usable else None
        self.present = torch.tensor([self.actions.index(name) for name in present])
        self.network = network = MotionRecogniser(
            seen=self.codec.seen_width,
            classes=len(self.actions),
            frames=recipe.data.window,
            width=recipe.model.width,
            features=recipe.model.features,
        )
        some = self.windows.batch(spread(len(self.windows), LOOKED_AT))["motion"]
        mean_C, std_C = scale_of(self.codec.seen(some)[0])
        network.mean_C.copy_(mean_C)
        network.std_C.copy_(std_C)
        self.networks = nn.ModuleDict({"recogniser": network})
        self.memory = nn.ModuleDict()
        self.groups = {"recogniser": ("recogniser",)}
        self.averaged = ("recogniser",)

    def stages(self) -> tuple[Stage, ...]:
        """One stretch."""
        phase = Phase("recogniser", "recogniser", self.recognise)
        return (Stage("training", self.recipe.steps.training, (phase,)),)

    def recognise(self, batch: Batch, step: Step) -> Losses:
        """Cross-entropy and squared error, from windows with noise on them."""
        network, loss = self.network, self.recipe.loss
        clean_BTC = network.normalised(self.codec.seen(batch["motion"])[0])
        noisy_BTC = clean_BTC + loss.noise * step.noise.normal(*clean_BTC.shape)
        features_BE = network(noisy_BTC)
        losses = {"cross-entropy": F.cross_entropy(network.logits(features_BE), batch["label"])}
        if loss.reconstruction:
            error = F.mse_loss(network.redrawn(features_BE), clean_BTC)
            losses["reconstruction"] = loss.reconstruction * error
        return losses

    def dataset(self) -> Dataset[Any]:
        """Windows of all clips but those that are held out."""
        return self.windows

    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Nothing to see."""
        return Preview()

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Accuracy and error on held-out clips."""
        if self.held_out is None:
            return {}
        network: Any = networks["recogniser"]
        chosen = spread(len(self.held_out), LOOKED_AT)
        batch = self.held_out.batch(chosen)
        x_NTC = network.normalised(self.codec.seen(batch["motion"].to(noise.generator.device))[0])
        features_NE = network(x_NTC)
        found_N = network.logits(features_NE).argmax(1).cpu()
        right = found_N == self.present[batch["label"]]
        return {
            "action-accuracy": float(right.float().mean()),
            "motion-reconstruction": float(F.mse_loss(network.redrawn(features_NE), x_NTC)),
        }

    def model(self) -> dict[str, Any]:
        """The network, what it calls the actions, and how motions are put into numbers."""
        return {
            "networks": ["recogniser"],
            "actions": list(self.actions),
            "codec": self.codec.facts(),
        }
