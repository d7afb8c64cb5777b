"""SeqGAN (Yu et al. 2017): words as actions, verdicts as rewards, policy gradient.

The reward of a word is the mean verdict on sentences that a rollout policy completes from it on,
or, much cheaper, the discounted verdicts of a discriminator that judges every word (ScratchGAN, de
Masson d'Autume et al. 2019).

Shape suffixes: B sentences, L token positions, N rollouts, T prefixes, C theme.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.vocabulary import PAD
from multigan.losses.adversarial import discriminator_loss
from multigan.losses.policy import discounted_returns, leave_one_out, policy_loss
from multigan.plugins.text.likelihood import nll
from multigan.plugins.text.recipe import SeqGANRecipe
from multigan.plugins.text.rollouts import judge_all, rollout_rewards, uniforms_needed
from multigan.plugins.text.task import TextTask
from multigan.training.phases import Batch, Losses, Phase, Stage, Step

BASELINE_RATE = 0.08  # of the running mean of rewards, as in ScratchGAN


class SeqGAN:
    """Trains a sentence generator.

    Args:
        recipe: What to train.

    Raises:
        DataError: The data has no usable sentence.
        RecipeError: Sizes do not fit each other.
    """

    def __init__(self, recipe: SeqGANRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.task = task = TextTask(recipe)
        self.generator, self.discriminator = task.generator, task.discriminator
        self.networks, self.groups = task.networks, task.groups
        self.optimizers, self.averaged = task.optimizers, task.averaged
        self.memory = nn.ModuleDict()
        if self.loss.rollout_average:
            self.memory["rollout_policy"] = _Average(task.generator)
        if self.loss.baseline == "average":
            self.memory["baseline"] = _RunningMean()
        self.dataset, self.preview, self.evaluate = task.dataset, task.preview, task.evaluate
        self.model = task.model
        self.exhibit = task.exhibit if recipe.evaluate.sweep else None

    def stages(self) -> tuple[Stage, ...]:
        """Likelihood, a head start for the discriminator, the game."""
        judge, repeat = self.discriminator_loss, self.loss.discriminator_steps
        return self.task.stages(
            discriminator=judge,
            adversarial=(
                Phase("generator", "generator", self.generator_loss),
                Phase("discriminator", "discriminator", judge, repeat=repeat),
            ),
        )

    def discriminator_loss(self, batch: Batch, step: Step) -> Losses:
        """Tells real sentences from freshly generated ones."""
        loss = self.loss
        logits_real, logits_fake, _ = self.task.judge_both(batch, step.noise)
        losses = {
            "objective": discriminator_loss(
                loss.objective, logits_real, logits_fake, smoothing=loss.smoothing
            )
        }
        if loss.output_decay:
            weights = [*self.discriminator.last_layer.parameters()]
            squares = torch.stack([weight.square().sum() for weight in weights]).sum()
            losses["output-decay"] = loss.output_decay * 0.5 * squares
        return losses

    def generator_loss(self, batch: Batch, step: Step) -> Losses:
        """Makes words likelier that turn out well, and others less likely."""
        loss = self.loss
        tokens_BL, theme_BC = self.task.write(batch, step.noise)
        mask_BL = tokens_BL != PAD
        rewards_BL = self.rewards(tokens_BL, theme_BC, batch.get("labels"), step)
        advantages_BL = rewards_BL - self._baseline(rewards_BL, mask_BL)
        losses = {
            "policy": policy_loss(
                nll(self.generator, tokens_BL, theme_BC),
                advantages_BL,
                mask_BL,
                scale=len(tokens_BL) * self.task.corpus.mean_length,
            )
        }
        if loss.mle_weight:
            losses["nll"] = loss.mle_weight * self.task.likelihood_loss(batch, step.noise)
        return losses

    @torch.no_grad()
    def rewards(
        self, tokens_BL: Tensor, theme_BC: Tensor, labels_B: Tensor | None, step: Step
    ) -> Tensor:
        """What every word of generated sentences is worth, (B, L); 0 at pads."""
        self.discriminator.eval()  # no dropout in verdicts that are used as numbers
        try:
            if self.loss.credit == "dense":
                verdicts_BL = self.discriminator(tokens_BL, None, labels_B)
                if self.loss.reward == "probability":
                    verdicts_BL = 2 * verdicts_BL.sigmoid() - 1
                verdicts_BL = verdicts_BL * (tokens_BL != PAD)
                return discounted_returns(verdicts_BL, discount=self.loss.discount)
            return self._rollout_rewards(tokens_BL, theme_BC, labels_B, step)
        finally:
            self.discriminator.train()

    # -- parts ----------------------------------------------------------------------------------

    def _rollout_rewards(
        self, tokens_BL: Tensor, theme_BC: Tensor, labels_B: Tensor | None, step: Step
    ) -> Tensor:
        B, L = tokens_BL.shape
        policy: Any = self.generator
        if "rollout_policy" in self.memory:
            average: Any = self.memory["rollout_policy"]
            policy = average.follow(self.generator, step, keep=self.loss.rollout_average)
        as_reward = torch.sigmoid if self.loss.reward == "probability" else torch.clone

        def judge(tokens_BL: Tensor, written_TNBL: Tensor) -> tuple[Tensor, Tensor]:
            at_once = getattr(self.discriminator, "judge_completions", None)
            if at_once is None:
                at_once = judge_all(self.discriminator.sentence)
            verdicts_B, verdicts_TNB = at_once(tokens_BL, written_TNBL, labels_B)
            return as_reward(verdicts_B), as_reward(verdicts_TNB)

        uniforms_BNU = step.noise.uniform(B, self.loss.rollouts, uniforms_needed(L))
        return rollout_rewards(policy, tokens_BL, theme_BC, judge, uniforms_BNU)

    def _baseline(self, rewards_BL: Tensor, mask_BL: Tensor) -> Tensor:
        if self.loss.baseline == "leave-one-out":
            return leave_one_out(rewards_BL, mask_BL)
        if self.loss.baseline == "average":
            mean: Any = self.memory["baseline"]
            return mean.follow(rewards_BL, mask_BL)
        return torch.zeros_like(rewards_BL)


class _Average(nn.Module):
    """A copy of the generator that follows it slowly; embeddings at once, as in SeqGAN's code."""

    step: Tensor

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.policy = copy.deepcopy(generator).requires_grad_(False)
        self.register_buffer("step", torch.tensor(-1))

    def follow(self, generator: nn.Module, step: Step, *, keep: float) -> nn.Module:
        """The average after this step's move, once a step; the generator itself at the first."""
        if self.step.item() != step.index:
            keep = 0.0 if step.index == 0 else keep
            for (name, mine), (_, its) in zip(
                self.policy.named_parameters(), generator.named_parameters(), strict=True
            ):
                mine.lerp_(its.detach(), 1.0 if name.startswith("embedding") else 1 - keep)
            self.step.fill_(step.index)
        return self.policy.eval()


class _RunningMean(nn.Module):
    """A running mean of rewards, which checkpoints keep."""

    mean: Tensor
    started: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("started", torch.tensor(False))

    def follow(self, rewards_BL: Tensor, mask_BL: Tensor) -> Tensor:
        """The mean before this batch (its own at the first), after which the batch is added."""
        now = (rewards_BL * mask_BL).sum() / mask_BL.sum()
        before = torch.where(self.started, self.mean, now)
        self.mean.copy_(torch.lerp(before, now, BASELINE_RATE))
        self.started.fill_(True)
        return before.expand_as(rewards_BL)
