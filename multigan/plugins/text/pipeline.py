"""Writing sentences with a trained generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from multigan.data.vocabulary import Vocabulary
from multigan.errors import CheckpointError, PluginError
from multigan.inference.pipeline import Pipeline
from multigan.plugins.text.networks import LSTMGenerator, by_chance, write

CHUNK = 1024  # sentences at a time, which bounds the memory


@dataclass(frozen=True)
class TextOutput:
    """Generated sentences."""

    texts: list[str]


class TextPipeline(Pipeline):
    """Sentences from noise.

        pipe = multigan.pipeline("runs/textgan")
        pipe(20, seed=1, temperature=0.8).texts

    Args:
        components: holds the "generator".
        facts: vocabulary and length.

    Raises:
        CheckpointError: the facts do not fit the generator.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        generator = components.get("generator")
        if not isinstance(generator, LSTMGenerator):
            raise CheckpointError("the model is damaged: it has no text generator")
        self.generator = generator
        self.vocabulary = Vocabulary.from_dict(facts.get("vocabulary"))
        length = facts.get("max_length")
        if type(length) is not int or length < 1:
            raise CheckpointError("the model is damaged: max_length is not a positive number")
        self.max_length: int = length
        if len(self.vocabulary) != generator.embedding.num_embeddings:
            raise CheckpointError("the model is damaged: vocabulary and generator differ in size")

    def __call__(
        self,
        count: int = 10,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        max_length: int | None = None,
    ) -> TextOutput:
        """Writes sentences.

        Args:
            count: how many. The first sentences of more are the same sentences.
            seed: the same seed gives the same sentences.
            temperature: below 1 safer, above 1 wilder, 0 always the likeliest word.
            max_length: most words; sentences that would be longer are cut.

        Raises:
            PluginError: an argument is out of range.
        """
        length = self.max_length if max_length is None else max_length
        if count < 0 or length < 1 or not 0 <= temperature < float("inf"):
            raise PluginError(
                f"count={count}, max_length={length}, temperature={temperature}: give a count from "
                "0, a length from 1 and a finite temperature from 0 on"
            )
        # Drawn on the CPU, so that a seed means the same sentences on every device.
        source = torch.Generator().manual_seed(seed)
        texts: list[str] = []
        for start in range(0, count, CHUNK):
            # Whole chunks, so that the count does not change what the noise is.
            latents_BZ = torch.randn(CHUNK, self.generator.latents, generator=source)
            uniforms_LB = torch.rand(length + 1, CHUNK, generator=source)
            size = min(CHUNK, count - start)
            choose = by_chance(uniforms_LB.T[:size].to(self.device), temperature=temperature)
            tokens_BL = write(
                self.generator, latents_BZ[:size].to(self.device), choose, max_length=length
            )
            texts += self.vocabulary.decode_batch(tokens_BL[:, :length])
        return TextOutput(texts)

    def sample(self, count: int, *, seed: int = 0, temperature: float = 1.0) -> TextOutput:
        """What ``multigan sample`` calls."""
        return self(count, seed=seed, temperature=temperature)

    def save_samples(self, result: TextOutput, path: Path) -> list[Path]:
        """Writes one sentence a line."""
        path.write_text("".join(f"{text}\n" for text in result.texts), encoding="utf-8")
        return [path]
