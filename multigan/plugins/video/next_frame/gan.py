"""Going on with films: near to what really came, and possible to a judge of clips.

Distances alone predict a mean of all that could come, a blur; a judge of the whole clip, past
included, asks for one of them (Mathieu et al., "Deep multi-scale video prediction beyond mean
square error", ICLR 2016). Predictions are fed back in training as they are in use, so that errors
do not pile up unseen. The baseline to beat repeats the last frame.

Shape suffixes: B clips, T frames, C channels, H and W pixels, V verdicts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.metrics.psnr import psnr
from multigan.plugins.video.clips.dataset import Clips, open_clips
from multigan.plugins.video.networks.discriminators import ClipDiscriminator
from multigan.plugins.video.networks.predictor import FramePredictor
from multigan.plugins.video.next_frame.recipe import NextFrameRecipe
from multigan.plugins.video.writing import preview_of
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 4
CHUNK = 16


class NextFrame:
    """Trains a predictor of frames.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such clips.
    """

    def __init__(self, recipe: NextFrameRecipe) -> None:
        self.recipe, self.loss, self.past = recipe, recipe.loss, recipe.model.past
        data, model = recipe.data, recipe.model
        self.data = open_clips(data, labelled=False)
        self.predictor = FramePredictor(
            size=data.size,
            past=model.past,
            noise=model.noise,
            width=model.width,
            widest=model.widest,
        )
        self.discriminator = ClipDiscriminator(
            size=data.size,
            width=model.discriminator_width,
            widest=model.widest,
            spectral=model.spectral_norm,
        )
        self.networks = nn.ModuleDict(
            {"predictor": self.predictor, "discriminator": self.discriminator}
        )
        self.memory = nn.ModuleDict()
        self.groups = {"generator": ("predictor",), "discriminator": ("discriminator",)}
        self.averaged = ("predictor",)
        self._held_out: Clips | None = None

    def stages(self) -> tuple[Stage, ...]:
        """The game."""
        phases = (
            Phase("discriminator", "discriminator", self.judge),
            Phase("generator", "generator", self.predict, fresh=False),
        )
        return (Stage("adversarial", self.recipe.steps.adversarial, phases),)

    def judge(self, batch: Batch, step: Step) -> Losses:
        """The judge tells real clips from those that were gone on with."""
        with torch.no_grad():
            fake_BTCHW = self._continued(self.predictor, batch["video"], step.noise)
        real_BV, fake_BV = self._verdicts(batch["video"], fake_BTCHW)
        return {"adversarial": discriminator_loss(self.loss.objective, real_BV, fake_BV)}

    def predict(self, batch: Batch, step: Step) -> Losses:
        """The predictor goes on with the past, near to what came and so that it seems real."""
        real_BTCHW = batch["video"]
        fake_BTCHW = self._continued(self.predictor, real_BTCHW, step.noise)
        real_BV, fake_BV = self._verdicts(real_BTCHW, fake_BTCHW)
        compared = real_BV if OBJECTIVES[self.loss.objective].needs_real else None
        made, came = fake_BTCHW[:, self.past :].float(), real_BTCHW[:, self.past :]
        adversarial = generator_loss(self.loss.objective, fake_BV, compared)
        return {
            "l1": self.loss.l1 * F.l1_loss(made, came),
            "l2": self.loss.l2 * F.mse_loss(made, came),
            "adversarial": self.loss.adversarial * adversarial,
        }

    def _continued(self, predictor: nn.Module, real_BTCHW: Tensor, noise: Noise) -> Tensor:
        """The past of real clips and predictions for the rest."""
        past_BPCHW = real_BTCHW[:, : self.past]
        B, T = len(real_BTCHW), real_BTCHW.shape[1] - self.past
        made_BTCHW = predictor(past_BPCHW, noise.normal(B, T, self.recipe.model.noise))
        return torch.cat([past_BPCHW, made_BTCHW], dim=1)

    def _verdicts(self, real_BTCHW: Tensor, fake_BTCHW: Tensor) -> tuple[Tensor, Tensor]:
        """On real and fake clips in one pass."""
        both = torch.cat([real_BTCHW, fake_BTCHW.to(real_BTCHW.dtype)])
        real_BV, fake_BV = self.discriminator(both).chunk(2)
        return real_BV, fake_BV

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """The training clips."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Rows in pairs: a held-out clip, and its beginning gone on with."""
        real_BTCHW = self._some(0, SHOWN, noise.generator.device)
        made_BTCHW = self._continued(networks["predictor"], real_BTCHW, noise).float()
        rows = torch.stack([real_BTCHW, made_BTCHW], dim=1).flatten(0, 1)
        return preview_of(rows.cpu(), rate=self.data.rate())

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """On held-out clips, beside repeating the last frame: see the plugin's manifest."""
        scores: dict[str, float] = defaultdict(float)
        count = min(self.recipe.evaluate.samples, len(self.held_out))
        for start in range(0, count, CHUNK):
            real_BTCHW = self._some(start, min(start + CHUNK, count), noise.generator.device)
            made_BTCHW = self._continued(networks["predictor"], real_BTCHW, noise).float()
            came, made = (_unit(x[:, self.past :]) for x in (real_BTCHW, made_BTCHW))
            last = _unit(real_BTCHW[:, self.past - 1 : self.past]).expand_as(came)
            for name, guess in (("", made), ("-copy", last)):
                decibels_N = psnr(guess.flatten(0, 1), came.flatten(0, 1))
                # Where nothing moves a copy is perfect; 60 decibels stand for that.
                scores[f"psnr{name}"] += float(decibels_N.clamp(max=60).mean()) * len(came)
                scores[f"squared-error{name}"] += float(F.mse_loss(guess, came)) * len(came)
        return {name: value / count for name, value in scores.items()}

    @property
    def held_out(self) -> Clips:
        """Clips that are never trained on, where the data has any."""
        if self._held_out is None:
            data = self.recipe.data
            kept = data.held_out or data.source.startswith("builtin:")
            split = "validation" if kept else "train"
            self._held_out = open_clips(data, labelled=False, split=split)
        return self._held_out

    def model(self) -> dict[str, Any]:
        """The predictor, and how fast its films are."""
        return {"networks": ["predictor"], "rate": self.data.rate()}

    def _some(self, start: int, stop: int, device: torch.device) -> Tensor:
        clips = self.held_out
        # Spread over the films, however they are sorted.
        order = torch.randperm(len(clips), generator=torch.Generator().manual_seed(0))
        some = [clips.plain(int(i))["video"] for i in order[start:stop]]
        return torch.stack(some).to(device)


def _unit(x: Tensor) -> Tensor:
    return x.add(1).div(2).clamp(0, 1)
