"""A generator of motions and a critic of everything that shows in them.

The generator makes rotations, the movement of the root, and says when feet stand. Forward
kinematics turns that into joints, and the critic sees both, so that gradients come from where hands
and feet are and how they move, while no bone can change its length.

One step: the critic is trained `critic_steps` times, each on a new batch; then the generator. Of
the motions that are generated, a share begins anywhere, and the rest goes on from the first poses
of real windows; the critic sees those poses before them, and so the seam.

Shape suffixes: B motions, T frames, F numbers of a frame, C numbers that the critic sees, P given
frames, Z latents.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import gradient_penalty, r1_penalty, r2_penalty
from multigan.plugins.motion.data import Windows, open_clips
from multigan.plugins.motion.evaluation import Evaluation
from multigan.plugins.motion.exhibit import write_exhibit
from multigan.plugins.motion.networks.convolutional import ConvolutionalGenerator
from multigan.plugins.motion.networks.critic import MotionCritic
from multigan.plugins.motion.networks.parts import MotionGenerator
from multigan.plugins.motion.networks.recurrent import RecurrentGenerator
from multigan.plugins.motion.planting import planted
from multigan.plugins.motion.recipe import MotionRecipe
from multigan.plugins.motion.showing import shown_film, shown_sheet
from multigan.plugins.motion.skeleton import Motion
from multigan.plugins.motion.statistics import scale_of, spread
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 6  # motions on a preview
LONG = 2  # windows that a shown motion lasts


class MotionGAN:
    """Trains a generator of motions.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such clips, or they are too short or of different skeletons.
    """

    def __init__(self, recipe: MotionRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.clips = open_clips(recipe.data)
        self.codec, self.actions = self.clips.codec, self.clips.actions
        self.frames, self.past = recipe.data.window, recipe.model.past
        self.windows = Windows(
            self.clips.train, self.codec, self.actions,
            frames=self.frames, mirror=recipe.data.mirror,
        )  # fmt: skip
        self.generator = self._build_generator()
        self.critic = MotionCritic(
            seen=self.codec.seen_width,
            classes=len(self.actions),
            width=recipe.model.critic_width,
        )
        x_BTF = self.windows.batch(spread(len(self.windows), 1000))["motion"]
        mean_F, std_F = scale_of(x_BTF)
        self.generator.mean_F.copy_(mean_F)
        self.generator.std_F.copy_(std_F)
        mean_C, std_C = scale_of(self.codec.seen(x_BTF)[0])
        self.critic.mean_C.copy_(mean_C)
        self.critic.std_C.copy_(std_C)
        self.networks = nn.ModuleDict({"generator": self.generator, "critic": self.critic})
        self.memory = nn.ModuleDict()
        self.groups = {
            "generator": ("generator",),
            "critic": ("critic",),
            "pretraining": ("generator",),
        }
        self.averaged = ("generator",)
        self._evaluation: Evaluation | None = None

    def stages(self) -> tuple[Stage, ...]:
        """If wanted a pretraining; then the game."""
        game = (
            Phase("critic", "critic", self.judge, repeat=self.loss.critic_steps),
            Phase("generator", "generator", self.fool, fresh=False),
        )
        stages = [Stage("adversarial", self.recipe.steps.adversarial, game)]
        if self.recipe.steps.pretraining:
            phase = Phase("pretraining", "pretraining", self.follow)
            stages.insert(0, Stage("pretraining", self.recipe.steps.pretraining, (phase,)))
        return tuple(stages)

    # The phases -----------------------------------------------------------------------------------

    def judge(self, batch: Batch, step: Step) -> Losses:
        """The critic tells real windows from generated ones."""
        real_BTF, labels_B = batch["motion"], batch["label"]
        with torch.no_grad():
            real_BTC = self.critic.normalised(self.codec.seen(real_BTF)[0])
            fake_BTC, _, _ = self._fake(real_BTF, labels_B, step.noise)
        batch["real"] = real_BTC
        logits_real, logits_fake = self.critic(
            torch.cat([real_BTC, fake_BTC]), torch.cat([labels_B, labels_B])
        ).chunk(2)
        loss = self.loss
        losses = {
            "adversarial": discriminator_loss(
                loss.objective, logits_real, logits_fake, smoothing=loss.smoothing
            )
        }

        def verdict(x_BTC: Tensor) -> Tensor:
            # forward: a compiled network has no second derivative.
            return self.critic.forward(x_BTC, labels_B)

        if loss.gradient_penalty:
            alpha = step.noise.uniform(len(real_BTC))
            losses["gradient-penalty"] = loss.gradient_penalty * gradient_penalty(
                verdict, real=real_BTC, fake=fake_BTC, alpha=alpha
            )
        if loss.r1:
            losses["r1"] = loss.r1 * r1_penalty(verdict, real=real_BTC)
        if loss.r2:
            losses["r2"] = loss.r2 * r2_penalty(verdict, fake=fake_BTC)
        return losses

    def fool(self, batch: Batch, step: Step) -> Losses:
        """The generator raises the verdict, and keeps feet still that it says to stand."""
        labels_B = batch["label"]
        fake_BTC, contacts, speeds = self._fake(batch["motion"], labels_B, step.noise)
        logits_fake = self.critic(fake_BTC, labels_B)
        logits_real = None
        if OBJECTIVES[self.loss.objective].needs_real:
            logits_real = self.critic(batch["real"], labels_B)
        losses = {"adversarial": generator_loss(self.loss.objective, logits_fake, logits_real)}
        if self.loss.contact:
            losses["contact"] = self.loss.contact * (contacts * speeds.square()).mean()
        return losses

    def follow(self, batch: Batch, step: Step) -> Losses:
        """Pretraining: continue windows as they really go on; no critic."""
        real_BTF = batch["motion"]
        given_BPF = real_BTF[:, : self.past]
        made_BTF = self._generate(
            self.frames - self.past, len(real_BTF), batch["label"], step.noise, given_BPF
        )
        whole_BTF = torch.cat([given_BPF, made_BTF], dim=1)
        seen_BTC, _ = self.codec.seen(whole_BTF)
        off = self.critic.normalised(seen_BTC) - self.critic.normalised(
            self.codec.seen(real_BTF)[0]
        )
        return {"reconstruction": off[:, self.past :].abs().mean()}

    # What they are made of ------------------------------------------------------------------------

    def _build_generator(self) -> MotionGenerator:
        model = self.recipe.model
        common: dict[str, Any] = {
            "features": self.codec.width,
            "feet": len(self.codec.skeleton.feet),
            "latents": model.latents,
            "noise": model.noise,
            "classes": len(self.actions),
            "past": model.past,
            "width": model.width,
        }
        if model.generator == "recurrent":
            return RecurrentGenerator(**common)
        return ConvolutionalGenerator(**common, carriers=model.carriers, fps=self.codec.fps)

    def _generate(
        self,
        frames: int,
        count: int,
        labels_B: Tensor,
        noise: Noise,
        given_BPF: Tensor | None = None,
        generator: nn.Module | None = None,
    ) -> Tensor:
        latents_BZ = noise.normal(count, self.recipe.model.latents)
        rows = noise.normal(count, self.generator.noise_steps(frames), self.recipe.model.noise)
        network = generator or self.generator
        return network(latents_BZ, rows, labels_B, given_BPF, frames=frames).float()

    def _fake(
        self, real_BTF: Tensor, labels_B: Tensor, noise: Noise
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Generated windows as the critic sees them, their contacts, and the speeds of the feet."""
        count, frames = len(real_BTF), max(self.frames, self.loss.unroll)
        split = round(self.loss.continued * count)
        parts = []
        if split:
            given_BPF = real_BTF[:split, : self.past]
            later_BTF = self._generate(
                frames - self.past, split, labels_B[:split], noise, given_BPF
            )
            parts.append(torch.cat([given_BPF, later_BTF], dim=1))
        if split < count:
            parts.append(self._generate(frames, count - split, labels_B[split:], noise))
        x_BTF = torch.cat(parts)
        if frames > self.frames:
            # A window of each: what is far from the beginning has to look as good.
            start_B = noise.integers(frames - self.frames + 1, count)
            numbers_BT = start_B[:, None] + torch.arange(self.frames, device=x_BTF.device)
            x_BTF = x_BTF.gather(1, numbers_BT[:, :, None].expand(-1, -1, x_BTF.shape[2]))
        seen_BTC, speeds = self.codec.seen(x_BTF)
        return self.critic.normalised(seen_BTC), self.codec.contacts(x_BTF), speeds

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """The training windows."""
        return self.windows

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """The same latents every time, the actions in turn; longer than what is trained on."""
        made = self._sample(networks["generator"], SHOWN, LONG * self.frames, noise)
        return Preview(images=shown_sheet(made), columns=1, files={"motion.gif": shown_film(made)})

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores; what they mean is in the plugin's manifest."""
        if self._evaluation is None:
            self._evaluation = Evaluation(self.clips, features=self.recipe.evaluate.features)
        count = self.recipe.evaluate.samples
        made = self._sample(networks["generator"], count, self.frames, noise)
        batch = self.windows.batch(spread(len(self.windows), count))
        device = noise.generator.device
        given_BPF = batch["motion"][:, : self.past].to(device)
        labels_B = batch["label"].to(device)
        later_BTF = self._generate(
            self.frames - self.past, count, labels_B, noise, given_BPF, networks["generator"]
        )
        whole_BTF = torch.cat([given_BPF, later_BTF], dim=1).cpu()
        continued = [self._motion(x_TF, before=self.past) for x_TF in whole_BTF]
        return self._evaluation(made, continued, seam=self.past)

    def model(self) -> dict[str, Any]:
        """The generator, names of its actions, and how numbers become motions."""
        return {
            "networks": ["generator"],
            "actions": list(self.actions),
            "codec": self.codec.facts(),
        }

    def exhibit(self, run: Path) -> None:
        """Shows each action in the report, real and generated."""
        write_exhibit(run, self.clips)

    def _sample(self, generator: nn.Module, count: int, frames: int, noise: Noise) -> list[Motion]:
        labels_B = torch.arange(count, device=noise.generator.device) % max(len(self.actions), 1)
        x_BTF = self._generate(frames, count, labels_B, noise, generator=generator).cpu()
        names = [self.actions[int(k)] if self.actions else "" for k in labels_B]
        return [self._motion(x, action=a) for x, a in zip(x_BTF, names, strict=True)]

    def _motion(self, x_TF: Tensor, *, action: str = "", before: int = 0) -> Motion:
        """As the pipeline would make it."""
        motion = self.codec.motion(x_TF, action=action)
        return planted(motion, self.codec.contacts(x_TF), before=before)
