"""Saying what is in pictures, and finding the caption that fits one.

Shape suffixes: B pictures, K captions of each, C captions, L token positions, N cells, D features.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.files import write_atomic
from multigan.data.inputs import ImageInput, read_pictures
from multigan.data.media import Picture
from multigan.data.pixels import over_white
from multigan.data.transforms import to_float
from multigan.data.vocabulary import UNK, Vocabulary
from multigan.errors import CheckpointError, DataError, PluginError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.captioning.data.corpus import squeezed
from multigan.plugins.captioning.evaluation import match_all
from multigan.plugins.captioning.networks.evaluator import Evaluator
from multigan.plugins.captioning.networks.lstm import AttentionGenerator
from multigan.plugins.captioning.writing import beam_search, by_chance, write


@dataclass(frozen=True)
class CaptionOutput:
    """Captions of pictures.

    Attributes:
        captions: of each picture, best first where a beam found them.
        texts: the same in one list.
    """

    captions: list[list[str]]

    @property
    def texts(self) -> list[str]:
        """All captions, those of one picture after those of the other."""
        return [text for of in self.captions for text in of]


class CaptionPipeline(Pipeline):
    """Captions of pictures.

        pipe = multigan.pipeline("scenes")
        pipe("photo.jpg", count=5, seed=1).captions
        pipe.match("photo.jpg", ["a red circle", "two blue stars"])

    A picture of any size, mode and orientation is read upright, laid over white where it is
    transparent, and squeezed into a square.

    Args:
        components: hold "encoder", "generator" and "evaluator".
        facts: vocabulary and sizes.

    Raises:
        CheckpointError: the facts do not fit the networks.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        if not isinstance(components.get("generator"), AttentionGenerator):
            raise CheckpointError("the model is damaged: it has no caption generator")
        if not isinstance(components.get("evaluator"), Evaluator) or "encoder" not in components:
            raise CheckpointError("the model is damaged: it has no encoder or no evaluator")
        self.encoder: Any = components["encoder"]
        self.generator: Any = components["generator"]
        self.evaluator: Any = components["evaluator"]
        self.vocabulary = Vocabulary.from_dict(facts.get("vocabulary"))
        self.max_length, self.size = int(facts["max_length"]), int(facts["size"])
        generator: Any = self.generator
        if len(self.vocabulary) != generator.embedding.num_embeddings:
            raise CheckpointError("the model is damaged: vocabulary and generator differ in size")

    @torch.inference_mode()
    def __call__(
        self,
        images: ImageInput | Sequence[ImageInput],
        *,
        count: int = 1,
        seed: int = 0,
        temperature: float = 0.5,
        beam: int = 0,
        batch: int = 32,
    ) -> CaptionOutput:
        """Captions of one picture or of several.

        The noise is the same for every picture, so that what is said of one does not depend on the
        others; the first captions of more are the same captions.

        Args:
            images: a path, a PIL image, a uint8 array (H, W[, 3 or 4]), a float tensor in [0, 1],
                (1 or 3, H, W) or (N, 1 or 3, H, W), or a list of these.
            count: captions of each.
            seed: the same seed gives the same captions.
            temperature: below 1 safer, above 1 wilder, 0 always the likeliest word.
            beam: instead, the likeliest captions among so many that are followed; 0: by chance.
            batch: pictures at a time.

        Raises:
            DataError: something that is not a picture.
            PluginError: an argument is out of range.
        """
        if count < 1 or not 0 <= temperature < float("inf") or batch < 1:
            raise PluginError(
                f"count={count}, temperature={temperature}, batch={batch}: give counts from 1 on "
                "and a finite temperature from 0 on"
            )
        if beam < 0 or 0 < beam < count:
            raise PluginError(f"beam={beam} cannot find {count} captions; make it {count} or more")
        if beam > len(self.vocabulary) - 3:
            raise PluginError(
                f"beam={beam} is more than the {len(self.vocabulary) - 3} known words"
            )
        grid_BND = self._encode(read_pictures(images), batch)
        captions: list[list[str]] = []
        for part_BND in grid_BND.split(batch):
            tokens_BKL = (
                self._likeliest(part_BND, count, beam)
                if beam
                else self._by_chance(part_BND, count, seed, temperature)
            )
            captions += [self.vocabulary.decode_batch(of) for of in tokens_BKL.cpu()]
        return CaptionOutput(captions)

    @torch.inference_mode()
    def match(
        self, images: ImageInput | Sequence[ImageInput], captions: Sequence[str], *, batch: int = 32
    ) -> Tensor:
        """How well each caption fits each picture, (pictures, captions): the evaluator's log-odds.

        Args:
            images: as for calling the pipeline.
            captions: any sentences in words that the model knows.
            batch: pictures at a time.

        Raises:
            DataError: something that is not a picture, or a word that the model does not know.
        """
        tokens_CL = self.vocabulary.encode(captions)
        for text, row in zip(captions, tokens_CL.tolist(), strict=True):
            if UNK in row or len(self.vocabulary.split(text)) == 0:
                unknown = [w for w in self.vocabulary.split(text) if w not in self.vocabulary]
                raise DataError(
                    f"caption {text!r}: the model does not know {', '.join(unknown)}"
                    if unknown
                    else "an empty caption fits nothing; write some words"
                )
        grid_BND = self._encode(read_pictures(images), batch)
        return match_all(self.evaluator, tokens_CL.to(self.device), grid_BND).cpu()

    def _encode(self, pictures: Sequence[Picture], batch: int) -> Tensor:
        images = [squeezed(over_white(p.rgb, p.alpha), self.size) for p in pictures]
        if not images:
            return torch.empty(0, self.encoder.cells, self.encoder.features)
        parts = [torch.stack(images[i : i + batch]) for i in range(0, len(images), batch)]
        return torch.cat([self.encoder(to_float(part.to(self.device))) for part in parts])

    def _by_chance(self, grid_BND: Tensor, count: int, seed: int, temperature: float) -> Tensor:
        # Drawn on the CPU, so that a seed means the same captions on every device; caption by
        # caption, so that the count does not change what the noise is.
        source = torch.Generator().manual_seed(seed)
        latents, uniforms = [], []
        for _ in range(count):
            latents.append(torch.randn(self.generator.latents, generator=source))
            uniforms.append(torch.rand(self.max_length + 1, generator=source))
        shape = (len(grid_BND), -1, -1)
        uniforms_BKL = torch.stack(uniforms).to(self.device).expand(shape)
        choose = by_chance(uniforms_BKL.contiguous(), temperature=temperature)
        latents_BKZ = torch.stack(latents).to(self.device).expand(shape)
        return write(self.generator, grid_BND, latents_BKZ, choose, length=self.max_length + 1)

    def _likeliest(self, grid_BND: Tensor, count: int, beam: int) -> Tensor:
        latents_BZ = grid_BND.new_zeros(len(grid_BND), self.generator.latents)
        tokens_BKL, _ = beam_search(
            self.generator, grid_BND, latents_BZ, beams=beam, length=self.max_length + 1
        )
        return tokens_BKL[:, :count]


def save_captions(rows: Sequence[tuple[str, Sequence[str]]], path: Path) -> None:
    """Writes pictures and their captions, one JSON object a line, as `multigan score` reads it."""
    lines = [
        json.dumps({"file_name": name, "captions": list(captions)}, ensure_ascii=False)
        for name, captions in rows
    ]
    write_atomic(path, "".join(f"{line}\n" for line in lines).encode())
