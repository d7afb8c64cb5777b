"""The evaluator: does a sentence say what this picture shows, the way people would say it?

Shape suffixes: B pictures, K captions of each, L token positions, N cells of the grid (and N words
that are no pads), D features of a cell, V vocabulary, H hidden, S summary, Q kernels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from multigan.data.vocabulary import PAD
from multigan.nn.network import Network
from multigan.plugins.captioning.networks.lstm import AttentionGenerator

KERNEL_SIZE = 8


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
    """Reads a caption while it looks at the picture, and compares each word with what it expected.

    The reader is an LSTM with attention, built as the generator is, so that it can begin as a copy
    of the pretrained one and know from the start where to look. What it expects before a word, what
    the word is and how likely it found it go into a second LSTM, and two fully connected layers
    make its last state a verdict. (The match of Dai et al. 2017, an inner product of one vector of
    the sentence and one of the picture, cannot say which of two things is left of the other.)

    Captions of one picture are also compared with each other by minibatch discrimination (Salimans
    et al. 2016; Shetty et al. 2017): for each kernel q the mean over the others of
    exp(-|m_k - m_j|), where m is linear in the summary and the mean word of a caption. People do
    not say the same thing five times.

    Args:
        vocabulary_size: V.
        features: D of the grid.
        embedding: of the reader, as its hidden size, its heads and its latents (which stay 0).
        hidden: H.
        heads: of attention.
        latents: as the generator has.
        summary: S of the second LSTM.
        kernels: Q; 0 judges each caption by itself.
        dropout: share of the features of words that are dropped in training.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        features: int,
        embedding: int = 128,
        hidden: int = 256,
        heads: int = 4,
        latents: int = 16,
        summary: int = 128,
        kernels: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.reader = AttentionGenerator(
            vocabulary_size=vocabulary_size,
            features=features,
            embedding=embedding,
            hidden=hidden,
            heads=heads,
            latents=latents,
            dropout=dropout,
        )
        self.compare = nn.Linear(2 * hidden + 1, summary)
        self.summary = nn.LSTM(summary, summary, batch_first=True)
        self.head = nn.Sequential(
            nn.Linear(summary, summary), nn.LeakyReLU(0.2), nn.Linear(summary, 1)
        )
        self.kernels = (
            nn.Linear(summary + hidden, kernels * KERNEL_SIZE, bias=False) if kernels else None
        )
        self.variety = nn.Linear(kernels, 1) if kernels else None

    def forward(
        self, tokens_BKL: Tensor, grid_BND: Tensor, soft_NV: Tensor | None = None
    ) -> Verdict:
        """The verdict on captions of pictures.

        Args:
            tokens_BKL: captions with eos and pads.
            grid_BND: the pictures.
            soft_NV: soft rows of the captions' tokens in order, pads left out, through which a
                gradient is wanted. Their values are not used (straight through), and the gradient
                is that of a word where it stands, not of what is read after it.
        """
        B, K, L = tokens_BKL.shape
        real_BKL = tokens_BKL != PAD
        tokens_N = tokens_BKL[real_BKL]
        latents_BKZ = grid_BND.new_zeros(B, K, self.reader.latents)
        h_BKLH, _ = self.reader(tokens_BKL, grid_BND, latents_BKZ)
        h_NH = h_BKLH[real_BKL]
        # Blocked tokens stand in no caption, and their -inf times a soft 0 would not be a number.
        logs_NV = self.reader.output(h_NH).float().log_softmax(1)
        word_NH = self.reader.output.weight[tokens_N]
        likely_N1 = logs_NV.gather(1, tokens_N[:, None])
        if soft_NV is not None:
            word_NH = word_NH + _only_gradient(soft_NV @ self.reader.output.weight)
            likely_N1 = likely_N1 + _only_gradient((soft_NV * logs_NV).sum(1, keepdim=True))
        inputs = torch.cat([h_NH, h_NH * word_NH, likely_N1.to(h_NH.dtype)], dim=1)
        compared_NS = self.compare(inputs).relu()
        compared = compared_NS.new_zeros(B, K, L, compared_NS.shape[1])
        compared_BKLS = compared.masked_scatter(real_BKL[..., None], compared_NS)
        states, _ = self.summary(compared_BKLS.flatten(0, 1))
        last_BK = real_BKL.sum(2) - 1
        end_BKS = _at(states.view(B, K, L, -1), last_BK)
        match_BK = self.head(end_BKS)[..., 0].float()
        if self.kernels is None or K < 2:
            return Verdict(match_BK, torch.zeros_like(match_BK))
        words = word_NH.new_zeros(B, K, L, word_NH.shape[1])
        words_BKLH = words.masked_scatter(real_BKL[..., None], word_NH)
        mean_BKH = words_BKLH.sum(2) / real_BKL.sum(2, keepdim=True)
        sentence = torch.cat([end_BKS, mean_BKH.to(end_BKS.dtype)], dim=2)
        return Verdict(match_BK, self._variety(self.kernels(sentence)))

    def _variety(self, m_BKX: Tensor) -> Tensor:
        assert self.variety is not None
        B, K, _ = m_BKX.shape
        m_BKQX = m_BKX.float().view(B, K, -1, KERNEL_SIZE)
        distance_BKKQ = (m_BKQX[:, :, None] - m_BKQX[:, None]).abs().sum(4)
        # Every caption is as near to itself as can be, which tells nothing.
        near_BKQ = (torch.exp(-distance_BKKQ).sum(2) - 1) / (K - 1)
        return self.variety(near_BKQ.to(m_BKX.dtype))[..., 0].float()


def _only_gradient(x: Tensor) -> Tensor:
    """0 forwards, the identity backwards."""
    return x - x.detach()


def _at(x_BKLH: Tensor, position_BK: Tensor) -> Tensor:
    """What stands at a position of each caption, (B, K, H)."""
    index = position_BK[..., None, None].expand(-1, -1, 1, x_BKLH.shape[3])
    return x_BKLH.gather(2, index)[:, :, 0]
