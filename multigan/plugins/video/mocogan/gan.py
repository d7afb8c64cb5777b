"""MoCoGAN: a generator of clips against a judge of frames and a judge of clips.

Tulyakov et al., "MoCoGAN: Decomposing Motion and Content for Video Generation", CVPR 2018. A step:

    discriminators   judge one random frame of each clip, and whole clips, real and fake in one pass
    penalty          on their slopes; lazily, if every so many steps is enough
    generator        raises the verdicts on the clips that were just judged; an encoder may help

Both judges see the same fakes, which are painted once and serve the generator as well. The authors'
code draws others for each of the three, and unrolls two times T clips to keep one frame of each.

Shape suffixes: B clips, T frames, C channels, H and W pixels, V verdict and class logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from multigan.data.augment import diff_augment, diff_augment_clips
from multigan.losses.adversarial import OBJECTIVES, discriminator_loss, generator_loss
from multigan.losses.penalties import gradient_penalty, r1_penalty, r2_penalty
from multigan.nn.graph import graph_of
from multigan.plugins.video.clips.dataset import open_clips
from multigan.plugins.video.evaluation import Evaluation
from multigan.plugins.video.mocogan.recipe import MoCoGANRecipe
from multigan.plugins.video.networks.discriminators import ClipDiscriminator, FrameDiscriminator
from multigan.plugins.video.networks.encoder import ContentEncoder
from multigan.plugins.video.networks.generator import VideoGenerator
from multigan.plugins.video.writing import preview_of
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 8  # clips in a preview
CHUNK = 32  # clips painted at once where no gradient is needed


class MoCoGAN:
    """Trains a generator of clips.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such clips, or they have no classes.
    """

    def __init__(self, recipe: MoCoGANRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        data, model = recipe.data, recipe.model
        self.data = open_clips(
            data,
            labelled=model.labels != "none",
            sparse=model.sparse_frames,
            portraits=bool(recipe.loss.reconstruction),
        )
        self.classes = self.data.classes
        self.categories = len(self.classes) or model.categories
        self.generator = VideoGenerator(
            size=data.size,
            content=model.content,
            motion=model.motion,
            noise=model.motion_noise,
            categories=self.categories,
            periods=list(model.periods),
            width=model.width,
            widest=model.widest,
            condition=model.condition,
        )
        judges: dict[str, Any] = {
            "size": data.size,
            "width": model.discriminator_width,
            "widest": model.widest,
            "spectral": model.spectral_norm,
            "classes": self.categories,
        }
        # Categories without names are told by a head as well: that is InfoGAN's term.
        head = "classifier" if model.categories else model.labels
        # A single frame does not show which motion it is of, so only the clip is classified.
        self.of_frames = FrameDiscriminator(
            **judges, labels="projection" if head == "projection" else "none"
        )
        self.of_clips = ClipDiscriminator(**judges, labels=head, convolution=model.convolution)
        self.networks = nn.ModuleDict(
            {
                "generator": self.generator,
                "frame-discriminator": self.of_frames,
                "clip-discriminator": self.of_clips,
            }
        )
        self.memory = nn.ModuleDict()
        self.makers: tuple[str, ...] = ("generator",)
        if self.loss.reconstruction:
            self.networks["encoder"] = ContentEncoder(
                size=data.size,
                content=model.content,
                width=model.discriminator_width,
                widest=model.widest,
            )
            self.makers += ("encoder",)
        self.groups = {
            "generator": self.makers,
            "discriminators": ("frame-discriminator", "clip-discriminator"),
        }
        if recipe.steps.reconstruction:
            self.groups["reconstruction"] = self.makers
        self.averaged = self.makers
        self._evaluation: Evaluation | None = None

    def stages(self) -> tuple[Stage, ...]:
        """The game, see the top of the file; before it perhaps only reconstruction."""
        loss = self.loss
        repeat = loss.discriminator_steps
        phases = [Phase("discriminators", "discriminators", self.judge, repeat=repeat)]
        if loss.penalised and loss.penalty_every > 1:
            every = loss.penalty_every
            phases.append(
                Phase("penalty", "discriminators", self.penalty, every=every, fresh=False)
            )
        phases.append(Phase("generator", "generator", self.fool, fresh=False))
        steps = self.recipe.steps
        game = Stage("adversarial", steps.adversarial, tuple(phases))
        if not steps.reconstruction:
            return (game,)
        alone = Phase("reconstruction", "reconstruction", self.reconstruct)
        return (Stage("reconstruction", steps.reconstruction, (alone,)), game)

    # The phases -----------------------------------------------------------------------------------

    def judge(self, batch: Batch, step: Step) -> Losses:
        """Both discriminators tell real from fake; that of clips may also tell the category.

        Leaves ``fake`` for the generator, with its graph, and what was judged for the penalty.
        """
        real_BTCHW = batch["video"]
        batch["category"] = self._category(batch, step.noise)
        makers = [self.networks[name] for name in self.makers]
        with graph_of(*makers, wanted=self.loss.reuse_fakes):
            batch["fake"] = self._generate(batch, step.noise)
        batch["real-seen"] = self._seen(real_BTCHW, step)
        batch["fake-seen"] = self._seen(batch["fake"].detach(), step)
        losses = {}
        for kind, real_BV, fake_BV in self._verdicts(batch, batch["fake-seen"]):
            losses[kind] = discriminator_loss(
                self.loss.objective,
                real_BV[:, :1],
                fake_BV[:, :1],
                smoothing=self.loss.smoothing,
            )
            if real_BV.shape[1] > 1:
                # Known classes are learnt from real clips, those to be found from generated ones.
                told_BV = real_BV if self.classes else fake_BV
                losses["category"] = self._category_loss(told_BV, batch)
        if self.loss.penalised and self.loss.penalty_every == 1:
            losses |= self.penalty(batch, step)
        return losses

    def penalty(self, batch: Batch, step: Step) -> Losses:
        """Penalties on the gradients of both verdicts, at what has just been judged."""
        loss, labels_B = self.loss, batch["category"]
        terms: dict[str, Tensor] = {}
        alpha_B = step.noise.uniform(len(batch["video"])) if loss.gradient_penalty else None
        reals, fakes = batch["real-seen"], batch["fake-seen"]
        for kind, judge in (("frames", self.of_frames), ("clips", self.of_clips)):
            real, fake = reals[kind].detach(), fakes[kind]

            def verdict(x: Tensor, judge: nn.Module = judge) -> Tensor:
                # forward: a compiled network has no second derivative.
                return judge.forward(x, labels_B)[:, :1]

            if alpha_B is not None:
                terms[f"gradient-penalty-{kind}"] = loss.gradient_penalty * gradient_penalty(
                    verdict, real=real, fake=fake, alpha=alpha_B
                )
            if loss.r1:
                terms[f"r1-{kind}"] = loss.r1 * r1_penalty(verdict, real=real)
            if loss.r2:
                terms[f"r2-{kind}"] = loss.r2 * r2_penalty(verdict, fake=fake)
        return {name: loss.penalty_every * term for name, term in terms.items()}

    def fool(self, batch: Batch, step: Step) -> Losses:
        """The generator raises both verdicts on its clips, and makes the category recognisable."""
        fake_BTCHW = batch.pop("fake")  # the graph behind it is used up by this phase
        if not self.loss.reuse_fakes:
            fake_BTCHW = self._generate(batch, step.noise)
        seen, losses = self._seen(fake_BTCHW, step), {}
        pairs: list[tuple[str, Tensor | None, Tensor]]
        if OBJECTIVES[self.loss.objective].needs_real:
            pairs = [*self._verdicts(batch, seen)]
        else:
            pairs = [(kind, None, self._verdict(kind, seen, batch)) for kind in seen]
        for kind, real_BV, fake_BV in pairs:
            real_B1 = None if real_BV is None else real_BV[:, :1]
            losses[kind] = generator_loss(self.loss.objective, fake_BV[:, :1], real_B1)
            if fake_BV.shape[1] > 1:
                losses["category"] = self._category_loss(fake_BV, batch)
        if "encoder" in self.networks:
            losses |= self._remade(fake_BTCHW[: len(fake_BTCHW) // 2], batch)
        return losses

    def reconstruct(self, batch: Batch, step: Step) -> Losses:
        """Encoder and generator make all real clips again: a variational autoencoder."""
        batch["category"] = self._category(batch, step.noise)
        fake_BTCHW = self._generate(batch, step.noise, read=len(batch["video"]))
        return self._remade(fake_BTCHW, batch)

    # What they are made of ------------------------------------------------------------------------

    def _category(self, batch: Batch, noise: Noise) -> Tensor | None:
        if self.classes or not self.categories:
            return batch.get("label")
        return noise.integers(self.categories, len(batch["video"]))

    def _generate(self, batch: Batch, noise: Noise, *, read: int | None = None) -> Tensor:
        """Clips of the batch's categories; in its places where those are known.

        With an encoder the content of the first `read` of them, by default half, is read off
        portraits of what the real clips show, so that they can be compared; that of the others is
        drawn, as in sampling.
        """
        real_BTCHW, times_BT, model = batch["video"], batch["times"], self.recipe.model
        B = len(real_BTCHW)
        if model.unroll:
            starts = model.unroll - self.recipe.data.frames + 1
            times_BT = times_BT + noise.integers(starts, B)[:, None]
        if model.condition == "first-frame":
            content = real_BTCHW[:, 0]
        else:
            content = noise.normal(B, model.content)
        if "encoder" in self.networks:
            read = B // 2 if read is None else read
            mean_BZ, log_variance_BZ = self.networks["encoder"](batch["portrait"][:read])
            read_BZ = mean_BZ + (0.5 * log_variance_BZ).exp() * content[:read]
            content = torch.cat([read_BZ, content[read:]])
            batch["divergence"] = _divergence(mean_BZ, log_variance_BZ)
        motion_BTE = noise.normal(B, self.recipe.unrolled + 1, model.motion_noise)
        return self.generator(content, motion_BTE, batch["category"], times_BT)

    def _seen(self, x_BTCHW: Tensor, step: Step) -> dict[str, Tensor]:
        """Clips and a random frame of each as the judges get them."""
        B, T = x_BTCHW.shape[:2]
        chosen_B = step.noise.integers(T, B)
        frames_BCHW = x_BTCHW[torch.arange(B, device=x_BTCHW.device), chosen_B]
        if self.recipe.augment.policy == "diffaugment":
            frames_BCHW = diff_augment(frames_BCHW, step.noise)
            x_BTCHW = diff_augment_clips(x_BTCHW, step.noise)
        seen = {"frames": frames_BCHW, "clips": x_BTCHW}
        if deviation := self.loss.instance_noise * (1.0 - step.fraction):
            seen = {k: x + deviation * step.noise.normal(*x.shape) for k, x in seen.items()}
        return seen

    def _verdict(self, kind: str, seen: Mapping[str, Tensor], batch: Batch) -> Tensor:
        judge = self.of_frames if kind == "frames" else self.of_clips
        return judge(seen[kind], batch["category"])

    def _verdicts(
        self, batch: Batch, fakes: Mapping[str, Tensor]
    ) -> list[tuple[str, Tensor, Tensor]]:
        """Both kinds in one pass: no judge has statistics in which they could mix."""
        found: list[tuple[str, Tensor, Tensor]] = []
        category_B = batch["category"]
        both_B = None if category_B is None else torch.cat([category_B, category_B])
        for kind, fake in fakes.items():
            judge = self.of_frames if kind == "frames" else self.of_clips
            both = torch.cat([batch["real-seen"][kind].detach(), fake.to(batch["video"].dtype)])
            real_BV, fake_BV = judge(both, both_B).chunk(2)
            found.append((kind, real_BV, fake_BV))
        return found

    def _remade(self, fake_BTCHW: Tensor, batch: Batch) -> dict[str, Tensor]:
        """How far the first clips are from the real ones that their content was read off."""
        distance = F.l1_loss(fake_BTCHW.float(), batch["video"][: len(fake_BTCHW)])
        return {
            "reconstruction": self.loss.reconstruction * distance,
            "divergence": self.loss.divergence * batch.pop("divergence"),
        }

    def _category_loss(self, verdicts_BV: Tensor, batch: Batch) -> Tensor:
        return self.loss.category * F.cross_entropy(verdicts_BV[:, 1:].float(), batch["category"])

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """The training clips."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """The same noise every time, one row a clip, the categories in turn."""
        length = self.recipe.unrolled
        clips_BTCHW, _ = self._sample(networks["generator"], SHOWN, noise, length=length)
        return preview_of(clips_BTCHW, rate=self.data.rate())

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Scores; what they mean is in the plugin's manifest."""
        config = self.recipe.evaluate
        if config.features == "none":
            return {}
        if self._evaluation is None:
            self._evaluation = Evaluation(
                config,
                self.recipe.data,
                classes=self.classes,
                longest=self.recipe.unrolled,
                device=noise.generator.device,
            )
        length = self._evaluation.extractor.frames
        made = self._sample(networks["generator"], config.samples, noise, length=length)
        return self._evaluation(*made)

    def model(self) -> dict[str, Any]:
        """The generator, the names of its classes, and how long and fast its clips are."""
        return {
            "networks": list(self.makers),
            "classes": list(self.classes),
            "frames": self.recipe.unrolled,
            "rate": self.data.rate(),
        }

    def _sample(
        self, generator: nn.Module, count: int, noise: Noise, *, length: int
    ) -> tuple[Tensor, Tensor | None]:
        """Clips on the CPU, in [-1, 1], and their categories in turn."""
        model, device = self.recipe.model, noise.generator.device
        content = noise.normal(count, model.content)
        if model.condition == "first-frame":
            firsts = [self.data[i % len(self.data)]["video"][0] for i in range(count)]
            content = torch.stack(firsts).to(device)
        motion_BTE = noise.normal(count, length + 1, model.motion_noise)
        category_B = None
        if self.categories:
            category_B = torch.arange(count, device=device) % self.categories
        parts = []
        for start in range(0, count, CHUNK):
            some = slice(start, start + CHUNK)
            given_B = None if category_B is None else category_B[some]
            made_BTCHW = generator(content[some], motion_BTE[some], given_B)
            parts.append(made_BTCHW.float().clamp(-1, 1).cpu())
        return torch.cat(parts), None if category_B is None else category_B.cpu()


def _divergence(mean_BZ: Tensor, log_variance_BZ: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)) in nats, summed over the content, mean over clips."""
    mean_BZ, log_variance_BZ = mean_BZ.float(), log_variance_BZ.float()
    nats_BZ = mean_BZ.square() + log_variance_BZ.exp() - 1 - log_variance_BZ
    return 0.5 * nats_BZ.sum(1).mean()
