"""The stage after the game: an encoder learns to find the latents of a picture.

The generator and the discriminator rest. The encoder makes the anomaly scores of real pictures
small ("izi_f" of f-AnoGAN, Schlegl et al. 2019): the generator has to repeat a picture from its
latents, in pixels and in the discriminator's features. How large the scores of pictures are that
the encoder has not seen is kept with the model; `multigan detect` knows unusual pictures by it.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from multigan.plugins.image.adversarial.data import (
    Pictures,
    WholePictures,
    has_validation,
    open_pictures,
)
from multigan.plugins.image.adversarial.recipe import ImageRecipe
from multigan.plugins.image.anomaly.scoring import anomaly_scores, residuals
from multigan.plugins.image.networks.encoder import Encoder
from multigan.training.phases import Batch, Losses, Phase, Preview, Stage, Step

CHUNK = 100  # pictures looked at together
SHOWN = 16
LEVELS = 100  # steps between the quantiles that are kept


class Encoding:
    """Trains an encoder beside a finished generator and its discriminator.

    Args:
        recipe: of the whole run.
        generator: unlabelled.
        discriminator: whose features are compared.
        size: side of the pictures.
        channels: of the pictures.
    """

    def __init__(
        self,
        recipe: ImageRecipe,
        *,
        generator: nn.Module,
        discriminator: nn.Module,
        size: int,
        channels: int,
    ) -> None:
        self.recipe, self.kappa = recipe, recipe.loss.encoder_features
        self.generator, self.discriminator = generator, discriminator
        self.encoder = Encoder(
            size=size,
            channels=channels,
            latents=recipe.model.latents,
            width=recipe.model.encoder_width,
        )
        self.usual = UsualScores()
        self._unseen: Pictures | WholePictures | None = None

    def stage(self) -> Stage:
        """One phase; the trainer freezes what is not the encoder."""
        phase = Phase("encoder", "encoder", self.encode)
        return Stage("encoder", self.recipe.steps.encoder, (phase,))

    def encode(self, batch: Batch, step: Step) -> Losses:
        """The mean anomaly score of real pictures, in its two parts."""
        # As they will be used: with the statistics of the whole training, which stay as they are.
        self.generator.eval()
        self.discriminator.eval()
        self.usual.forget()
        real_BCHW = batch["image"]
        made_BCHW = self.generator(self.encoder(real_BCHW))
        losses = {"pixels": residuals(real_BCHW, made_BCHW).mean()}
        if self.kappa:
            features: Any = self.discriminator.features
            difference_B = residuals(features(real_BCHW), features(made_BCHW))
            losses["features"] = self.kappa * difference_B.mean()
        return losses

    @torch.no_grad()
    def evaluate(self, networks: Mapping[str, nn.Module], device: torch.device) -> dict[str, float]:
        """How well pictures are repeated, held-out ones where there are any; nothing before."""
        if not self.usual.begun:
            return {}
        features: Any = networks["discriminator"].features
        scores, differences = [], []
        count = min(len(self.unseen), self.recipe.evaluate.samples)
        for start in range(0, count, CHUNK):
            x_BCHW = self._shown(range(start, min(start + CHUNK, count))).to(device)
            made_BCHW = networks["generator"](networks["encoder"](x_BCHW))
            scores.append(anomaly_scores(x_BCHW, made_BCHW, features=features, kappa=self.kappa))
            differences.append(residuals(x_BCHW, made_BCHW))
        self.usual.store(torch.cat(scores))
        return {"reconstruction": float(torch.cat(differences).mean())}

    @torch.no_grad()
    def preview(self, networks: Mapping[str, nn.Module], device: torch.device) -> Preview:
        """Pictures, and below each what the generator makes of it."""
        x_BCHW = self._shown(range(min(len(self.unseen), SHOWN))).to(device)
        made_BCHW = networks["generator"](networks["encoder"](x_BCHW)).float().clamp(-1, 1)
        images_BCHW = torch.cat([x_BCHW, made_BCHW]).add(1).div(2).cpu()
        return Preview(images=images_BCHW, columns=len(x_BCHW))

    def model(self) -> dict[str, Any]:
        """What finds unusual pictures, once there is an encoder to find them with."""
        if not self.usual.begun:
            return {"networks": []}
        facts: dict[str, Any] = {"kappa": self.kappa, "crop": self.recipe.data.crop}
        if self.usual.known:
            facts["quantiles"] = [float(f"{score:.6g}") for score in self.usual.quantiles.tolist()]
            facts["pictures"] = int(self.usual.count)
            facts["held_out"] = has_validation(self.recipe.data.source)
        networks = ["encoder", "discriminator"] if self.kappa else ["encoder"]
        return {"networks": networks, "anomaly": facts}

    @property
    def unseen(self) -> Pictures | WholePictures:
        """Pictures that are not trained on, or where there are none, those that are."""
        if self._unseen is None:
            data = self.recipe.data
            split = "validation" if has_validation(data.source) else "train"
            self._unseen = open_pictures(data, labelled=False, split=split)
        return self._unseen

    def _shown(self, numbers: range) -> Tensor:
        """(B, C, H, W) in [-1, 1]."""
        return torch.stack([self.unseen.plain(number)["image"] for number in numbers])


class UsualScores(nn.Module):
    """Quantiles of the scores of normal pictures; buffers, so that a resumed run has them."""

    begun: Tensor
    count: Tensor
    quantiles: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("begun", torch.tensor(False))  # whether the encoder is being trained
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("quantiles", torch.zeros(LEVELS + 1))

    @property
    def known(self) -> bool:
        """Whether they are those of the encoder as it is."""
        return bool(self.count)

    def forget(self) -> None:
        """The encoder changes: what was known of its scores does not hold any more."""
        self.begun.fill_(True)
        self.count.zero_()

    def store(self, scores_N: Tensor) -> None:
        """Keeps the quantiles 0, 0.01 ... 1."""
        shares = torch.linspace(0, 1, LEVELS + 1, device=scores_N.device)
        self.quantiles.copy_(torch.quantile(scores_N.float(), shares))
        self.count.fill_(len(scores_N))
