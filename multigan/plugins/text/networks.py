"""The two LSTMs of a text GAN, and the two ways in which the generator writes.

Shape suffixes: B sentences, L token positions, V vocabulary, E embedding, H hidden state, Z latents.

Token 0..3 are pad, bos, eos and unk (``multigan.data.vocabulary``). A sentence is its words, one eos, then pads.
The generator can never write pad, bos or unk; after eos everything is pad.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from multigan.data.vocabulary import BOS, PAD, UNK
from torch import Tensor, nn

from multigan.nn.network import Network

State = tuple[Tensor, Tensor]


class LSTMGenerator(Network):
    """Next-word distributions of sentences whose theme is a noise vector.

    The latents set the first hidden and cell state and are read again with every word, so that a long sentence
    does not forget them.

    Args:
        vocabulary_size: V, the four special tokens included.
        embedding: E.
        hidden: H of each layer.
        latents: Z.
        layers: stacked LSTM layers.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 64,
        hidden: int = 256,
        latents: int = 32,
        layers: int = 1,
    ) -> None:
        super().__init__()
        self.latents = latents
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.state = nn.Linear(latents, 2 * layers * hidden)
        self.lstm = nn.LSTM(embedding + latents, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary_size)
        blocked_V = torch.zeros(vocabulary_size)
        blocked_V[[PAD, BOS, UNK]] = float("-inf")
        self.register_buffer("blocked_V", blocked_V, persistent=False)

    def forward(self, tokens_BL: Tensor, latents_BZ: Tensor) -> Tensor:
        """Logits (B, L, V) of every next token, given the true tokens before it.

        Args:
            tokens_BL: sentences with eos and pads, without bos.
            latents_BZ: noise, one vector a sentence.
        """
        before_BL = F.pad(tokens_BL[:, :-1], (1, 0), value=BOS)
        x_BLE = self._with_latents(self.embedding(before_BL), latents_BZ)
        h_BLH, _ = self.lstm(x_BLE, self.start(latents_BZ))
        return self.output(h_BLH) + self.blocked_V

    def start(self, latents_BZ: Tensor) -> State:
        """The first hidden and cell state, each (layers, B, H)."""
        B = latents_BZ.shape[0]
        states = self.state(latents_BZ).tanh().view(B, self.lstm.num_layers, 2, -1)
        hidden, cell = states.permute(2, 1, 0, 3).contiguous()
        return hidden, cell

    def step(self, word_BE: Tensor, latents_BZ: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (B, V) of the next token and the next state, given the embedding of the word before."""
        x_B1E = self._with_latents(word_BE[:, None], latents_BZ)
        h_B1H, state = self.lstm(x_B1E, state)
        return self.output(h_B1H[:, 0]) + self.blocked_V, state

    @staticmethod
    def _with_latents(x_BLE: Tensor, latents_BZ: Tensor) -> Tensor:
        z_BLZ = latents_BZ[:, None].expand(-1, x_BLE.shape[1], -1).to(x_BLE.dtype)
        return torch.cat([x_BLE, z_BLZ], dim=2)


class LSTMDiscriminator(Network):
    """Scores a sentence: embedding, bidirectional LSTM, pooling, two fully connected layers.

    A sentence is read as one-hot rows, hard or relaxed, times the embedding matrix. The two readings start at the
    first word and at the eos, and pads take no part in the pooling: nothing behind the eos can be seen.

    Args:
        vocabulary_size: V.
        embedding: E.
        hidden: H of each direction, and of the layer between the two linear maps.
        dropout: share of embedded features and of pooled features that are dropped in training.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        embedding: int = 64,
        hidden: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        self.forward_lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.backward_lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Sequential(
            nn.Linear(4 * hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),
        )

    def forward(self, sentence: Tensor, tokens_BL: Tensor) -> Tensor:
        """Logits (B,), larger for more real.

        Args:
            sentence: embedded words (B, L, E), see :meth:`embed`.
            tokens_BL: the tokens themselves, which say where the sentence ends.
        """
        mask_BL = tokens_BL != PAD
        x_BLE = self.dropout(sentence)
        ahead_BLH, _ = self.forward_lstm(x_BLE)
        # Reading backwards begins at the eos: turn each sentence round within its own length.
        turn_BL = turned(mask_BL)
        back_BLH, _ = self.backward_lstm(take(x_BLE, turn_BL))
        h_BLH = torch.cat([ahead_BLH, take(back_BLH, turn_BL)], dim=2)
        mask_BL1 = mask_BL[:, :, None]
        mean_BH = (h_BLH * mask_BL1).sum(1) / mask_BL1.sum(1)
        peak_BH = h_BLH.masked_fill(~mask_BL1, float("-inf")).amax(1)
        return self.head(torch.cat([mean_BH, peak_BH], dim=1))[:, 0]

    def embed(self, sentence: Tensor) -> Tensor:
        """Embedded words (B, L, E) of tokens (B, L) or of one-hot rows, hard or relaxed, (B, L, V)."""
        if sentence.is_floating_point():
            return sentence @ self.embedding.weight.to(sentence.dtype)
        return self.embedding(sentence)


def turned(mask_BL: Tensor) -> Tensor:
    """Positions (B, L) that reverse each sentence within its length and leave the pads where they are."""
    positions_L = torch.arange(mask_BL.shape[1], device=mask_BL.device)
    lengths_B1 = mask_BL.sum(1, keepdim=True)
    return torch.where(mask_BL, lengths_B1 - 1 - positions_L, positions_L)


def take(x_BLE: Tensor, positions_BL: Tensor) -> Tensor:
    """``x[b, positions[b, l]]``."""
    return x_BLE.gather(1, positions_BL[:, :, None].expand_as(x_BLE))
