"""The paired game: a discriminator sees what the generator was given beside what it made of it.

pix2pix (Isola et al. 2017) translates one kind of picture into another; restoration plays the same
game between damaged pictures and whole ones. Both hand over batches with ``input`` and ``target``.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import gradient_penalty, path_length_constraint, r1_penalty
from multigan.plugins.translation.pix2pix.recipe import PairedLoss
from multigan.training.phases import Batch, Losses, Phase, Step


class PairedGame:
    """The phases of a conditional game with a pull to the right answer.

    Args:
        generator: makes pictures (B, 3, H, W) of inputs.
        discriminator: judges inputs and pictures, joined along the channels.
        loss: terms and their weights.
        condition: makes of an input what the discriminator sees of it, of the size of the result;
            the first three channels are the picture that the result stems from.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        loss: PairedLoss,
        *,
        condition: Callable[[Tensor], Tensor] = lambda x_BCHW: x_BCHW,
    ) -> None:
        self.generator, self.discriminator = generator, discriminator
        self.loss, self.condition = loss, condition

    def phases(self) -> tuple[Phase, ...]:
        """The generator plays first, so that the discriminator can judge what it has just made."""
        loss, phases = self.loss, []
        if loss.discriminator_steps > 1:
            repeat = loss.discriminator_steps - 1
            phases.append(Phase("discriminator", "discriminator", self.judge, repeat=repeat))
        phases.append(Phase("generator", "generator", self.generate))
        phases.append(Phase("discriminator", "discriminator", self.judge, fresh=False))
        if loss.r1:
            every = loss.r1_every
            phases.append(Phase("r1", "discriminator", self.r1, every=every, fresh=False))
        return tuple(phases)

    def regress(self, batch: Batch, step: Step) -> Losses:
        """The right answer alone, without a game."""
        return self._pull(self.generator(batch["input"]), batch)

    def generate(self, batch: Batch, step: Step) -> Losses:
        """Pass for real, be near the partner, and leave the fakes for the discriminator."""
        fake = self.generator(batch["input"])
        batch["fake"] = fake.detach()
        logits_real = None
        if OBJECTIVES[self.loss.objective].needs_real:
            logits_real = self._verdict(batch, batch["target"])
        adversarial = generator_loss(self.loss.objective, self._verdict(batch, fake), logits_real)
        return {"adversarial": self.loss.adversarial * adversarial, **self._pull(fake, batch)}

    def judge(self, batch: Batch, step: Step) -> Losses:
        """Tell true pairs from an input with what was made of it."""
        if "fake" not in batch:
            with torch.no_grad():
                batch["fake"] = self.generator(batch["input"])
        real, fake = batch["target"], batch["fake"]
        # In one batch: the discriminator has no statistics over several pictures.
        both = torch.cat([real, fake.to(real.dtype)])
        condition = self.condition(batch["input"]).repeat(2, 1, 1, 1)
        logits_real, logits_fake = self.discriminator(torch.cat([condition, both], 1)).chunk(2)
        adversarial = discriminator_loss(
            self.loss.objective, logits_real, logits_fake, smoothing=self.loss.smoothing
        )
        losses = {"adversarial": adversarial}
        if self.loss.gradient_penalty:
            penalty = gradient_penalty(
                self._plain_verdict(batch),
                real=real,
                fake=fake,
                alpha=step.noise.uniform(len(real)),
            )
            losses["gradient-penalty"] = self.loss.gradient_penalty * penalty
        return losses

    def r1(self, batch: Batch, step: Step) -> Losses:
        """The zero-centred gradient penalty on real pictures (Mescheder et al. 2018)."""
        penalty = r1_penalty(self._plain_verdict(batch), real=batch["target"])
        return {"r1": self.loss.r1 * self.loss.r1_every * penalty}

    def _pull(self, fake: Tensor, batch: Batch) -> dict[str, Tensor]:
        loss = self.loss
        apart = l1_loss if loss.distance == "l1" else mse_loss
        losses = {"reconstruction": loss.reconstruction * apart(fake.float(), batch["target"])}
        if loss.self_regularisation:
            losses["self-regularisation"] = path_length_constraint(
                fake,
                source=self.condition(batch["input"])[:, :3],
                beta=loss.self_regularisation,
                distance=loss.distance,
            )
        return losses

    def _verdict(self, batch: Batch, picture: Tensor) -> Tensor:
        condition = self.condition(batch["input"])
        return self.discriminator(torch.cat([condition, picture.to(condition.dtype)], dim=1))

    def _plain_verdict(self, batch: Batch) -> Callable[[Tensor], Tensor]:
        """The verdict on pictures beside these inputs; compiled networks have no second slope."""
        condition = self.condition(batch["input"])
        return lambda picture: self.discriminator.forward(torch.cat([condition, picture], dim=1))
