"""Action Extractor and Motion Generator: actions of one clip, looks of another picture.

The extractor turns a clip into a few numbers a frame, the animator makes a clip of them and of a
portrait: a random frame of the same film, or of another film of the same character. At first they
only learn to make clips again; then comes the game. A step of it:

    discriminators   judge real clips and swapped ones: a clip's actions, the next one's portrait
    generator        the extractor learns from the first, the animator from all:
                       reconstruction   own portrait and own actions give the clip again
                       frames, clips    swapped clips look real
                       cycle            the actions read off a swapped clip are those it was given
                       content          its frames look like its portrait to the animator's encoder

Afterwards a small recurrent generator learns to make sequences of actions from noise, against a
critic under WGAN-GP (Gulrajani et al. 2017) that sees those extracted from real clips.

Shape suffixes: B clips, T frames, C channels, H and W pixels, A actions, F features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import gradient_penalty
from multigan.plugins.video.animate.evaluation import Transfer
from multigan.plugins.video.animate.recipe import AnimateRecipe
from multigan.plugins.video.clips.dataset import open_clips
from multigan.plugins.video.networks.actions import (
    ActionCritic,
    ActionExtractor,
    ActionGenerator,
    Animator,
)
from multigan.plugins.video.networks.discriminators import ClipDiscriminator, FrameDiscriminator
from multigan.plugins.video.writing import preview_of
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 4  # pairs in a preview


class Animate:
    """Trains an extractor of actions and an animator of pictures.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such clips.
    """

    def __init__(self, recipe: AnimateRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        data, model = recipe.data, recipe.model
        self.data = open_clips(data, labelled=False, portraits=True)
        shape: dict[str, Any] = {"size": data.size, "widest": model.widest}
        self.extractor = ActionExtractor(actions=model.actions, width=model.width, **shape)
        self.animator = Animator(
            actions=model.actions, motion=model.motion, width=model.width, **shape
        )
        judges = {**shape, "width": model.discriminator_width, "spectral": model.spectral_norm}
        self.of_frames, self.of_clips = FrameDiscriminator(**judges), ClipDiscriminator(**judges)
        self.actor = ActionGenerator(
            actions=model.actions, noise=model.motion_noise, motion=model.motion
        )
        self.critic = ActionCritic(actions=model.actions)
        self.networks = nn.ModuleDict(
            {
                "extractor": self.extractor,
                "animator": self.animator,
                "frame-discriminator": self.of_frames,
                "clip-discriminator": self.of_clips,
                "action-generator": self.actor,
                "action-critic": self.critic,
            }
        )
        self.memory = nn.ModuleDict()
        self.groups = {
            "reconstruction": ("extractor", "animator"),
            "generator": ("extractor", "animator"),
            "discriminators": ("frame-discriminator", "clip-discriminator"),
            "action_generator": ("action-generator",),
            "action_critic": ("action-critic",),
        }
        self.averaged = ("extractor", "animator", "action-generator")
        self._transfer: Transfer | None = None

    def stages(self) -> tuple[Stage, ...]:
        """Reconstruction, the game of clips, the game of actions."""
        steps = self.recipe.steps
        return (
            Stage(
                "reconstruction",
                steps.reconstruction,
                (Phase("reconstruction", "reconstruction", self.reconstruct),),
            ),
            Stage(
                "adversarial",
                steps.adversarial,
                (
                    Phase("discriminators", "discriminators", self.judge),
                    Phase("generator", "generator", self.animate, fresh=False),
                ),
            ),
            Stage(
                "actions",
                steps.actions,
                (
                    Phase("critic", "action_critic", self.criticise, repeat=self.loss.critic_steps),
                    Phase("actions", "action_generator", self.act, fresh=False),
                ),
            ),
        )

    # The phases -----------------------------------------------------------------------------------

    def reconstruct(self, batch: Batch, step: Step) -> Losses:
        """Own portrait and own actions are to give the clip again."""
        actions_BTA = self.extractor(batch["video"])
        own_BTCHW = self.animator(batch["portrait"], actions_BTA)
        distance = F.l1_loss(own_BTCHW.float(), batch["video"])
        return {"reconstruction": self.loss.reconstruction * distance}

    def judge(self, batch: Batch, step: Step) -> Losses:
        """Both judges tell real clips from swapped ones."""
        real_BTCHW = batch["video"]
        with torch.no_grad():
            swapped_BTCHW = self.animator(_next(batch["portrait"]), self.extractor(real_BTCHW))
        losses = {}
        for kind, real_B1, fake_B1 in self._verdicts(real_BTCHW, swapped_BTCHW, step.noise):
            losses[kind] = discriminator_loss(self.loss.objective, real_B1, fake_B1)
        return losses

    def animate(self, batch: Batch, step: Step) -> Losses:
        """Extractor and animator, see the top of the file."""
        loss, real_BTCHW, portrait_BCHW = self.loss, batch["video"], batch["portrait"]
        actions_BTA = self.extractor(real_BTCHW)
        own_BTCHW = self.animator(portrait_BCHW, actions_BTA)
        # The extractor learns from the reconstruction alone: actions that are always the same would
        # please every other term.
        swapped_BTCHW = self.animator(_next(portrait_BCHW), actions_BTA.detach())
        losses = {"reconstruction": loss.reconstruction * F.l1_loss(own_BTCHW.float(), real_BTCHW)}
        compares = OBJECTIVES[loss.objective].needs_real
        for kind, real_B1, fake_B1 in self._verdicts(real_BTCHW, swapped_BTCHW, step.noise):
            adversarial = generator_loss(loss.objective, fake_B1, real_B1 if compares else None)
            losses[kind] = loss.adversarial * adversarial
        self.extractor.requires_grad_(False)
        again_BTA = self.extractor(swapped_BTCHW)
        self.extractor.requires_grad_(True)
        losses["cycle"] = loss.cycle * F.mse_loss(again_BTA.float(), actions_BTA.detach().float())
        painter = self.animator.painter
        seen_NF = painter.content(swapped_BTCHW.flatten(0, 1))
        with torch.no_grad():
            wanted_BF = painter.content(_next(portrait_BCHW))
        wanted_NF = wanted_BF.repeat_interleave(real_BTCHW.shape[1], dim=0)
        losses["content"] = loss.content * F.l1_loss(seen_NF.float(), wanted_NF.float())
        return losses

    def criticise(self, batch: Batch, step: Step) -> Losses:
        """The critic of actions, under WGAN-GP."""
        with torch.no_grad():
            real_BTA = self.extractor(batch["video"]).float()
            B, T = real_BTA.shape[:2]
            fake_BTA = self._actions(B, T, step.noise)
        slope = gradient_penalty(
            self.critic.forward,
            real=real_BTA,
            fake=fake_BTA,
            alpha=step.noise.uniform(len(real_BTA)),
        )
        return {
            "wasserstein": self.critic(fake_BTA).float().mean()
            - self.critic(real_BTA).float().mean(),
            "gradient-penalty": self.loss.gradient_penalty * slope,
        }

    def act(self, batch: Batch, step: Step) -> Losses:
        """Actions from noise raise the critic's verdict."""
        B, T = batch["video"].shape[:2]
        verdict_B1 = self.critic(self._actions(B, T, step.noise))
        return {"wasserstein": -verdict_B1.float().mean()}

    # What they are made of ------------------------------------------------------------------------

    def _actions(self, count: int, frames: int, noise: Noise) -> Tensor:
        numbers_BTE = noise.normal(count, frames + 1, self.recipe.model.motion_noise)
        actions_BTA: Tensor = self.actor(numbers_BTE)
        return actions_BTA

    def _verdicts(
        self, real_BTCHW: Tensor, fake_BTCHW: Tensor, noise: Noise
    ) -> list[tuple[str, Tensor, Tensor]]:
        """On a random frame of each clip, and on the clips, real and fake in one pass."""
        B, T = real_BTCHW.shape[:2]
        both = torch.cat([real_BTCHW, fake_BTCHW.to(real_BTCHW.dtype)])
        chosen_B = torch.cat([noise.integers(T, B), noise.integers(T, B)])
        frames = both[torch.arange(2 * B, device=both.device), chosen_B]
        found: list[tuple[str, Tensor, Tensor]] = []
        for kind, judge, given in (
            ("frames", self.of_frames, frames),
            ("clips", self.of_clips, both),
        ):
            real_B1, fake_B1 = judge(given).chunk(2)
            found.append((kind, real_B1, fake_B1))
        return found

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """The training clips, each with a portrait."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Rows in pairs: a clip, and the next clip's portrait doing the same."""
        count = min(SHOWN, len(self.data))
        chosen = torch.linspace(0, len(self.data) - 1, count).long().tolist()
        clips = [self.data.plain(i)["video"] for i in chosen]
        real_BTCHW = torch.stack(clips).to(noise.generator.device)
        actions_BTA = networks["extractor"](real_BTCHW)
        made_BTCHW = networks["animator"](_next(real_BTCHW[:, 0]), actions_BTA).float()
        rows = torch.stack([real_BTCHW, made_BTCHW], dim=1).flatten(0, 1)
        return preview_of(rows.cpu(), rate=self.data.rate())

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Reconstruction and transfer on held-out clips; see the plugin's manifest."""
        if self._transfer is None:
            config = self.recipe.evaluate
            self._transfer = Transfer(config, self.recipe.data, device=noise.generator.device)
        return self._transfer(networks["extractor"], networks["animator"])

    def model(self) -> dict[str, Any]:
        """Extractor, animator, and if trained the generator of actions."""
        names = ["extractor", "animator"]
        if self.recipe.steps.actions:
            names.append("action-generator")
        return {"networks": names, "frames": self.recipe.data.frames, "rate": self.data.rate()}


def _next(x_B: Tensor) -> Tensor:
    """Of every clip in a batch what belongs to the next one."""
    return x_B.roll(-1, dims=0)
