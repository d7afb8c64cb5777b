"""Finds unusual pictures with a model that was trained on usual ones.

With an encoder in the model this is f-AnoGAN (Schlegl et al. 2019), one pass a picture; without
one it is AnoGAN (Schlegl et al. 2017), which searches for the latents of each picture: here by
`project`, in the pixels.

Shape suffixes: B pictures, C channels, H and W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from multigan.errors import CheckpointError, DataError, PluginError
from multigan.plugins.image.adversarial.recipe import ImageData
from multigan.plugins.image.anomaly.pictures import Candidate
from multigan.plugins.image.anomaly.scoring import anomaly_scores
from multigan.plugins.image.latent.projection import project
from multigan.plugins.image.pipeline import ImagePipeline

CHUNK = 64  # pictures looked at together
STARTS, STEPS = 512, 100  # of the search for latents, where no encoder knows them


@dataclass(frozen=True)
class Finding:
    """A picture that has been looked at.

    Attributes:
        candidate: which one.
        score: how unusual it is.
        picture: (C, H, W) in [-1, 1], on the CPU.
        made: what the generator made of it, the same.
    """

    candidate: Candidate
    score: float
    picture: Tensor
    made: Tensor


class Detector:
    """Scores pictures by how badly a generator repeats them.

        detector = Detector(multigan.pipeline("runs/anomaly"))
        scores_B, made_BCHW = detector(pictures_BCHW)
        scores_B > detector.threshold(0.05)

    Args:
        pipe: a trained model, best one with an encoder.
        seed: of the search for latents where there is none.
        steps: of that search.

    Attributes:
        data: size, crop and colours that pictures have to be brought to.
        pictures: normal ones that `threshold` knows of; 0 for a model that knows none.
        held_out: whether these were kept out of the training.

    Raises:
        PluginError: a model of points.
        CheckpointError: a damaged model.
    """

    def __init__(self, pipe: ImagePipeline, *, seed: int = 0, steps: int = STEPS) -> None:
        if pipe.colours == "points":
            raise PluginError("this model makes points; it cannot judge pictures")
        self.pipe, self.seed, self.steps = pipe, seed, steps
        self.encoder = pipe.components.get("encoder")
        facts = pipe.facts.get("anomaly", {})
        try:
            self.kappa = float(facts.get("kappa", 1.0))
            self.quantiles = [float(score) for score in facts.get("quantiles", ())]
            self.pictures = int(facts.get("pictures", 0)) if self.quantiles else 0
            self.held_out = bool(facts.get("held_out", False))
            size: Any = pipe.generator.config["size"]  # type: ignore[index]
            crop = facts.get("crop", "centre")
            colours: Any = pipe.colours
            self.data = ImageData(source="", size=size, colours=colours, crop=crop)
        except (AttributeError, KeyError, TypeError, ValueError, ValidationError) as error:
            raise CheckpointError(
                "the model is damaged: no size, or wrong anomaly facts"
            ) from error

    def __call__(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Scores (B,) of pictures in [-1, 1], and what the generator made of them; on the CPU."""
        scores, made = [], []
        for some_BCHW in x_BCHW.split(CHUNK):
            given_BCHW = some_BCHW.to(self.pipe.device)
            made_BCHW = self._made(given_BCHW)
            with torch.no_grad():
                scores.append(self._scores(given_BCHW, made_BCHW).cpu())
            made.append(made_BCHW.float().cpu())
        return torch.cat(scores), torch.cat(made)

    def findings(
        self, candidates: Sequence[Candidate], *, on_error: Callable[[DataError], None]
    ) -> Iterator[Finding]:
        """Looks at pictures one batch after the other; those that cannot be read are told."""
        for start in range(0, len(candidates), CHUNK):
            read: list[tuple[Candidate, Tensor]] = []
            for candidate in candidates[start : start + CHUNK]:
                try:
                    read.append((candidate, candidate.load()))
                except DataError as error:
                    on_error(error)
            if read:
                x_BCHW = torch.stack([picture for _, picture in read])
                scores_B, made_BCHW = self(x_BCHW)
                for (candidate, picture), score, made in zip(
                    read, scores_B.tolist(), made_BCHW, strict=True
                ):
                    yield Finding(candidate, score, picture, made)

    def threshold(self, share: float) -> float | None:
        """The score that this share of normal pictures exceeds; None if the model knows none.

        Args:
            share: of normal pictures that are called unusual all the same, 0 to 1.
        """
        if not self.quantiles:
            return None
        place = (1.0 - share) * (len(self.quantiles) - 1)
        low, high = self.quantiles[math.floor(place)], self.quantiles[math.ceil(place)]
        return low + (place - math.floor(place)) * (high - low)

    def _made(self, x_BCHW: Tensor) -> Tensor:
        generator = self.pipe.generator
        if self.encoder is not None:
            with torch.no_grad():
                return generator(self.encoder(x_BCHW))
        found = project(
            generator,
            x_BCHW,
            latents=self.pipe.latents,
            classes=len(self.pipe.classes),
            starts=STARTS,
            steps=self.steps,
            seed=self.seed,
        )
        labels_B = found.points.labels
        with torch.no_grad():
            return generator(
                found.points.latents.to(x_BCHW.device),
                None if labels_B is None else labels_B.to(x_BCHW.device),
            )

    def _scores(self, x_BCHW: Tensor, made_BCHW: Tensor) -> Tensor:
        judge: Any = self.pipe.components.get("discriminator")
        # A discriminator with labels would have to be told the label of a picture that has none.
        features = None if judge is None or self.pipe.classes else judge.features
        return anomaly_scores(x_BCHW, made_BCHW, features=features, kappa=self.kappa)
