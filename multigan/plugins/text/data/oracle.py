"""A known distribution of sentences: an LSTM with random weights, which a generator has to learn.

The synthetic task of SeqGAN (Yu et al. 2017). What is learnt can be measured exactly there, as the
likelihood of any sentence is known. Numbers compare on the same weights only, so that an oracle has
a name made of their hash, and `Oracle.own_nll` says what a perfect generator scores.

A low NLL under the oracle is easily had by writing few, safe sentences: read it beside the NLL of
held-out oracle sentences under the generator.

Shape suffixes: B sentences, L token positions, V vocabulary, H hidden.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.errors import CheckpointError
from multigan.plugins.text.writing import draw, rows
from multigan.weights import fill, read_tensors

START = 0  # the token before the first one; it is an ordinary token as well
CHUNK = 1000  # sentences at a time


class Oracle(nn.Module):
    """Sentences of a fixed length from a one-layer LSTM.

    Args:
        vocabulary_size: V; the tokens are 0 to V - 1, and none of them is special.
        length: L.
        embedding: size of the word vectors.
        hidden: H.
        std: standard deviation of every weight, biases too.
        seed: of the weights.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int = 5000,
        length: int = 20,
        embedding: int = 32,
        hidden: int = 32,
        std: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.length = length
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary_size)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(std=std, generator=generator)
        self.requires_grad_(False)

    @classmethod
    def from_file(cls, path: str | Path, *, length: int = 20) -> Self:
        """An oracle with the weights of a safetensors file, whose shapes say how large it is.

        Args:
            path: with ``embedding.weight``, ``lstm.*_l0`` and ``output.*`` as `torch.nn` lays them
                out.
            length: L.

        Raises:
            CheckpointError: the file cannot be read, or its tensors are not those of an oracle.
        """
        path = Path(path)
        tensors = read_tensors(path)
        try:
            words, recurrent = tensors["embedding.weight"].shape, tensors["lstm.weight_hh_l0"].shape
            sizes = {"vocabulary_size": words[0], "embedding": words[1], "hidden": recurrent[1]}
        except (KeyError, IndexError) as error:
            raise CheckpointError(
                f"{path} is no oracle: it needs the tensors embedding.weight, lstm.weight_ih_l0, "
                "lstm.weight_hh_l0, lstm.bias_ih_l0, lstm.bias_hh_l0, output.weight, output.bias"
            ) from error
        oracle = cls(length=length, **sizes)
        fill(oracle, tensors, path)
        return oracle.requires_grad_(False)

    @property
    def name(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of its weights (in fp32) and its length."""
        digest = hashlib.sha256(f"{self.length}".encode())
        for key, value in sorted(self.state_dict().items()):
            digest.update(f"{key}{tuple(value.shape)}".encode())
            digest.update(value.float().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:12]

    @torch.no_grad()
    def sample(self, count: int, *, seed: int) -> Tensor:
        """Sentences, int64 (count, L), drawn on the CPU's random numbers."""
        source, parts = torch.Generator().manual_seed(seed), []
        device = self.output.weight.device
        for start in range(0, count, CHUNK):
            B = min(CHUNK, count - start)
            uniforms_BL = torch.rand(B, self.length, generator=source).to(device)
            token_B, state, tokens = torch.full((B,), START, device=device), None, []
            for position in range(self.length):
                h_B1H, state = self.lstm(self.embedding(token_B)[:, None], state)
                token_B = draw(self.logits, h_B1H[:, 0], uniforms_BL[:, position, None])[:, 0]
                tokens.append(token_B)
            parts.append(torch.stack(tokens, dim=1))
        return torch.cat(parts) if parts else torch.empty(0, self.length, dtype=torch.long)

    @torch.no_grad()
    def nll(self, tokens_BL: Tensor) -> float:
        """Mean nats per token of sentences."""
        total = 0.0
        for part_BL in tokens_BL.split(CHUNK):
            before_BL = F.pad(part_BL[:, :-1], (1, 0), value=START)
            h_BLH, _ = self.lstm(self.embedding(before_BL))
            h_NH, tokens_N = h_BLH.flatten(0, 1), part_BL.flatten()
            size = rows(h_NH)
            for h_RH, tokens_R in zip(h_NH.split(size), tokens_N.split(size), strict=True):
                total += F.cross_entropy(self.logits(h_RH), tokens_R, reduction="sum").item()
        return total / tokens_BL.numel()

    def own_nll(self, *, count: int = 10_000, seed: int = 1) -> float:
        """Mean nats per token of its own sentences: an estimate of its entropy."""
        return self.nll(self.sample(count, seed=seed))

    def logits(self, features: Tensor) -> Tensor:
        """The last layer: (..., H) to (..., V)."""
        return self.output(features)
