"""The evaluator: does a sentence say what this picture shows, the way people would say it?

Shape suffixes: B pictures, K captions of each, R = B K captions in all, L token positions, V
vocabulary, E embedding, H hidden, N cells of the grid, D features of a cell, Q kernels, S size of a
kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from multigan.data.vocabulary import PAD
from multigan.nn.network import Network

KERNEL_SIZE = 8


@dataclass(frozen=True)
class Read:
    """Captions that were read, before any picture is looked at.

    Attributes:
        states_BKLH: what was known after each word.
        last_BK: position of the last token, the eos.
    """

    states_BKLH: Tensor
    last_BK: Tensor

    def roll(self) -> Read:
        """The captions of the picture before: what fits another picture."""
        return Read(self.states_BKLH.roll(1, 0), self.last_BK.roll(1, 0))


@dataclass(frozen=True)
class Verdict:
    """Log-odds that captions are a person's, of this picture; larger for more so.

    Attributes:
        match_BK: of each caption by itself.
        variety_BK: what the picture's other captions add; 0 for a single one.
    """

    match_BK: Tensor
    variety_BK: Tensor

    @property
    def logits_BK(self) -> Tensor:
        """Both together."""
        return self.match_BK + self.variety_BK


class Evaluator(Network):
    """Reads a caption, looks at the picture from each of its words, and sums up what it saw.

    An LSTM encodes the sentence. From its state after every word attention looks at the picture,
    and a second LSTM reads word by word what was said and what was seen; two fully connected layers
    make its last state a verdict (a match of sentence and picture as in Dai et al. 2017, whose
    inner product of two vectors cannot say which of two things is left of the other).

    Captions of one picture are also compared with each other by minibatch discrimination (Salimans
    et al. 2016; Shetty et al. 2017): for each kernel q the mean over the others of
    exp(-|m_k - m_j|), where m is linear in the encoded sentence. People do not say the same thing
    five times.

    Args:
        vocabulary_size: V.
        features: D of the grid.
        embedding: E.
        hidden: H of both LSTMs, a multiple of the heads.
        heads: of attention.
        kernels: Q; 0 judges each caption by itself.
        dropout: share of the features of words and cells that are dropped in training.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        features: int,
        embedding: int = 128,
        hidden: int = 192,
        heads: int = 4,
        kernels: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if hidden % heads:
            raise ValueError(f"{hidden} hidden units cannot be shared by {heads} heads")
        self.heads, self.num_kernels = heads, kernels
        self.embedding = nn.Embedding(vocabulary_size, embedding)
        nn.init.normal_(self.embedding.weight, std=0.3)
        self.dropout = nn.Dropout(dropout)
        self.sentence = nn.LSTM(embedding, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.keys_values = nn.Linear(features, 2 * hidden)
        self.both = nn.Linear(2 * hidden, hidden)
        self.summary = nn.LSTM(hidden, hidden, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(hidden, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1)
        )
        self.kernels = nn.Linear(hidden, kernels * KERNEL_SIZE, bias=False) if kernels else None
        self.variety = nn.Linear(kernels, 1) if kernels else None

    def forward(
        self, tokens_BKL: Tensor, grid_BND: Tensor, soft_NV: Tensor | None = None
    ) -> Verdict:
        """The verdict on captions of pictures.

        Args:
            tokens_BKL: captions with eos and pads.
            grid_BND: the pictures.
            soft_NV: soft rows of the captions' tokens in order, pads left out, through which a
                gradient is wanted (straight through: their values are not used).
        """
        return self.judge(self.read(tokens_BKL, soft_NV), grid_BND)

    def read(self, tokens_BKL: Tensor, soft_NV: Tensor | None = None) -> Read:
        """Encodes sentences."""
        real_BKL = tokens_BKL != PAD
        lengths_BK = real_BKL.sum(2)
        longest = int(lengths_BK.max())
        words_BKLE = self.embedding(tokens_BKL)
        if soft_NV is not None:
            soft_NE = soft_NV @ self.embedding.weight.to(soft_NV.dtype)
            words_BKLE = words_BKLE.masked_scatter(
                real_BKL[..., None], words_BKLE[real_BKL] + (soft_NE - soft_NE.detach())
            )
        words_RLE = self.dropout(words_BKLE[:, :, :longest]).flatten(0, 1)
        states_RLH, _ = self.sentence(words_RLE)
        return Read(states_RLH.view(*tokens_BKL.shape[:2], longest, -1), lengths_BK - 1)

    def judge(self, read: Read, grid_BND: Tensor) -> Verdict:
        """Compares what was read with pictures."""
        B, K, L, H = read.states_BKLH.shape

        def heads(x_BXH: Tensor) -> Tensor:
            return x_BXH.view(B, -1, self.heads, H // self.heads).transpose(1, 2)

        keys_BNH, values_BNH = self.keys_values(self.dropout(grid_BND)).chunk(2, dim=2)
        query_BXH = self.query(read.states_BKLH).view(B, K * L, H)
        seen = F.scaled_dot_product_attention(heads(query_BXH), heads(keys_BNH), heads(values_BNH))
        seen_BKLH = seen.transpose(1, 2).reshape(B, K, L, H)
        both_BKLH = self.both(torch.cat([read.states_BKLH, seen_BKLH], dim=3)).relu()
        summary_RLH, _ = self.summary(both_BKLH.flatten(0, 1))
        end_BKH = _at(summary_RLH.view(B, K, L, H), read.last_BK)
        match_BK = self.head(end_BKH)[..., 0].float()
        return Verdict(match_BK, self._variety(_at(read.states_BKLH, read.last_BK)))

    def _variety(self, sentence_BKH: Tensor) -> Tensor:
        B, K = sentence_BKH.shape[:2]
        if self.kernels is None or self.variety is None or K < 2:
            return sentence_BKH.new_zeros(B, K, dtype=torch.float)
        m_BKQS = self.kernels(sentence_BKH).float().view(B, K, -1, KERNEL_SIZE)
        distance_BKKQ = (m_BKQS[:, :, None] - m_BKQS[:, None]).abs().sum(4)
        # Every caption is as near to itself as can be, which tells nothing.
        near_BKQ = (torch.exp(-distance_BKKQ).sum(2) - 1) / (K - 1)
        return self.variety(near_BKQ.to(sentence_BKH.dtype))[..., 0].float()


def _at(x_BKLH: Tensor, position_BK: Tensor) -> Tensor:
    """What stands at a position of each caption, (B, K, H)."""
    index = position_BK[..., None, None].expand(-1, -1, 1, x_BKLH.shape[3])
    return x_BKLH.gather(2, index)[:, :, 0]
