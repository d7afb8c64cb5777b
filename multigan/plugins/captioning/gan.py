"""The captioning GAN: likelihood, a head start for the evaluator, the game.

The game after Dai et al. 2017 and Shetty et al. 2017. Where the former complete every beginning of
a caption many times to learn what its words are worth, O(K T^2) steps of the generator, a caption
here is worth as a whole what the evaluator says of it, eos included, compared with the other
captions of its picture (leave-one-out) or the likeliest one (self-critical, Rennie et al. 2017).

Shape suffixes: B pictures, K captions of each, L token positions, V vocabulary, N words, Z latents.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import PAD
from multigan.losses.policy import policy_loss
from multigan.metrics.cider import Cider
from multigan.plugins.captioning.recipe import CaptionRecipe
from multigan.plugins.captioning.task import CaptionTask, nll, settled
from multigan.plugins.captioning.writing import by_chance, by_gumbel, gumbel, write
from multigan.training.phases import Batch, Losses, Phase, Stage, Step

COUNTED = 2000  # pictures whose captions tell CIDEr which words are rare


class CaptionGAN:
    """Trains a caption generator.

    Args:
        recipe: What to train.

    Raises:
        DataError: The data has no usable caption.
        CheckpointError: The pretrained encoder cannot be had.
        RecipeError: Sizes do not fit each other.
    """

    def __init__(self, recipe: CaptionRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.task = task = CaptionTask(recipe)
        self.generator, self.evaluator = task.generator, task.evaluator
        self.networks, self.groups, self.averaged = task.networks, task.groups, task.averaged
        self.memory = nn.ModuleDict()
        self.dataset, self.preview, self.evaluate = task.dataset, task.preview, task.evaluate
        self.model = task.model
        self._cider: Cider | None = None
        self.exhibit = self._exhibit if recipe.evaluate.exhibit else None

    def stages(self) -> tuple[Stage, ...]:
        """Those that have steps."""
        steps, task = self.recipe.steps, self.task
        judge = self.evaluator_loss
        stages = (
            Stage(
                "language",
                steps.language,
                (Phase("language", "pretraining", task.language_loss),),
            ),
            Stage("mle", steps.mle, (Phase("mle", "pretraining", task.mle_loss),)),
            Stage(
                "evaluator",
                steps.evaluator,
                (Phase("evaluator", "evaluator", self.head_start_loss),),
            ),
            Stage(
                "adversarial",
                steps.adversarial,
                (
                    Phase("evaluator", "evaluator", judge, repeat=self.loss.evaluator_steps),
                    Phase("generator", "generator", self.generator_loss, fresh=False),
                ),
            ),
        )
        return tuple(stage for stage in stages if stage.steps > 0)

    def evaluator_loss(self, batch: Batch, step: Step) -> Losses:
        """Tells people's captions of a picture from generated ones, and from those of another."""
        grid_BND, people_BKL = self.task.grid(batch), batch["tokens"]
        generated_BKL, _, _ = self.written(batch, step)
        judge = self.evaluator
        return {
            "real": F.softplus(-judge(people_BKL, grid_BND).logits_BK).mean(),
            "generated": F.softplus(judge(generated_BKL, grid_BND).logits_BK).mean(),
            # What was said of the picture before: true to language, not to this picture.
            "mismatched": F.softplus(judge(people_BKL.roll(1, 0), grid_BND).logits_BK).mean(),
        }

    def head_start_loss(self, batch: Batch, step: Step) -> Losses:
        """The same; at first the evaluator learns to read from the pretrained generator."""
        if step.index == 0:
            self.evaluator.reader.load_state_dict(self.generator.state_dict())
        return self.evaluator_loss(batch, step)

    def generator_loss(self, batch: Batch, step: Step) -> Losses:
        """Makes captions likelier that the evaluator takes for a person's."""
        if self.loss.gradient == "gumbel":
            losses = {"objective": self._gumbel(batch, step)}
        else:
            losses = {"policy": self._policy(batch, step)}
        if self.loss.mle_weight:
            losses["nll"] = self.loss.mle_weight * self.task.likelihood_loss(batch, step)
        return losses

    def written(self, batch: Batch, step: Step) -> tuple[Tensor, Tensor, Tensor]:
        """Captions (B, K, L) of a batch's pictures, their latents, and the noise they were drawn
        with; once a step, for both players: the generator is still the one that wrote them."""
        if "written" not in batch:
            grid_BND, K = self.task.grid(batch), self.loss.captions
            latents_BKZ = self.task.latents(len(grid_BND), K, step.noise)
            shape = (len(grid_BND), K, self.task.length)
            heat = self.loss.temperature
            if self.loss.gradient == "gumbel":
                noise = gumbel(step.noise.uniform(*shape, len(self.task.corpus.vocabulary)))
                choose = by_gumbel(noise, temperature=heat)
            else:
                noise = step.noise.uniform(*shape)
                choose = by_chance(noise, temperature=heat)
            with settled(self.generator):  # dropout would be chance that the policy knows not of
                tokens_BKL = write(
                    self.generator, grid_BND, latents_BKZ, choose, length=self.task.length
                )
            batch["written"] = (tokens_BKL, latents_BKZ, noise)
        return batch["written"]

    # -- policy gradient --------------------------------------------------------------------------

    def _policy(self, batch: Batch, step: Step) -> Tensor:
        grid_BND = self.task.grid(batch)
        tokens_BKL, latents_BKZ, _ = self.written(batch, step)
        advantages_BK = self.advantages(batch, step)
        with settled(self.generator):  # the policy that wrote the captions
            h_BKLH, _ = self.generator(tokens_BKL, grid_BND, latents_BKZ)
        nats_BKL = nll(self.generator, h_BKLH, tokens_BKL, temperature=self.loss.temperature)
        # The end of a caption is an action like any other: without it in the mask, captions that
        # end too soon would not be told so.
        mask_BKL = tokens_BKL != PAD
        return policy_loss(
            nats_BKL.flatten(0, 1),
            advantages_BK[..., None].expand_as(nats_BKL).flatten(0, 1),
            mask_BKL.flatten(0, 1),
            scale=advantages_BK.numel() * self.task.corpus.mean_length,
        )

    @torch.no_grad()
    def advantages(self, batch: Batch, step: Step) -> Tensor:
        """How much better than expected each generated caption is, (B, K)."""
        tokens_BKL = self.written(batch, step)[0]
        match_BK, variety_BK = self.rewards(batch, tokens_BKL)
        if self.loss.gradient == "leave-one-out":
            return against_others(match_BK + variety_BK)
        # The likeliest caption of a picture stands alone: only its match can be compared.
        grid_BND = self.task.grid(batch)
        latents_B1Z = torch.zeros_like(self.written(batch, step)[1][:, :1])
        greedy = by_chance(torch.empty(0), temperature=0.0)
        with settled(self.generator):
            likeliest_B1L = write(
                self.generator, grid_BND, latents_B1Z, greedy, length=self.task.length
            )
        return match_BK - self.rewards(batch, likeliest_B1L)[0] + against_others(variety_BK)

    @torch.no_grad()
    def rewards(self, batch: Batch, tokens_BKL: Tensor) -> tuple[Tensor, Tensor]:
        """What captions are worth by themselves and among the others of the picture, (B, K) each.

        The evaluator's log-odds, and CIDEr with the batch's captions as references; in it the eos
        is a word, so that a caption has to end where people's do.
        """
        match_BK = torch.zeros(tokens_BKL.shape[:2], device=tokens_BKL.device)
        variety_BK = torch.zeros_like(match_BK)
        if self.loss.reward != "cider":
            with settled(self.evaluator):  # no dropout in verdicts that are used as numbers
                verdict = self.evaluator(tokens_BKL, self.task.grid(batch))
            match_BK, variety_BK = verdict.match_BK, verdict.variety_BK
        if self.loss.reward != "evaluator":
            weight = self.loss.cider_weight if self.loss.reward == "mixture" else 1.0
            match_BK = match_BK + weight * self._cider_of(tokens_BKL, batch["tokens"])
        return match_BK, variety_BK

    def _cider_of(self, tokens_BKL: Tensor, people_BKL: Tensor) -> Tensor:
        if self._cider is None:
            pictures = self.task.corpus.train
            counted = range(min(COUNTED, len(pictures)))
            self._cider = Cider([_words(pictures.rows(i)) for i in counted])
        scores = [
            self._cider.score(_words(captions), _words(references))
            for captions, references in zip(tokens_BKL.cpu(), people_BKL.cpu(), strict=True)
        ]
        return torch.tensor(scores, device=tokens_BKL.device)

    # -- straight-through Gumbel-softmax ----------------------------------------------------------

    def _gumbel(self, batch: Batch, step: Step) -> Tensor:
        grid_BND = self.task.grid(batch)
        tokens_BKL, latents_BKZ, noise_BKLV = self.written(batch, step)
        with settled(self.generator):
            # The same words once more, with gradient: hard forwards, soft backwards.
            h_BKLH, _ = self.generator(tokens_BKL, grid_BND, latents_BKZ)
        real_BKL = tokens_BKL != PAD
        logits_NV = self.generator.logits(h_BKLH[real_BKL]).float() / self.loss.temperature
        soft_NV = ((logits_NV + noise_BKLV[real_BKL]) / self.loss.gumbel_temperature).softmax(1)
        return F.softplus(-self.evaluator(tokens_BKL, grid_BND, soft_NV).logits_BK).mean()

    def _exhibit(self, run: Path) -> None:
        from multigan.plugins.captioning.exhibit import write_exhibit

        write_exhibit(run, self.recipe, self.task.corpus)


def against_others(rewards_BK: Tensor) -> Tensor:
    """Each reward minus the mean of the picture's other captions' (Kool et al. 2019)."""
    K = rewards_BK.shape[1]
    return (rewards_BK - rewards_BK.mean(1, keepdim=True)) * (K / (K - 1))


def _words(tokens_KL: Tensor) -> list[list[int]]:
    """Token numbers without pads; the eos stays."""
    return [[token for token in row if token != PAD] for row in tokens_KL.tolist()]
