"""HiFi-GAN (Kong et al. 2020): learns to make waveforms of log-mel spectrograms.

A first stage without a game teaches the spectra: cheap, and a processor gets far with it. What it
leaves is a rough, buzzing voice, since a magnitude says nothing of the phase. In the game, many
small discriminators look at the waveform itself. A step of it:

    discriminator   judges real segments and made ones, in one pass: nothing normalises over a batch
    generator       raises the verdicts on the same made segments, comes close to the real ones in
                    all features of the discriminators, and keeps its log-mels right

The features of real segments are targets and get no graph. While the generator learns, the
discriminators are frozen, which spares the gradients of their weights.

Shape suffixes: B segments, T samples, M mel bands, F frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss
from torch.utils.data import Dataset

from multigan.losses.adversarial import discriminator_loss, generator_loss
from multigan.losses.reconstruction import feature_matching
from multigan.losses.spectral import multi_resolution_stft
from multigan.nn.graph import graph_of
from multigan.plugins.audio.mel import LogMel
from multigan.plugins.audio.networks.periods import MultiPeriodDiscriminator
from multigan.plugins.audio.networks.refiner import RefinerGenerator
from multigan.plugins.audio.networks.scales import MultiScaleDiscriminator
from multigan.plugins.audio.projection import SOFT
from multigan.plugins.audio.vocoder.build import build_generator
from multigan.plugins.audio.vocoder.data import open_segments
from multigan.plugins.audio.vocoder.evaluation import Evaluation
from multigan.plugins.audio.vocoder.recipe import VocoderRecipe
from multigan.plugins.audio.vocoder.start import start_from
from multigan.training.phases import Batch, Losses, Noise, Phase, Preview, Stage, Step

SHOWN = 4


class VocoderGAN:
    """Trains a vocoder.

    Args:
        recipe: What to train.

    Raises:
        DataError: There are no such sounds.
        CheckpointError: ``model.start`` is no vocoder of these sizes.
    """

    def __init__(self, recipe: VocoderRecipe) -> None:
        self.recipe, self.loss = recipe, recipe.loss
        self.data = open_segments(recipe, split="train")
        model = recipe.model
        self.generator = build_generator(recipe)
        if model.start:
            start_from(model.start, self.generator, recipe.mel)
        self.periods = MultiPeriodDiscriminator(periods=model.periods, width=model.periods_width)
        self.scales = MultiScaleDiscriminator(scales=model.scales, width=model.scales_width)
        self.networks = nn.ModuleDict(
            {"generator": self.generator, "periods": self.periods, "scales": self.scales}
        )
        # What the generator hears may end at fmax; what it makes is compared up to half the rate.
        self.hear = LogMel(recipe.mel)
        self.compare = LogMel(recipe.mel.model_copy(update={"fmax": None}))
        self.memory = nn.ModuleDict({"hear": self.hear, "compare": self.compare})
        self.groups = {
            "reconstruction": ("generator",),
            "generator": ("generator",),
            "discriminator": ("periods", "scales"),
        }
        self.averaged = ("generator",)
        self._evaluation: Evaluation | None = None

    def stages(self) -> tuple[Stage, ...]:
        """Spectra first, then the game."""
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
                    Phase("discriminator", "discriminator", self.judge),
                    Phase("generator", "generator", self.fool, fresh=False),
                ),
            ),
        )

    # The phases -----------------------------------------------------------------------------------

    def reconstruct(self, batch: Batch, step: Step) -> Losses:
        """The generator's spectra are to be those of the sound."""
        return self._spectra(self._made(batch, step), batch["waveform"])

    def judge(self, batch: Batch, step: Step) -> Losses:
        """The discriminators tell real from made segments; leaves ``fake`` with its graph."""
        with graph_of(self.generator):
            batch["fake"] = self._made(batch, step)
        real_BT = batch["waveform"]
        features = self._features(torch.cat([real_BT, batch["fake"].detach()]))
        real, fake = zip(*(layers[-1].chunk(2) for layers in features), strict=True)
        loss = discriminator_loss(self.loss.objective, real, fake)
        return {"adversarial": self.loss.adversarial * len(features) * loss}

    def fool(self, batch: Batch, step: Step) -> Losses:
        """The generator comes closer to the real segments, in all that the others see."""
        # Popped: the graph behind the fakes is used up by this phase.
        fake_BT, real_BT = batch.pop("fake"), batch["waveform"]
        with torch.no_grad():
            real = self._features(real_BT)
        fake = self._features(fake_BT)
        adversarial = generator_loss(
            self.loss.objective, [layers[-1] for layers in fake], [layers[-1] for layers in real]
        )
        layers_real, layers_fake = ([x for each in some for x in each] for some in (real, fake))
        matching = feature_matching(layers_fake, features_real=layers_real)
        return {
            "adversarial": self.loss.adversarial * len(fake) * adversarial,
            "features": self.loss.features * len(layers_fake) * matching,
            **self._spectra(fake_BT, real_BT),
        }

    # What they are made of ------------------------------------------------------------------------

    def _made(self, batch: Batch, step: Step) -> Tensor:
        heard_BMF = self._heard(batch)
        if not isinstance(self.generator, RefinerGenerator):
            return self.generator(heard_BMF)
        # In use noise is always the same; here the network is to learn to begin with any.
        noise_BT = SOFT * step.noise.normal(len(heard_BMF), heard_BMF.shape[2] * self.generator.hop)
        return self.generator(heard_BMF, noise_BT=noise_BT)

    def _heard(self, batch: Batch) -> Tensor:
        """The spectrogram that the generator is given: the sound's own, or somebody's."""
        given: Tensor | None = batch.get("mel")
        return self.hear(batch["waveform"]) if given is None else given

    def _features(self, x_BT: Tensor) -> list[list[Tensor]]:
        return [*self.periods(x_BT), *self.scales(x_BT)]

    def _spectra(self, fake_BT: Tensor, real_BT: Tensor) -> dict[str, Tensor]:
        terms = {"mel": self.loss.mel * l1_loss(self.compare(fake_BT), self.compare(real_BT))}
        if self.loss.spectra:
            size = self.recipe.mel.n_fft
            distance = multi_resolution_stft(
                fake_BT, references=real_BT, sizes=(size // 2, size, 2 * size)
            )
            terms["spectra"] = self.loss.spectra * distance
        return terms

    # What the trainer asks for --------------------------------------------------------------------

    def dataset(self) -> Dataset[Any]:
        """Random segments of the sounds that are not held out."""
        return self.data

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], noise: Noise) -> Preview:
        """Held-out segments above what becomes of their spectrograms, to see and to hear."""
        return self._held_out(noise).preview(networks["generator"], SHOWN)

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], noise: Noise) -> dict[str, float]:
        """Distances of copies from held-out segments, beside those of Griffin and Lim's."""
        if not self.recipe.evaluate.clips:
            return {}
        return self._held_out(noise).scores(networks["generator"])

    def model(self) -> dict[str, Any]:
        """The generator, and how the spectrograms that it understands are taken."""
        return {"networks": ["generator"], "mel": self.recipe.mel.model_dump(mode="json")}

    def _held_out(self, noise: Noise) -> Evaluation:
        if self._evaluation is None:
            self._evaluation = Evaluation(self.recipe, device=noise.generator.device)
        return self._evaluation
