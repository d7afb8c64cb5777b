"""Writing sentences with a trained generator, and telling how likely it finds others."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from multigan.data.vocabulary import Vocabulary
from multigan.errors import CheckpointError, DataError, PluginError, suggestion
from multigan.inference.pipeline import Pipeline
from multigan.plugins.text.likelihood import nll as nats
from multigan.plugins.text.likelihood import predicted
from multigan.plugins.text.networks import GENERATORS
from multigan.plugins.text.networks.themes import make_theme
from multigan.plugins.text.writing import by_chance, write

CHUNK = 1024  # sentences at a time, which bounds the memory


@dataclass(frozen=True)
class TextOutput:
    """Generated sentences.

    Attributes:
        texts: one string a sentence.
        tokens: int64 (N, L), as the model's vocabulary numbers them, eos and pads included.
        labels: the label of each sentence; empty where the model has none.
    """

    texts: list[str]
    tokens: Tensor
    labels: list[str]


class TextPipeline(Pipeline):
    """Sentences from noise.

        pipe = multigan.pipeline("runs/textgan")
        pipe(20, seed=1, temperature=0.8).texts
        pipe(5, prompt="a man is", top_p=0.9).texts

    Args:
        components: holds the "generator".
        facts: vocabulary, length and labels.

    Attributes:
        vocabulary: of the model.
        labels: names of what it can be asked to write about; empty for most models.
        max_length: most tokens that it was trained on.

    Raises:
        CheckpointError: the facts do not fit the generator.
    """

    def __init__(self, components: dict[str, nn.Module], facts: dict[str, Any]) -> None:
        super().__init__(components, facts)
        generator: Any = components.get("generator")
        if not isinstance(generator, GENERATORS):
            raise CheckpointError("the model is damaged: it has no text generator")
        self.generator: Any = generator
        self.vocabulary = Vocabulary.from_dict(facts.get("vocabulary"))
        length = facts.get("max_length")
        if type(length) is not int or length < 1:
            raise CheckpointError("the model is damaged: max_length is not a positive number")
        self.max_length: int = length
        if len(self.vocabulary) != generator.embedding.num_embeddings:
            raise CheckpointError("the model is damaged: vocabulary and generator differ in size")
        self.labels: list[str] = list(facts.get("labels", []))
        if len(self.labels) != generator.labels:
            raise CheckpointError("the model is damaged: labels and generator differ in number")
        self.ends = bool(facts.get("ends", True))

    def sample(
        self,
        count: int = 10,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        prompt: str = "",
        label: str | None = None,
        max_length: int | None = None,
    ) -> TextOutput:
        """Writes sentences; calling the pipeline does the same.

        Args:
            count: how many. The first sentences of more are the same sentences.
            seed: the same seed gives the same sentences.
            temperature: below 1 safer, above 1 wilder, 0 always the likeliest word.
            top_k: draw from so many likeliest words only; 0 is all.
            top_p: draw from the likeliest words only that together have this probability.
            prompt: how every sentence begins.
            label: what they are to be about, for a model with labels; None takes all in turn.
            max_length: most tokens, the prompt's included; longer sentences are cut.

        Raises:
            PluginError: an argument is out of range.
        """
        length = self.max_length if max_length is None else max_length
        if count < 0 or length < 1 or not 0 <= temperature < float("inf"):
            raise PluginError(
                f"count={count}, max_length={length}, temperature={temperature}: give a count from "
                "0, a length from 1 and a finite temperature from 0 on"
            )
        if top_k < 0 or not 0 < top_p <= 1:
            raise PluginError(
                f"top_k={top_k}, top_p={top_p}: give a top_k from 0 on and a top_p above 0, up to 1"
            )
        beginning = self._prompt(prompt, length)
        chosen = self._labels(label)
        # Drawn on the CPU, so that a seed means the same sentences on every device.
        source = torch.Generator().manual_seed(seed)
        places = length + 1 if self.ends else length
        parts, labels = [], []
        for start in range(0, count, CHUNK):
            # Whole chunks, so that the count does not change what the noise is.
            latents_BZ = torch.randn(CHUNK, self.generator.latents, generator=source)
            uniforms_LB = torch.rand(places, CHUNK, generator=source)
            size = min(CHUNK, count - start)
            numbers = list(itertools.islice(itertools.cycle(chosen), start, start + size))
            theme_BC = self._theme(latents_BZ[:size], numbers)
            choose = by_chance(
                uniforms_LB.T[:size].to(self.device),
                temperature=temperature,
                top_k=top_k,
                top_p=top_p,
            )
            tokens_BL = write(self.generator, theme_BC, choose, length=places, prompt=beginning)
            parts.append(tokens_BL[:, :length].cpu())
            labels += [self.labels[number] for number in numbers] if self.labels else []
        tokens = torch.cat(parts) if parts else torch.empty(0, length, dtype=torch.long)
        return TextOutput(self.vocabulary.decode_batch(tokens), tokens, labels)

    __call__ = sample

    def save_samples(self, result: TextOutput, path: Path) -> list[Path]:
        """Writes one sentence a line."""
        path.write_text("".join(f"{text}\n" for text in result.texts), encoding="utf-8")
        return [path]

    @torch.no_grad()
    def nll(
        self,
        tokens: Tensor,
        *,
        labels: Sequence[int] = (),
        seed: int = 0,
        temperature: float = 1.0,
    ) -> float:
        """Mean nats per token of sentences, eos included, pads and unknown tokens not.

        With a noise vector the likelihood is that of one draw of it, as in training, and so is an
        upper bound of what an average over draws would give.

        Args:
            tokens: int64 (N, L) as from ``vocabulary.encode``.
            labels: number of the label of each sentence, for a model with labels.
            seed: of the noise vectors.
            temperature: by which the logits are divided.
        """
        source = torch.Generator().manual_seed(seed)
        total, words = 0.0, 0
        for start in range(0, len(tokens), CHUNK):
            part_BL = tokens[start : start + CHUNK].to(self.device)
            latents_BZ = torch.randn(len(part_BL), self.generator.latents, generator=source)
            theme_BC = self._theme(latents_BZ, list(labels[start : start + CHUNK]))
            nats_BL = nats(self.generator, part_BL, theme_BC, temperature=temperature)
            total += nats_BL.sum().item()
            words += int(predicted(part_BL).sum())
        return total / max(1, words)

    def _prompt(self, prompt: str, length: int) -> list[int]:
        try:
            beginning = self.vocabulary.encode_prefix(prompt) if prompt else []
        except DataError as error:
            raise PluginError(f"prompt {prompt!r}: {error}") from error
        if len(beginning) >= length:
            raise PluginError(
                f"the prompt has {len(beginning)} tokens and max_length is {length}: nothing is "
                "left to write"
            )
        return beginning

    def _labels(self, label: str | None) -> list[int]:
        if label is None:
            return [*range(len(self.labels))] or [0]
        if not self.labels:
            raise PluginError("this model has no labels: leave the label out")
        if label not in self.labels:
            raise PluginError(f"unknown label '{label}'{suggestion(label, self.labels)}")
        return [self.labels.index(label)]

    def _theme(self, latents_BZ: Tensor, numbers: list[int]) -> Tensor:
        labels_B = torch.tensor(numbers) if self.labels else None
        return make_theme(latents_BZ, labels_B, labels=len(self.labels)).to(self.device)
